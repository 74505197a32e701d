// Dense products of one row by a matrix that runs along k (x by W.T): B is read once, as it lies. Square blocks of it are transposed in
// registers and multiplied there, so that an output's sum is the chain that it is in every other way.
#pragma once
#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_micro.h"
#include "kernels/gemm_pack.h"
#include "simd/transpose.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Vectors of outputs beside one another: while a chain of one waits, another's block is turned.
constexpr int kTurnedVectors = 4;

// g.c[col .. col + NV vectors), of `cols` columns; element (p, j) of B is b[p + j * b_cs].
template <class T, int NV>
__attribute__((noinline)) void turned_micro(const GemmArgs<T>& g, Index b_cs, Index col, Index cols) {
  constexpr Index L = kLanes<T>;
  const Index tail = cols - (NV - 1) * L;
  T* const c = g.c + col;
  Vec<T> sum[NV];
  PYFFNN_UNROLL for (int v = 0; v < NV; ++v) sum[v] = zero<T>();
  if (g.load_c) {
    PYFFNN_UNROLL for (int v = 0; v < NV; ++v) sum[v] = load_v(c + v * L, v == NV - 1 && tail < L, tail);
  }
  const T *a = g.a, *b = g.b + col * b_cs;
  const Index a_cs = g.a_cs;
  for (Index p = 0; p < g.k; p += L, a += L * a_cs, b += L) {
    const Index depth = g.k - p < L ? g.k - p : Index{L};
    if (__builtin_expect(depth == L, 1)) {
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) {
        Vec<T> x[L];
        load_transposed<T>(b + v * L * b_cs, b_cs, cols - v * L, L, x);
        PYFFNN_UNROLL for (Index i = 0; i < L; ++i) sum[v] = fma(set1(a[i * a_cs]), x[i], sum[v]);
      }
    } else {
      for (int v = 0; v < NV; ++v) {
        Vec<T> x[L];
        load_transposed<T>(b + v * L * b_cs, b_cs, cols - v * L, depth, x);
        for (Index i = 0; i < depth; ++i) sum[v] = fma(set1(a[i * a_cs]), x[i], sum[v]);
      }
    }
  }
  PYFFNN_UNROLL for (int v = 0; v < NV; ++v) store_v(c + v * L, sum[v], v == NV - 1 && tail < L, tail);
}

template <class T>
void gemm_turned_impl(const GemmArgs<T>& g, Index b_cs) {
  constexpr Index L = kLanes<T>, kMost = kTurnedVectors * L;
  for (Index col = 0; col < g.n; col += kMost) {
    const Index cols = g.n - col < kMost ? g.n - col : kMost;
    switch ((cols + L - 1) / L) {
      case 1:
        turned_micro<T, 1>(g, b_cs, col, cols);
        break;
      case 2:
        turned_micro<T, 2>(g, b_cs, col, cols);
        break;
      case 3:
        turned_micro<T, 3>(g, b_cs, col, cols);
        break;
      default:
        turned_micro<T, kTurnedVectors>(g, b_cs, col, cols);
    }
  }
  if (g.epilogue == Epilogue::bias_act)
    finish_bias_act(g, 0, 0, 1, g.n);
  else if (g.epilogue == Epilogue::times_dact)
    finish_times_dact(g, 0, 0, 1, g.n);
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
