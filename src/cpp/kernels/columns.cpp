#include <cstring>

#include "kernels/instantiate.h"
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

#if PYFFNN_VEC_BYTES == 64

// f(first column, first entry of index, lanes of each vector of a strip of columns, how many vectors) over strips.
template <class T, class F>
PYFFNN_INLINE void for_strips(Index n, const std::int32_t* index, Index count, F f) {
  constexpr Index L = kLanes<T>, kVectors = 32;
  Index at = 0;
  for (Index col = 0; col < n; col += kVectors * L) {
    const Index left = n - col, vectors = left < kVectors * L ? (left + L - 1) / L : kVectors;
    LaneMask lanes[kVectors] = {};
    const Index from = at;
    for (; at < count && index[at] < col + vectors * L; ++at) {
      const Index j = index[at] - col;
      lanes[j / L] = static_cast<LaneMask>(lanes[j / L] | 1u << (j % L));
    }
    f(col, from, lanes, vectors);
  }
}

template <class T>
void take_columns_impl(const T* x, Index ldx, Index m, Index n, const std::int32_t* index, Index count, T* out, Index ldo) {
  constexpr Index L = kLanes<T>;
  for_strips<T>(n, index, count, [&](Index col, Index from, const LaneMask* lanes, Index vectors) {
    for (Index i = 0; i < m; ++i) {
      const T* p = x + i * ldx + col;
      T* o = out + i * ldo + from;
      const Index whole = col + vectors * L <= n ? vectors : vectors - 1;
      for (Index q = 0; q < whole; ++q, p += L) {
        store(o, compress(load(p), lanes[q]));
        o += __builtin_popcount(lanes[q]);
      }
      if (whole < vectors) store(o, compress(load_tail(p, n - col - whole * L), lanes[whole]));
    }
  });
}

template <class T>
void put_columns_impl(const T* x, Index ldx, Index m, Index n, const std::int32_t* index, Index count, bool accumulate, T* out, Index ldo) {
  constexpr Index L = kLanes<T>;
  for_strips<T>(n, index, count, [&](Index col, Index from, const LaneMask* lanes, Index vectors) {
    for (Index i = 0; i < m; ++i) {
      const T* p = x + i * ldx + from;
      T* o = out + i * ldo + col;
      const Index whole = col + vectors * L <= n ? vectors : vectors - 1, tail = n - col - whole * L;
      for (Index q = 0; q < whole; ++q, o += L) {
        const Vec<T> v = expand(load(p), lanes[q]);
        store(o, accumulate ? add_lanes(load(o), v, lanes[q]) : v);
        p += __builtin_popcount(lanes[q]);
      }
      if (whole < vectors) {
        const Vec<T> v = expand(load(p), lanes[whole]);
        store_tail(o, accumulate ? add_lanes(load_tail(o, tail), v, lanes[whole]) : v, tail);
      }
    }
  });
}

#else

// Four rows at a time share each entry of the index.
template <class T>
void take_columns_impl(const T* x, Index ldx, Index m, Index, const std::int32_t* index, Index count, T* out, Index ldo) {
  for (; m >= 4; m -= 4, x += 4 * ldx, out += 4 * ldo) {
    for (Index j = 0; j < count; ++j) {
      const T* const p = x + index[j];
      const T a = p[0], b = p[ldx], c = p[2 * ldx], d = p[3 * ldx];
      out[j] = a;
      out[ldo + j] = b;
      out[2 * ldo + j] = c;
      out[3 * ldo + j] = d;
    }
  }
  for (; m > 0; --m, x += ldx, out += ldo)
    for (Index j = 0; j < count; ++j) out[j] = x[index[j]];
}

template <class T>
void put_columns_impl(const T* x, Index ldx, Index m, Index n, const std::int32_t* index, Index count, bool accumulate, T* out, Index ldo) {
  for (; m > 0; --m, x += ldx, out += ldo) {
    if (accumulate) {
      for (Index j = 0; j < count; ++j) out[index[j]] += x[j];
    } else {
      std::memset(out, 0, static_cast<std::size_t>(n) * sizeof(T));
      for (Index j = 0; j < count; ++j) out[index[j]] = x[j];
    }
  }
}

#endif

}  // namespace

#define PYFFNN_DEFINE(T)                                                                                                                  \
  void take_columns(const T* x, Index ldx, Index m, Index n, const std::int32_t* index, Index count, T* out, Index ldo) {                 \
    take_columns_impl(x, ldx, m, n, index, count, out, ldo);                                                                              \
  }                                                                                                                                       \
  void put_columns(const T* x, Index ldx, Index m, Index n, const std::int32_t* index, Index count, bool accumulate, T* out, Index ldo) { \
    put_columns_impl(x, ldx, m, n, index, count, accumulate, out, ldo);                                                                   \
  }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
