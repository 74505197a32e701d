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

// Pooling does less between two rows. Narrow rows are first fetched into the second cache, which has more misses under way at once.
constexpr Index kPoolAhead = 16, kPoolFar = 128;

template <class T, class I>
struct Bags {
  const T* table;
  Index ld;
  const I* ids;
  const Index* offsets;
  const T* weight;
  const T* scale;
  Index bags;
  T* out;
  Index ldo;
  Index last;  // where the ids end
};

// Columns [col, col + NV vectors), the last of `tail` lanes: sums stay in registers over a bag. Rows are fetched ahead over the ends of
// bags; the number of lines is known to the compiler, since a loop here would cost as much as the sums. The last vector ends where the row
// ends: columns that the one before it has, too, are summed twice and come out the same. (A masked vector would reach into the line behind
// the row, and wait for it.)
template <class T, class I, int NV, bool kWeighted>
void pool_block(const Bags<T, I>& a, Index col, Index tail) {
  constexpr Index L = kLanes<T>, kLine = 64 / static_cast<Index>(sizeof(T)), kLines = (NV * L + kLine - 1) / kLine;
  const Index end_of_row = (NV - 1) * L + tail - 1, last_vector = NV == 1 ? 0 : end_of_row + 1 - L;
  const T* const table = a.table + col;
  const Index last = a.last;
  for (Index b = 0; b < a.bags; ++b) {
    const T scale = a.scale[b];
    const Index end = scale == T(0) ? a.offsets[b] : a.offsets[b + 1];
    Vec<T> sum[NV];
    PYFFNN_UNROLL for (int v = 0; v < NV; ++v) sum[v] = zero<T>();
    for (Index i = a.offsets[b]; i < end; ++i) {
      if (i + kPoolAhead < last) {
        const T* ahead = table + static_cast<Index>(a.ids[i + kPoolAhead]) * a.ld;
        PYFFNN_UNROLL for (Index j = 0; j < kLines; ++j) prefetch(ahead + j * kLine);
        prefetch(ahead + end_of_row);
      }
      const T* row = table + static_cast<Index>(a.ids[i]) * a.ld;
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) {
        const Vec<T> r = NV == 1 && tail < L ? load_tail(row, tail) : load(row + (v == NV - 1 ? last_vector : v * L));
        sum[v] = kWeighted ? fma(set1(a.weight[i]), r, sum[v]) : sum[v] + r;
      }
    }
    T* const out = a.out + b * a.ldo + col;
    const Vec<T> s = set1(scale);
    PYFFNN_UNROLL for (int v = 0; v < NV; ++v) {
      if (NV == 1 && tail < L)
        store_tail(out, sum[v] * s, tail);
      else
        store(out + (v == NV - 1 ? last_vector : v * L), sum[v] * s);
    }
  }
}

#if defined(PYFFNN_VEC_BYTES) && PYFFNN_VEC_BYTES == 64
// Rows of half a vector's numbers to a whole one's: the first half vector and, of kHalves two, the last, for the same reason.
template <class T, class I, int kHalves, bool kWeighted, bool kFar>
void pool_halves(const Bags<T, I>& a, Index d) {
  using Half = HalfVec<T>;
  const Index last = a.last, second = d - kLanes<T> / 2;
  for (Index b = 0; b < a.bags; ++b) {
    const Index end = a.scale[b] == T(0) ? a.offsets[b] : a.offsets[b + 1];
    Half sum[kHalves] = {};
    for (Index i = a.offsets[b]; i < end; ++i) {
      if (i + kPoolAhead < last) {
        const T* const ahead = a.table + static_cast<Index>(a.ids[i + kPoolAhead]) * a.ld;
        prefetch(ahead);
        prefetch(ahead + d - 1);
      }
      if (kFar && i + kPoolFar < last) {
        const T* const far = a.table + static_cast<Index>(a.ids[i + kPoolFar]) * a.ld;
        prefetch_l2(far);
        prefetch_l2(far + d - 1);
      }
      const T* const row = a.table + static_cast<Index>(a.ids[i]) * a.ld;
      PYFFNN_UNROLL for (int h = 0; h < kHalves; ++h) {
        Half r;
        std::memcpy(&r, row + h * second, sizeof(r));
        sum[h] = kWeighted ? fma_half(low_half(set1(a.weight[i])), r, sum[h]) : sum[h] + r;
      }
    }
    const Half s = low_half(set1(a.scale[b]));
    PYFFNN_UNROLL for (int h = 0; h < kHalves; ++h) {
      sum[h] = sum[h] * s;
      std::memcpy(a.out + b * a.ldo + h * second, &sum[h], sizeof(sum[h]));
    }
  }
}

// Whether some of the rows lie so far apart that the second cache will not have most of them.
template <class T, class I>
bool are_far(const Bags<T, I>& a) {
  constexpr Index kBytes = Index{1} << 20, kAsked = 32;
  if (a.last < 2 * kPoolFar) return false;
  Index most = 0;
  for (Index i = a.offsets[0]; i < a.last; i += (a.last - a.offsets[0]) / kAsked + 1)
    most = static_cast<Index>(a.ids[i]) > most ? static_cast<Index>(a.ids[i]) : most;
  return most * a.ld * static_cast<Index>(sizeof(T)) > kBytes;
}

template <class T, class I, bool kWeighted>
void pool_narrow(const Bags<T, I>& a, Index d) {
  const bool far = are_far(a);
  if (d == kLanes<T> / 2)
    far ? pool_halves<T, I, 1, kWeighted, true>(a, d) : pool_halves<T, I, 1, kWeighted, false>(a, d);
  else
    far ? pool_halves<T, I, 2, kWeighted, true>(a, d) : pool_halves<T, I, 2, kWeighted, false>(a, d);
}
#endif

constexpr Index kMost = 14;  // vectors, as many as 16 registers hold

template <class T, class I, bool kWeighted>
void pool_columns(const Bags<T, I>& a, Index d) {
  constexpr Index L = kLanes<T>;
#if defined(PYFFNN_VEC_BYTES) && PYFFNN_VEC_BYTES == 64
  if (L / 2 <= d && d < L) return pool_narrow<T, I, kWeighted>(a, d);
#endif
  for (Index j = 0; j < d;) {
    const Index vectors = (d - j + L - 1) / L, nv = vectors < kMost ? vectors : kMost;
    const Index width = nv * L < d - j ? nv * L : d - j, tail = width - (nv - 1) * L;
    switch (nv) {
#define PYFFNN_CASE(N)                          \
  case N:                                       \
    pool_block<T, I, N, kWeighted>(a, j, tail); \
    break;
      PYFFNN_CASE(1)
      PYFFNN_CASE(2)
      PYFFNN_CASE(3)
      PYFFNN_CASE(4)
      PYFFNN_CASE(5)
      PYFFNN_CASE(6)
      PYFFNN_CASE(7)
      PYFFNN_CASE(8)
      PYFFNN_CASE(9)
      PYFFNN_CASE(10)
      PYFFNN_CASE(11)
      PYFFNN_CASE(12)
      PYFFNN_CASE(13)
      default:
        PYFFNN_CASE(14)
#undef PYFFNN_CASE
    }
    j += width;
  }
}

// Rows wider than the registers are read in stretches of columns, all of them for one group of bags and then for the next: what a row
// costs to be found (a miss of the TLB most of all) is paid once.
constexpr Index kGroup = 64;  // ids

template <class T, class I, bool kWeighted>
void pool_groups(Bags<T, I> a, Index d) {
  if (d <= kMost * kLanes<T>) return pool_columns<T, I, kWeighted>(a, d);
  for (Index left = a.bags; left > 0; left -= a.bags) {
    a.bags = 1;
    while (a.bags < left && a.offsets[a.bags + 1] - a.offsets[0] <= kGroup) ++a.bags;
    pool_columns<T, I, kWeighted>(a, d);
    a.offsets += a.bags;
    a.scale += a.bags;
    a.out += a.bags * a.ldo;
  }
}

template <class T, class I>
void pool_impl(const Bags<T, I>& a, Index d) {
  if (a.weight != nullptr)
    pool_groups<T, I, true>(a, d);
  else
    pool_groups<T, I, false>(a, d);
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

#define PYFFNN_DEFINE(T, suffix, I)                                                                                                      \
  void gather_##suffix(const T* table, Index ld, const I* ids, Index count, Index d, T* out, Index ldo) {                                \
    gather_impl(table, ld, ids, count, d, out, ldo);                                                                                     \
  }                                                                                                                                      \
  void pool_##suffix(const T* table, Index ld, const I* ids, const Index* offsets, const T* weight, const T* scale, Index bags, Index d, \
                     T* out, Index ldo) {                                                                                                \
    pool_impl<T, I>({table, ld, ids, offsets, weight, scale, bags, out, ldo, bags > 0 ? offsets[bags] : 0}, d);                          \
  }
PYFFNN_DEFINE(float, i32, std::int32_t)
PYFFNN_DEFINE(float, i64, std::int64_t)
PYFFNN_DEFINE(double, i32, std::int32_t)
PYFFNN_DEFINE(double, i64, std::int64_t)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
