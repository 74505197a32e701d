#include "kernels/instantiate.h"
#include "simd/optim_math.h"
#include "simd/pack.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// The gather of the same batch has just touched the rows: the next levels of cache, not memory.
constexpr Index kAhead = 8;
// Columns that are prefetched of a long row; the hardware follows the rest.
constexpr Index kAheadColumns = 128;

template <class T>
PYFFNN_INLINE void prefetch_row(const T* p, Index d) {
  constexpr Index kLine = 64 / static_cast<Index>(sizeof(T));
  for (Index j = 0; j < (d < kAheadColumns ? d : kAheadColumns); j += kLine) __builtin_prefetch(p + j, 1, 3);
}

template <class T, Optim Kind>
void step_rows(const RowStep<T>& a) {
  constexpr Index L = kLanes<T>;
  const OptimStep<T> o = *a.opt;
  for (Index u = 0; u < a.count; ++u) {
    const Index next = static_cast<Index>(a.rows[u + kAhead < a.count ? u + kAhead : u]) * a.ld;
    prefetch_row(a.table + next, a.d);
    if constexpr (uses_s1(Kind)) prefetch_row(a.s1 + next, a.d);
    if constexpr (uses_s2(Kind)) prefetch_row(a.s2 + next, a.d);
    const Index at = static_cast<Index>(a.rows[u]) * a.ld;
    const T* const g = a.sums + u * a.lds;
    for (Index j = 0; j < a.d; j += L) {
      Vec<T> s1{}, s2{};
      if constexpr (uses_s1(Kind)) s1 = load(a.s1 + at + j);
      if constexpr (uses_s2(Kind)) s2 = load(a.s2 + at + j);
      store(a.table + at + j, optim_update<T, Kind>(o, load(a.table + at + j), load(g + j), s1, s2));
      if constexpr (uses_s1(Kind)) store(a.s1 + at + j, s1);
      if constexpr (uses_s2(Kind)) store(a.s2 + at + j, s2);
    }
  }
}

// Packs: how many a row has; 0 where that is not known at compile time.
template <class T, int Packs>
void step_by_row(const RowStep<T>& a) {
  const OptimStep<T> o = *a.opt;
  const Index d = a.d, packs = Packs > 0 ? Packs : (d + kWide - 1) / kWide;
  const Vec<T> scale = set1(o.scale), l2 = set1(o.l2), decay = set1(o.decay);
  for (Index u = 0; u < a.count; ++u) {
    const Index next = static_cast<Index>(a.rows[u + kAhead < a.count ? u + kAhead : u]);
    prefetch_row(a.table + next * a.ld, packs * kWide);
    __builtin_prefetch(a.s1 + next, 1, 3);
    if (a.s2 != nullptr) __builtin_prefetch(a.s2 + next, 0, 3);
    T* const w = a.table + static_cast<Index>(a.rows[u]) * a.ld;
    const T* const g = a.sums + u * a.lds;
    T* const s = a.s1 + a.rows[u];
    Pack<T> squares = pack_set1<T>(0);
    const auto gradient = [&](Index i) PYFFNN_LAMBDA_INLINE { return fma(load(w + i), l2, load(g + i) * scale); };
    for (Index p = 0; p < packs; ++p) {
      PYFFNN_UNROLL for (int v = 0; v < Pack<T>::kParts; ++v) {
        const Vec<T> x = gradient(p * kWide + v * kLanes<T>);
        squares.v[v] = fma(x, x, squares.v[v]);
      }
    }
    *s += pack_sum(squares) / static_cast<T>(d);
    const T lr = a.s2 == nullptr ? o.lr : o.lr * a.s2[a.rows[u]];
    const Vec<T> step = set1(-(lr / (sqrt(set1(*s))[0] + o.eps)));
    for (Index p = 0; p < packs; ++p) {
      PYFFNN_UNROLL for (int v = 0; v < Pack<T>::kParts; ++v) {
        const Index i = p * kWide + v * kLanes<T>;
        const Vec<T> old = load(w + i);
        store(w + i, fma(step, gradient(i), old - old * decay));
      }
    }
  }
}

template <class T>
void row_step_impl(const RowStep<T>& a) {
  if (a.by_row) return a.d <= kWide ? step_by_row<T, 1>(a) : step_by_row<T, 0>(a);
  with_optim(a.opt->kind, [&a](auto tag) { step_rows<T, decltype(tag)::kind>(a); });
}

}  // namespace

void row_step(const RowStep<float>& args) { row_step_impl(args); }
void row_step(const RowStep<double>& args) { row_step_impl(args); }

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
