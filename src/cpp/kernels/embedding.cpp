#include "kernels/instantiate.h"
#include "simd/pack.h"

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

// Ids of a whole batch are known, so rows are fetched far ahead, over the ends of bags.
constexpr Index kBagsAhead = 32;

// NP packs of columns from `col` on stay in registers over a bag.
template <class T, int NP, bool kWeighted>
void pool_bags_block(const PoolBags<T>& a, Index col) {
  const Index ld = a.ld, last = a.bags > 0 ? a.offsets[a.bags] : 0;
  const T* const table = a.table + col;
  constexpr Index kLine = 64 / static_cast<Index>(sizeof(T));
  for (Index b = 0; b < a.bags; ++b) {
    Pack<T> sum[NP];
    PYFFNN_UNROLL for (int p = 0; p < NP; ++p) sum[p] = pack_set1<T>(0);
    for (Index i = a.offsets[b]; i < a.offsets[b + 1]; ++i) {
      const Index next = i + kBagsAhead < last ? i + kBagsAhead : i;
      const T* ahead = table + static_cast<Index>(a.ids[next]) * ld;
      PYFFNN_UNROLL for (Index j = 0; j < NP * kWide; j += kLine) prefetch(ahead + j);
      const T* row = table + static_cast<Index>(a.ids[i]) * ld;
      PYFFNN_UNROLL for (int p = 0; p < NP; ++p) {
        const Pack<T> r = pack_load(row + p * kWide);
        PYFFNN_UNROLL for (int v = 0; v < Pack<T>::kParts; ++v) {
          sum[p].v[v] = kWeighted ? fma(set1(a.weight[i]), r.v[v], sum[p].v[v]) : sum[p].v[v] + r.v[v];
        }
      }
    }
    const Vec<T> s = set1(a.scale != nullptr ? a.scale[b] : T(1));
    PYFFNN_UNROLL for (int p = 0; p < NP; ++p) {
      PYFFNN_UNROLL for (int v = 0; v < Pack<T>::kParts; ++v) sum[p].v[v] = sum[p].v[v] * s;
      pack_store(a.out + b * a.ldo + col + p * kWide, sum[p]);
    }
  }
}

template <class T, bool kWeighted>
void pool_bags_columns(const PoolBags<T>& a) {
  // As many packs as leave registers for the loads.
  constexpr int kMaxPacks = Pack<T>::kParts == 1 ? 8 : Pack<T>::kParts == 2 ? 4 : 2;
  for (Index col = 0; col < a.d;) {
    const Index packs = (a.d - col + kWide - 1) / kWide;
    if (packs >= 8 && kMaxPacks >= 8) {
      pool_bags_block<T, kMaxPacks >= 8 ? 8 : 1, kWeighted>(a, col);
      col += 8 * kWide;
    } else if (packs >= 7 && kMaxPacks >= 8) {
      pool_bags_block<T, kMaxPacks >= 8 ? 7 : 1, kWeighted>(a, col);
      col += 7 * kWide;
    } else if (packs >= 4 && kMaxPacks >= 4) {
      pool_bags_block<T, kMaxPacks >= 4 ? 4 : 1, kWeighted>(a, col);
      col += 4 * kWide;
    } else if (packs >= 3 && kMaxPacks >= 4) {
      pool_bags_block<T, kMaxPacks >= 4 ? 3 : 1, kWeighted>(a, col);
      col += 3 * kWide;
    } else if (packs >= 2) {
      pool_bags_block<T, 2, kWeighted>(a, col);
      col += 2 * kWide;
    } else {
      pool_bags_block<T, 1, kWeighted>(a, col);
      col += kWide;
    }
  }
}

template <class T>
void pool_bags_impl(const PoolBags<T>& a) {
  if (a.weight != nullptr)
    pool_bags_columns<T, true>(a);
  else
    pool_bags_columns<T, false>(a);
}

}  // namespace

void pool_bags(const PoolBags<float>& args) { pool_bags_impl(args); }
void pool_bags(const PoolBags<double>& args) { pool_bags_impl(args); }

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
