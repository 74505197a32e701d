// What happens to a finished tile of sums, while it is in L1: see Epilogue.
#pragma once
#include "core/types.h"
#include "kernels/act_math.h"
#include "kernels/gemm_micro.h"
#include "simd/optim_math.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// f(j, lanes of the tail or 0) over a row's vectors.
template <class T, class F>
PYFFNN_INLINE void for_vectors(Index cols, F f) {
  constexpr Index L = kLanes<T>;
  Index j = 0;
  for (; j + L <= cols; j += L) f(j, Index{0});
  if (j < cols) f(j, cols - j);
}

template <class T>
void finish_bias_act(const GemmArgs<T>& g, Index row, Index col, Index rows, Index cols) {
  with_act(g.act, [&](auto tag) {
    for (Index i = 0; i < rows; ++i) {
      T* const c = g.c + (row + i) * g.ldc + col;
      for_vectors<T>(cols, [&](Index j, Index tail) PYFFNN_LAMBDA_INLINE {
        Vec<T> z = load_v(c + j, tail != 0, tail);
        if (g.bias != nullptr) z = z + load_v(g.bias + col + j, tail != 0, tail);
        store_v(c + j, act_vec<T, decltype(tag)::act>(z), tail != 0, tail);
      });
    }
  });
}

template <class T>
void finish_times_dact(const GemmArgs<T>& g, Index row, Index col, Index rows, Index cols) {
  with_act(g.act, [&](auto tag) {
    for (Index i = 0; i < rows; ++i) {
      T* const c = g.c + (row + i) * g.ldc + col;
      const T* const y = g.y + (row + i) * g.ldy + col;
      for_vectors<T>(cols, [&](Index j, Index tail) PYFFNN_LAMBDA_INLINE {
        const Vec<T> d = dact_vec<T, decltype(tag)::act>(load_v(c + j, tail != 0, tail), load_v(y + j, tail != 0, tail));
        store_v(c + j, d, tail != 0, tail);
      });
    }
  });
}

// The rows of C, and of the optimizer's state, are wanted when the sums are done: by then they have come from memory.
template <class T>
void prefetch_update(const GemmArgs<T>& g, Index row, Index col, Index rows, Index cols) {
  constexpr Index kLine = 64 / static_cast<Index>(sizeof(T));
  const T* const bases[] = {g.c, g.s1, g.s2};
  for (const T* base : bases) {
    if (base == nullptr) continue;
    const T* p = base + row * g.ldc + col;
    for (Index i = 0; i < rows; ++i, p += g.ldc) {
      for (Index j = 0; j < cols; j += kLine) prefetch(p + j);
    }
  }
}

// The sums are gradients, in `tile`; c and the states get one optimizer step.
template <class T>
void finish_update(const GemmArgs<T>& g, const T* tile, Index ld, Index row, Index col, Index rows, Index cols) {
  with_optim(g.opt->kind, [&](auto tag) {
    constexpr Optim kind = decltype(tag)::kind;
    for (Index i = 0; i < rows; ++i) {
      const Index at0 = (row + i) * g.ldc + col;
      for_vectors<T>(cols, [&](Index j, Index tail) PYFFNN_LAMBDA_INLINE {
        const Index at = at0 + j;
        const bool t = tail != 0;
        Vec<T> s1{}, s2{};
        if constexpr (uses_s1(kind)) s1 = load_v(g.s1 + at, t, tail);
        if constexpr (uses_s2(kind)) s2 = load_v(g.s2 + at, t, tail);
        const Vec<T> sum = load_v(tile + i * ld + j, t, tail);
        store_v(g.c + at, optim_update<T, kind>(*g.opt, load_v(g.c + at, t, tail), sum, s1, s2), t, tail);
        if constexpr (uses_s1(kind)) store_v(g.s1 + at, s1, t, tail);
        if constexpr (uses_s2(kind)) store_v(g.s2 + at, s2, t, tail);
      });
    }
  });
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
