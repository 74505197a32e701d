// What this core can do at best, for benchmarks to be measured against: multiply-adds on registers, and loads.
#include "kernels/instantiate.h"
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Independent chains: twice 4 cycles of latency at two a cycle, and enough registers for them on every ISA.
constexpr int kChains = 12;

template <class T>
T fma_loop_impl(Index rounds) {
  Vec<T> sum[kChains];
  PYFFNN_UNROLL for (int c = 0; c < kChains; ++c) sum[c] = set1(static_cast<T>(c));
  const Vec<T> a = set1(T(0.5)), b = set1(T(1));
  for (Index r = 0; r < rounds; ++r) {
    PYFFNN_UNROLL for (int c = 0; c < kChains; ++c) sum[c] = fma(sum[c], a, b);
  }
  Vec<T> total = zero<T>();
  PYFFNN_UNROLL for (int c = 0; c < kChains; ++c) total = total + sum[c];
  return total[0];
}

template <class T>
T read_loop_impl(const T* x, Index n) {
  constexpr Index L = kLanes<T>;
  constexpr int kSums = 8;
  Vec<T> sum[kSums];
  PYFFNN_UNROLL for (int c = 0; c < kSums; ++c) sum[c] = zero<T>();
  for (Index i = 0; i + kSums * L <= n; i += kSums * L) {
    PYFFNN_UNROLL for (int c = 0; c < kSums; ++c) sum[c] = sum[c] + load(x + i + c * L);
  }
  Vec<T> total = zero<T>();
  PYFFNN_UNROLL for (int c = 0; c < kSums; ++c) total = total + sum[c];
  return total[0];
}

}  // namespace

#define PYFFNN_DEFINE(T)                                           \
  T fma_loop(Index rounds, T) { return fma_loop_impl<T>(rounds); } \
  T read_loop(const T* x, Index n) { return read_loop_impl(x, n); }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
