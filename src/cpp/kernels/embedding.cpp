#include "kernels/instantiate.h"
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// A random row costs a cache miss of 80-100 ns beyond L2; about eight are kept in flight.
constexpr Index kAhead = 8;

template <class T>
PYFFNN_INLINE void prefetch_row(const T* row, Index d) {
  constexpr Index kLine = 64 / static_cast<Index>(sizeof(T));
  for (Index j = 0; j < d; j += kLine) prefetch(row + j);
  if (d > 0) prefetch(row + d - 1);
}

template <class T, class I>
void gather_impl(const T* table, Index ld, const I* ids, Index count, Index d, T* out, Index ldo) {
  constexpr Index L = kLanes<T>;
  for (Index i = 0; i < count; ++i) {
    if (i + kAhead < count) prefetch_row(table + static_cast<Index>(ids[i + kAhead]) * ld, d);
    const T* row = table + static_cast<Index>(ids[i]) * ld;
    T* o = out + i * ldo;
    Index j = 0;
    for (; j + L <= d; j += L) store(o + j, load(row + j));
    if (j < d) store_tail(o + j, load_tail(row + j, d - j), d - j);
  }
}

// Sums of NV vectors of columns stay in registers over the whole bag.
template <class T, class I, int NV, bool kWeighted>
PYFFNN_INLINE void pool_block(const T* table, Index ld, const I* ids, const T* weight, Index count, T scale, Index tail, T* out,
                              bool first) {
  constexpr Index L = kLanes<T>;
  Vec<T> sum[NV];
  PYFFNN_UNROLL for (int v = 0; v < NV; ++v) sum[v] = zero<T>();
  for (Index i = 0; i < count; ++i) {
    if (first && i + kAhead < count) {
      // Later blocks find the row's neighbouring lines by the hardware prefetcher.
      const T* ahead = table + static_cast<Index>(ids[i + kAhead]) * ld;
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) prefetch(ahead + v * L);
    }
    const T* row = table + static_cast<Index>(ids[i]) * ld;
    PYFFNN_UNROLL for (int v = 0; v < NV; ++v) {
      const Vec<T> r = v == NV - 1 && tail < L ? load_tail(row + v * L, tail) : load(row + v * L);
      sum[v] = kWeighted ? fma(set1(weight[i]), r, sum[v]) : sum[v] + r;
    }
  }
  const Vec<T> s = set1(scale);
  PYFFNN_UNROLL for (int v = 0; v < NV; ++v) {
    if (v == NV - 1 && tail < L)
      store_tail(out + v * L, sum[v] * s, tail);
    else
      store(out + v * L, sum[v] * s);
  }
}

template <class T, class I, bool kWeighted>
void pool_columns(const T* table, Index ld, const I* ids, const T* weight, Index count, T scale, Index d, T* out) {
  constexpr Index L = kLanes<T>;
  for (Index j = 0; j < d;) {
    const Index vectors = (d - j + L - 1) / L, nv = vectors < 8 ? vectors : 8;
    const Index width = nv * L < d - j ? nv * L : d - j, tail = width - (nv - 1) * L;
    const T* t = table + j;
    const bool first = j == 0;
    switch (nv) {
#define PYFFNN_CASE(N)                                                                      \
  case N:                                                                                   \
    pool_block<T, I, N, kWeighted>(t, ld, ids, weight, count, scale, tail, out + j, first); \
    break;
      PYFFNN_CASE(1)
      PYFFNN_CASE(2)
      PYFFNN_CASE(3)
      PYFFNN_CASE(4)
      PYFFNN_CASE(5)
      PYFFNN_CASE(6)
      PYFFNN_CASE(7)
      default:
        PYFFNN_CASE(8)
#undef PYFFNN_CASE
    }
    j += width;
  }
}

template <class T, class I>
void pool_impl(const T* table, Index ld, const I* ids, const T* weight, Index count, T scale, Index d, T* out) {
  if (weight != nullptr)
    pool_columns<T, I, true>(table, ld, ids, weight, count, scale, d, out);
  else
    pool_columns<T, I, false>(table, ld, ids, weight, count, scale, d, out);
}

}  // namespace

#define PYFFNN_DEFINE(T, suffix, I)                                                                                    \
  void gather_##suffix(const T* table, Index ld, const I* ids, Index count, Index d, T* out, Index ldo) {              \
    gather_impl(table, ld, ids, count, d, out, ldo);                                                                   \
  }                                                                                                                    \
  void pool_##suffix(const T* table, Index ld, const I* ids, const T* weight, Index count, T scale, Index d, T* out) { \
    pool_impl(table, ld, ids, weight, count, scale, d, out);                                                           \
  }
PYFFNN_DEFINE(float, i32, std::int32_t)
PYFFNN_DEFINE(float, i64, std::int64_t)
PYFFNN_DEFINE(double, i32, std::int32_t)
PYFFNN_DEFINE(double, i64, std::int64_t)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
