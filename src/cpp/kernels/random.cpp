#include "kernels/instantiate.h"
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// 32 bits of splitmix64 (Steele, Lea and Flood 2014) for a counter: element i's number does not depend on who computes it. Plain loops
// over these few integer operations are left to the compiler's vectoriser.
PYFFNN_INLINE std::uint32_t random_bits(std::uint64_t key, std::uint64_t counter) {
  std::uint64_t z = key + counter * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return static_cast<std::uint32_t>((z ^ (z >> 31)) >> 32);
}

template <class T>
void dropout_impl(const T* x, T* y, Index n, T rate, std::uint64_t key, std::uint64_t counter0) {
  const T scale = rate < T(1) ? T(1) / (T(1) - rate) : T(0);
  const double threshold = static_cast<double>(rate) * 4294967296.0;
  const auto limit = threshold < 4294967295.0 ? static_cast<std::uint32_t>(threshold) : ~std::uint32_t{0};
  for (Index i = 0; i < n; ++i) {
    const T kept = x[i] * scale;
    y[i] = random_bits(key, counter0 + static_cast<std::uint64_t>(i)) >= limit ? kept : T(0);
  }
}

template <class T>
void uniform_impl(T* y, Index n, T scale, std::uint64_t key, std::uint64_t counter0) {
  const T step = scale * T(4.656612873077392578125e-10);  // 2^-31
  for (Index i = 0; i < n; ++i)
    y[i] = static_cast<T>(static_cast<std::int32_t>(random_bits(key, counter0 + static_cast<std::uint64_t>(i)))) * step;
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                                       \
  void dropout(const T* x, T* y, Index n, T rate, std::uint64_t key, std::uint64_t counter0) { \
    dropout_impl(x, y, n, rate, key, counter0);                                                \
  }                                                                                            \
  void uniform(T* y, Index n, T scale, std::uint64_t key, std::uint64_t counter0) { uniform_impl(y, n, scale, key, counter0); }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
