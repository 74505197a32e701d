#include "kernels/instantiate.h"
#include "simd/optim_math.h"
#include "simd/pack.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Rows come in any order, but the gather of the same batch has just touched them: the next levels of cache, not memory.
constexpr Index kAhead = 16;

// Summed gradient of unique row u, NP packs of columns from `col` on.
template <class T, int NP, bool kWeighted>
PYFFNN_INLINE void sum_sources(const RowStep<T>& a, Index u, Index col, Pack<T> (&g)[NP]) {
  const Index left = a.d - col - (NP - 1) * kWide;
  const bool tail = left < kWide;
  PYFFNN_UNROLL for (int p = 0; p < NP; ++p) g[p] = pack_set1<T>(0);
  for (std::uint32_t j = a.starts[u]; j < a.starts[u + 1]; ++j) {
    const T* src = a.grad + static_cast<Index>(a.sources[j]) * a.ldg + col;
    PYFFNN_UNROLL for (int p = 0; p < NP; ++p) {
      const Pack<T> x = p == NP - 1 && tail ? pack_load_tail(src + p * kWide, left, T(0)) : pack_load(src + p * kWide);
      PYFFNN_UNROLL for (int v = 0; v < Pack<T>::kParts; ++v) {
        g[p].v[v] = kWeighted ? fma(set1(a.weight[j]), x.v[v], g[p].v[v]) : g[p].v[v] + x.v[v];
      }
    }
  }
}

template <class T, Optim Kind, int NP, bool kWeighted>
void step_block(const RowStep<T>& a, Index col) {
  constexpr Index L = kLanes<T>, kLine = 64 / static_cast<Index>(sizeof(T));
  const OptimStep<T> o = *a.opt;
  for (Index u = 0; u < a.count; ++u) {
    const Index next = static_cast<Index>(a.rows[u + kAhead < a.count ? u + kAhead : u]) * a.ld + col;
    PYFFNN_UNROLL for (Index j = 0; j < NP * kWide; j += kLine) {
      prefetch(a.table + next + j);
      if constexpr (uses_s1(Kind)) prefetch(a.s1 + next + j);
      if constexpr (uses_s2(Kind)) prefetch(a.s2 + next + j);
    }
    Pack<T> g[NP];
    sum_sources<T, NP, kWeighted>(a, u, col, g);
    const Index at = static_cast<Index>(a.rows[u]) * a.ld + col;
    PYFFNN_UNROLL for (int p = 0; p < NP; ++p) {
      PYFFNN_UNROLL for (int v = 0; v < Pack<T>::kParts; ++v) {
        const Index i = at + p * kWide + v * L;
        Vec<T> s1{}, s2{};
        if constexpr (uses_s1(Kind)) s1 = load(a.s1 + i);
        if constexpr (uses_s2(Kind)) s2 = load(a.s2 + i);
        store(a.table + i, optim_update<T, Kind>(o, load(a.table + i), g[p].v[v], s1, s2));
        if constexpr (uses_s1(Kind)) store(a.s1 + i, s1);
        if constexpr (uses_s2(Kind)) store(a.s2 + i, s2);
      }
    }
  }
}

// g := the gradient that the step sees, and its squares added to `sum`.
template <class T, int NP>
PYFFNN_INLINE void add_squares(const OptimStep<T>& o, const T* w, Pack<T> (&g)[NP], Pack<T>& sum) {
  PYFFNN_UNROLL for (int p = 0; p < NP; ++p) {
    PYFFNN_UNROLL for (int v = 0; v < Pack<T>::kParts; ++v) {
      g[p].v[v] = fma(load(w + p * kWide + v * kLanes<T>), set1(o.l2), g[p].v[v] * set1(o.scale));
      sum.v[v] = fma(g[p].v[v], g[p].v[v], sum.v[v]);
    }
  }
}
template <class T, int NP>
PYFFNN_INLINE void apply_row(T* w, Vec<T> step, Vec<T> decay, const Pack<T> (&g)[NP]) {
  PYFFNN_UNROLL for (int p = 0; p < NP; ++p) {
    PYFFNN_UNROLL for (int v = 0; v < Pack<T>::kParts; ++v) {
      T* const wi = w + p * kWide + v * kLanes<T>;
      const Vec<T> old = load(wi);
      store(wi, fma(step, g[p].v[v], old - old * decay));
    }
  }
}
template <class T>
PYFFNN_INLINE Vec<T> row_rate(const OptimStep<T>& o, T* s, const Pack<T>& squares, Index d) {
  *s += pack_sum(squares) / static_cast<T>(d);
  return set1(-(o.lr / (sqrt(set1(*s))[0] + o.eps)));
}

template <class T, int NP, bool kWeighted>
void step_by_row(const RowStep<T>& a) {
  constexpr Index kLine = 64 / static_cast<Index>(sizeof(T));
  const OptimStep<T> o = *a.opt;
  for (Index u = 0; u < a.count; ++u) {
    const Index next = static_cast<Index>(a.rows[u + kAhead < a.count ? u + kAhead : u]);
    PYFFNN_UNROLL for (Index j = 0; j < NP * kWide; j += kLine) prefetch(a.table + next * a.ld + j);
    prefetch(a.s1 + next);
    T* const w = a.table + static_cast<Index>(a.rows[u]) * a.ld;
    Pack<T> g[NP], squares = pack_set1<T>(0);
    sum_sources<T, NP, kWeighted>(a, u, 0, g);
    add_squares(o, w, g, squares);
    apply_row(w, row_rate(o, a.s1 + a.rows[u], squares, a.d), set1(o.decay), g);
  }
}

// Rows longer than the registers: the sums are made twice, first for the squares, then for the step.
template <class T, bool kWeighted>
void step_by_long_row(const RowStep<T>& a) {
  const OptimStep<T> o = *a.opt;
  for (Index u = 0; u < a.count; ++u) {
    T* const w = a.table + static_cast<Index>(a.rows[u]) * a.ld;
    Pack<T> g[1], squares = pack_set1<T>(0);
    for (Index col = 0; col < a.d; col += kWide) {
      sum_sources<T, 1, kWeighted>(a, u, col, g);
      add_squares(o, w + col, g, squares);
    }
    const Vec<T> step = row_rate(o, a.s1 + a.rows[u], squares, a.d);
    for (Index col = 0; col < a.d; col += kWide) {
      Pack<T> unused = pack_set1<T>(0);
      sum_sources<T, 1, kWeighted>(a, u, col, g);
      add_squares(o, w + col, g, unused);
      apply_row(w + col, step, set1(o.decay), g);
    }
  }
}

// Packs of sums that the registers hold beside the operands of the step.
template <class T>
constexpr int kMaxPacks = Pack<T>::kParts == 1   ? 8
                          : Pack<T>::kParts == 2 ? 4
                                                 : 2;

template <class T, Optim Kind, bool kWeighted>
void step_columns(const RowStep<T>& a, Index packs) {
  for (Index done = 0; done < packs;) {
    const Index left = packs - done, col = done * kWide;
    if constexpr (kMaxPacks<T> >= 8) {
      if (left >= 7) {
        if (left >= 8)
          step_block<T, Kind, 8, kWeighted>(a, col);
        else
          step_block<T, Kind, 7, kWeighted>(a, col);
        done += left >= 8 ? 8 : 7;
        continue;
      }
    }
    if constexpr (kMaxPacks<T> >= 4) {
      if (left >= 3) {
        if (left >= 4)
          step_block<T, Kind, 4, kWeighted>(a, col);
        else
          step_block<T, Kind, 3, kWeighted>(a, col);
        done += left >= 4 ? 4 : 3;
        continue;
      }
    }
    if (left >= 2)
      step_block<T, Kind, 2, kWeighted>(a, col);
    else
      step_block<T, Kind, 1, kWeighted>(a, col);
    done += left >= 2 ? 2 : 1;
  }
}

template <class T, bool kWeighted>
void row_step_weighted(const RowStep<T>& a) {
  const Index packs = (a.d + kWide - 1) / kWide;
  if (packs == 0) return;
  if (a.by_row) {
    switch (packs) {
      case 1:
        return step_by_row<T, 1, kWeighted>(a);
      case 2:
        return step_by_row<T, 2, kWeighted>(a);
      case 4:
        if constexpr (kMaxPacks<T> >= 4) return step_by_row<T, 4, kWeighted>(a);
        break;
      case 7:
        if constexpr (kMaxPacks<T> >= 8) return step_by_row<T, 7, kWeighted>(a);
        break;
      default:
        break;
    }
    return step_by_long_row<T, kWeighted>(a);
  }
  with_optim(a.opt->kind, [&a, packs](auto tag) { step_columns<T, decltype(tag)::kind, kWeighted>(a, packs); });
}

template <class T>
void row_step_impl(const RowStep<T>& a) {
  if (a.weight != nullptr)
    row_step_weighted<T, true>(a);
  else
    row_step_weighted<T, false>(a);
}

}  // namespace

void row_step(const RowStep<float>& args) { row_step_impl(args); }
void row_step(const RowStep<double>& args) { row_step_impl(args); }

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
