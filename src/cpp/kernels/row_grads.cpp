#include "kernels/instantiate.h"
#include "simd/pack.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Owned entries of a stretch of a bag are listed first, without a branch: which thread owns a row is as good as random.
constexpr Index kStretch = 128;
// Rows and slots are looked up this many entries ahead.
constexpr Index kAhead = 16;

template <class T>
struct Stretch {
  std::int32_t ids[kStretch + kAhead];
  T weight[kStretch];
};

// NP packs of a gradient row in registers, or (NP = 0) any number read where they are needed.
template <class T, int NP>
struct Gradient {
  Pack<T> v[NP];
  PYFFNN_INLINE void load(const T* p, Index d) {
    PYFFNN_UNROLL for (int i = 0; i < NP; ++i) {
      const Index left = d - i * kWide;
      v[i] = left >= kWide ? pack_load(p + i * kWide) : pack_load_tail(p + i * kWide, left, T(0));
    }
  }
  // to = from + weight * gradient, whole packs
  template <bool kScaled>
  PYFFNN_INLINE void add(const T* from, T* to, T weight) const {
    PYFFNN_UNROLL for (int i = 0; i < NP; ++i) {
      PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) {
        const Index at = i * kWide + p * kLanes<T>;
        const Vec<T> old = pyffnn::PYFFNN_ISA::load(from + at);
        store(to + at, kScaled ? fma(set1(weight), v[i].v[p], old) : old + v[i].v[p]);
      }
    }
  }
};
template <class T>
struct Gradient<T, 0> {
  const T* g;
  Index d;
  PYFFNN_INLINE void load(const T* p, Index n) {
    g = p;
    d = n;
  }
  template <bool kScaled>
  PYFFNN_INLINE void add(const T* from, T* to, T weight) const {
    constexpr Index L = kLanes<T>;
    const Vec<T> w = set1(weight);
    for (Index j = 0; j < d; j += kWide) {
      const Pack<T> x = d - j >= kWide ? pack_load(g + j) : pack_load_tail(g + j, d - j, T(0));
      PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) {
        const Vec<T> old = pyffnn::PYFFNN_ISA::load(from + j + p * L);
        store(to + j + p * L, kScaled ? fma(w, x.v[p], old) : old + x.v[p]);
      }
    }
  }
};

// visit(ids, weights, n, gradient, readable) for the owned entries of one source after another; ids[n..n+readable) may be looked at too.
template <class T, int NP, class F>
PYFFNN_INLINE void for_owned(const RowGrads<T>& a, F visit) {
  const bool all = a.parts <= 1 && a.skip < 0;
  const auto parts = static_cast<std::uint32_t>(a.parts), part = static_cast<std::uint32_t>(a.part);
  Stretch<T> s;
  Gradient<T, NP> g;
  const Index end_of_all = a.bags == 0 ? 0 : a.offsets != nullptr ? a.offsets[a.bags] : a.bags;
  for (Index b = 0; b < a.bags; ++b) {
    const Index begin = a.offsets != nullptr ? a.offsets[b] : b, end = a.offsets != nullptr ? a.offsets[b + 1] : b + 1;
    g.load(a.grad + b * a.ldg, a.d);
    if (all) {
      visit(a.ids + begin, a.weight == nullptr ? nullptr : a.weight + begin, end - begin, g, end_of_all - end);
      continue;
    }
    for (Index at = begin; at < end; at += kStretch) {
      const Index stop = end - at < kStretch ? end : at + kStretch;
      Index n = 0;
      for (Index i = at; i < stop; ++i) {
        const std::int32_t id = a.ids[i];
        s.ids[n] = id;
        if (a.weight != nullptr) s.weight[n] = a.weight[i];
        const std::uint32_t block = static_cast<std::uint32_t>(id) / static_cast<std::uint32_t>(kOwnerBlock);
        const bool mine = (parts <= 1 || (parts == 2 ? block & 1 : block % parts) == part) & (id != a.skip);
        n += mine;
      }
      visit(s.ids, a.weight == nullptr ? nullptr : s.weight, n, g, Index{0});
    }
  }
}

template <class T, int NP, bool kWeighted>
Index sum_rows_block(const RowGrads<T>& a, const RowSums<T>& out, Index count) {
  std::uint32_t* const slots = out.slots;
  std::int32_t* const rows = out.rows;
  auto n_rows = static_cast<std::uint32_t>(count);
  const auto visit = [&](const std::int32_t* ids, const T* weight, Index n, const Gradient<T, NP>& g, Index readable) PYFFNN_LAMBDA_INLINE {
    for (Index i = 0; i < n; ++i) {
      const std::int32_t ahead = ids[i + kAhead < n + readable ? i + kAhead : i];
      __builtin_prefetch(slots + ahead, 1, 3);
      // All bits set where the row is known. No branch: whether a word came before in the batch cannot be predicted.
      const std::int32_t row = ids[i];
      const std::uint32_t last = slots[row];
      const std::uint32_t known = 0u - static_cast<std::uint32_t>((last < n_rows) & (rows[last] == row));
      const std::uint32_t slot = (last & known) | (n_rows & ~known);
      n_rows += 1u + known;
      slots[row] = slot;
      rows[slot] = row;
      T* const sum = out.sums + static_cast<Index>(slot) * out.lds;
      const std::uintptr_t keep = 0u - static_cast<std::uintptr_t>(known & 1u);
      const std::uintptr_t from = (reinterpret_cast<std::uintptr_t>(sum) & keep) | (reinterpret_cast<std::uintptr_t>(out.zeros) & ~keep);
      g.template add<kWeighted>(reinterpret_cast<const T*>(from), sum, kWeighted ? weight[i] : T(1));
    }
  };
  for_owned<T, NP>(a, visit);
  return static_cast<Index>(n_rows);
}

template <class T, int NP, bool kWeighted>
void scatter_rows_block(const RowGrads<T>& a, T alpha, T* table, Index ld) {
  constexpr Index kLine = 64 / static_cast<Index>(sizeof(T));
  for_owned<T, NP>(a,
                   [&](const std::int32_t* ids, const T* weight, Index n, const Gradient<T, NP>& g, Index readable) PYFFNN_LAMBDA_INLINE {
                     for (Index i = 0; i < n; ++i) {
                       const T* ahead = table + static_cast<Index>(ids[i + kAhead < n + readable ? i + kAhead : i]) * ld;
                       PYFFNN_UNROLL for (Index j = 0; j < NP * kWide; j += kLine) __builtin_prefetch(ahead + j, 1, 3);
                       T* const row = table + static_cast<Index>(ids[i]) * ld;
                       g.template add<true>(row, row, kWeighted ? alpha * weight[i] : alpha);
                     }
                   });
}

// Calls f<NP>() for rows of d columns.
#define PYFFNN_WITH_PACKS(f, d, ...)                                     \
  switch ((d + kWide - 1) / kWide) {                                     \
    case 1:                                                              \
      return f<T, 1, kWeighted>(__VA_ARGS__);                            \
    case 2:                                                              \
      return f<T, 2, kWeighted>(__VA_ARGS__);                            \
    case 4:                                                              \
      return f<T, Pack<T>::kParts <= 2 ? 4 : 0, kWeighted>(__VA_ARGS__); \
    case 7:                                                              \
      return f<T, Pack<T>::kParts <= 1 ? 7 : 0, kWeighted>(__VA_ARGS__); \
    case 8:                                                              \
      return f<T, Pack<T>::kParts <= 1 ? 8 : 0, kWeighted>(__VA_ARGS__); \
    default:                                                             \
      return f<T, 0, kWeighted>(__VA_ARGS__);                            \
  }

template <class T, bool kWeighted>
Index sum_rows_impl(const RowGrads<T>& a, const RowSums<T>& out, Index count) {
  PYFFNN_WITH_PACKS(sum_rows_block, a.d, a, out, count)
}
template <class T, bool kWeighted>
void scatter_rows_impl(const RowGrads<T>& a, T alpha, T* table, Index ld) {
  PYFFNN_WITH_PACKS(scatter_rows_block, a.d, a, alpha, table, ld)
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                                                                       \
  Index sum_rows(const RowGrads<T>& grads, const RowSums<T>& sums, Index count) {                                              \
    return grads.weight != nullptr ? sum_rows_impl<T, true>(grads, sums, count) : sum_rows_impl<T, false>(grads, sums, count); \
  }                                                                                                                            \
  void scatter_rows(const RowGrads<T>& grads, T alpha, T* table, Index ld) {                                                   \
    if (grads.weight != nullptr)                                                                                               \
      scatter_rows_impl<T, true>(grads, alpha, table, ld);                                                                     \
    else                                                                                                                       \
      scatter_rows_impl<T, false>(grads, alpha, table, ld);                                                                    \
  }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
