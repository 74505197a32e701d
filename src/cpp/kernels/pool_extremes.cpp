#include "kernels/instantiate.h"
#include "simd/pack.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Rows fetched ahead, over the ends of bags.
constexpr Index kAhead = 16;

template <class T>
PYFFNN_INLINE Pack<T> load_columns(const T* p, Index lanes) {
  return lanes == kWide ? pack_load(p) : pack_load_tail(p, lanes, T(0));
}
template <class T>
PYFFNN_INLINE void store_columns(T* p, Pack<T> x, Index lanes) {
  if (lanes == kWide)
    pack_store(p, x);
  else
    pack_store_tail(p, x, lanes);
}

// An extreme of each of 16 columns, and the number of the entry that it comes from: the first of equals, the first NaN before all.
template <class T, bool kLargest>
struct Extreme {
  Vec<T> best[Pack<T>::kParts];
  IVec<T> at[Pack<T>::kParts];
  PYFFNN_INLINE void begin(const Pack<T>& row) {
    PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) {
      best[p] = row.v[p];
      at[p] = IVec<T>{};
    }
  }
  PYFFNN_INLINE void see(const Pack<T>& row, Index entry) {
    const IVec<T> here = IVec<T>{} + static_cast<LaneInt<T>>(entry);
    PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) {
      const Vec<T> r = row.v[p], b = best[p];
      const auto better = (kLargest ? r > b : r < b) | ((r != r) & (b == b));
      best[p] = better ? r : b;
      at[p] = better ? here : at[p];
    }
  }
  PYFFNN_INLINE void store(T* value, LaneInt<T>* entry, Index lanes) const {
    Pack<T> v;
    LaneInt<T> entries[kWide];
    PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) {
      v.v[p] = best[p];
      __builtin_memcpy(entries + p * kLanes<T>, &at[p], sizeof at[p]);
    }
    store_columns(value, v, lanes);
    if (entry != nullptr) __builtin_memcpy(entry, entries, static_cast<std::size_t>(lanes) * sizeof(LaneInt<T>));
  }
};

// Columns [col, col + lanes) of all bags: what is kept of a bag stays in registers.
template <class T, class I, bool kTop, bool kLow, bool kSum>
void extremes_block(const PoolExtremes<T, I>& a, Index col, Index lanes) {
  const T* const table = a.table + col;
  const Index last = a.offsets[a.bags];
  const auto row_of = [&](Index i) PYFFNN_LAMBDA_INLINE { return table + (a.ids != nullptr ? static_cast<Index>(a.ids[i]) : i) * a.ld; };
  for (Index b = 0; b < a.bags; ++b) {
    const Index begin = a.offsets[b], end = a.offsets[b + 1], out = b * a.ldo + col, entry = b * a.lde + col;
    Extreme<T, true> top;
    Extreme<T, false> low;
    Pack<T> sum = pack_set1<T>(0);
    const Pack<T> first = begin < end ? load_columns(row_of(begin), lanes) : sum;
    if (kTop) top.begin(first);
    if (kLow) low.begin(first);
    for (Index i = begin; i < end; ++i) {
      if (i + kAhead < last) prefetch(row_of(i + kAhead));
      const Pack<T> row = load_columns(row_of(i), lanes);
      if (kTop) top.see(row, i - begin);
      if (kLow) low.see(row, i - begin);
      if (kSum) PYFFNN_UNROLL
        for (int p = 0; p < Pack<T>::kParts; ++p) sum.v[p] = sum.v[p] + row.v[p];
    }
    if (kTop) top.store(a.top + out, a.top_entry != nullptr ? a.top_entry + entry : nullptr, lanes);
    if (kLow) low.store(a.low + out, a.low_entry != nullptr ? a.low_entry + entry : nullptr, lanes);
    if (kSum) store_columns(a.sum + out, sum, lanes);
  }
}

template <class T, class I, bool kTop, bool kLow, bool kSum>
void extremes_columns(const PoolExtremes<T, I>& a) {
  for (Index col = 0; col < a.d; col += kWide)
    extremes_block<T, I, kTop, kLow, kSum>(a, col, a.d - col < kWide ? a.d - col : Index{kWide});
}

template <class T, class I>
void pool_extremes_impl(const PoolExtremes<T, I>& a) {
  switch ((a.top != nullptr ? 4 : 0) | (a.low != nullptr ? 2 : 0) | (a.sum != nullptr ? 1 : 0)) {
    case 1:
      return extremes_columns<T, I, false, false, true>(a);
    case 2:
      return extremes_columns<T, I, false, true, false>(a);
    case 3:
      return extremes_columns<T, I, false, true, true>(a);
    case 4:
      return extremes_columns<T, I, true, false, false>(a);
    case 5:
      return extremes_columns<T, I, true, false, true>(a);
    case 6:
      return extremes_columns<T, I, true, true, false>(a);
    case 7:
      return extremes_columns<T, I, true, true, true>(a);
    default:
      return;
  }
}

// `more` where `entry` is number `i` of its bag, else 0.
template <class T>
PYFFNN_INLINE void add_where(Pack<T>& to, const T* more, const LaneInt<T>* entry, Index i, Index lanes) {
  const Pack<T> g = load_columns(more, lanes);
  LaneInt<T> entries[kWide] = {};
  __builtin_memcpy(entries, entry, static_cast<std::size_t>(lanes) * sizeof(LaneInt<T>));
  const IVec<T> here = IVec<T>{} + static_cast<LaneInt<T>>(i);
  PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) {
    IVec<T> at;
    __builtin_memcpy(&at, entries + p * kLanes<T>, sizeof at);
    to.v[p] = to.v[p] + (at == here ? g.v[p] : zero<T>());
  }
}

template <class T>
void spread_extremes_impl(const SpreadExtremes<T>& a) {
  for (Index b = 0; b < a.bags; ++b) {
    for (Index i = a.offsets[b]; i < a.offsets[b + 1]; ++i) {
      T* const out = a.out + i * a.ldo;
      const Index entry = i - a.offsets[b];
      for (Index col = 0; col < a.d; col += kWide) {
        const Index lanes = a.d - col < kWide ? a.d - col : Index{kWide}, from = b * a.ldg + col, at = b * a.lde + col;
        Pack<T> g = a.sum != nullptr ? load_columns(a.sum + from, lanes) : pack_set1<T>(0);
        if (a.top != nullptr) add_where(g, a.top + from, a.top_entry + at, entry, lanes);
        if (a.low != nullptr) add_where(g, a.low + from, a.low_entry + at, entry, lanes);
        store_columns(out + col, g, lanes);
      }
    }
  }
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                                            \
  void pool_extremes_i32(const PoolExtremes<T, std::int32_t>& args) { pool_extremes_impl(args); }   \
  void pool_extremes_i64(const PoolExtremes<T, std::int64_t>& args) { pool_extremes_impl(args); }   \
  void spread_extremes(const SpreadExtremes<T>& args) { spread_extremes_impl(args); }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
