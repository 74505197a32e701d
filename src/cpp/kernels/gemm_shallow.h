// Dense products whose k is tiny: some columns of B stay in registers while all rows of A pass. Such a product is a matter of writing C.
#pragma once
#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_micro.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Vectors of a row of B, of which K stay in registers beside the sums and a number of A.
template <class T>
constexpr int shallow_vectors(int k) {
#if PYFFNN_VEC_BYTES == 64 || defined(__aarch64__)
  constexpr int kRegisters = 24;
#else
  constexpr int kRegisters = 12;
#endif
  const int fit = kRegisters / k;
  return fit > 4 ? 4 : fit;
}

template <class T, int K, int NV, bool kPart>
__attribute__((noinline)) void shallow_micro(const GemmArgs<T>& g, Index row, Index rows, Index col, Index tail) {
  constexpr int L = kLanes<T>, kLine = 64 / static_cast<int>(sizeof(T)), kDown = 8;
  using End = Last<T, kPart ? Tail::part : Tail::whole>;
  const auto mask = End::mask(tail);
  Vec<T> b[K][NV];
  PYFFNN_UNROLL for (int p = 0; p < K; ++p) {
    PYFFNN_UNROLL for (int v = 0; v < NV - 1; ++v) b[p][v] = load(g.b + p * g.b_rs + col + v * L);
    b[p][NV - 1] = End::load(g.b + p * g.b_rs + col + (NV - 1) * L, mask);
  }
  const T* a = g.a + row * g.a_rs;
  T* c = g.c + row * g.ldc + col;
  for (Index i = 0; i < rows; ++i) {
    Vec<T> sum[NV];
    PYFFNN_UNROLL for (int v = 0; v < NV; ++v) sum[v] = zero<T>();
    if (__builtin_expect(g.load_c, 0)) {
      PYFFNN_UNROLL for (int v = 0; v < NV - 1; ++v) sum[v] = load(c + v * L);
      sum[NV - 1] = End::load(c + (NV - 1) * L, mask);
    }
    PYFFNN_UNROLL for (int p = 0; p < K; ++p) {
      const Vec<T> av = set1(a[p * g.a_cs]);
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) sum[v] = fma(av, b[p][v], sum[v]);
    }
    PYFFNN_UNROLL for (int j = 0; j < NV * L; j += kLine) __builtin_prefetch(c + kDown * g.ldc + j, 1, 3);
    PYFFNN_UNROLL for (int v = 0; v < NV - 1; ++v) store(c + v * L, sum[v]);
    End::store(c + (NV - 1) * L, sum[NV - 1], mask);
    a += g.a_rs;
    c += g.ldc;
  }
}

template <class T>
using ShallowMicro = void (*)(const GemmArgs<T>&, Index, Index, Index, Index);
template <class T>
struct ShallowTable {
  ShallowMicro<T> at[kMostShallow][4][2];  // k - 1, vectors - 1, whether the last one is a part
};
template <class T, int K, int NV>
constexpr void fill_shallow(ShallowTable<T>& t) {
  t.at[K - 1][NV - 1][0] = &shallow_micro<T, K, NV, false>;
  t.at[K - 1][NV - 1][1] = &shallow_micro<T, K, NV, true>;
  if constexpr (NV < shallow_vectors<T>(K))
    fill_shallow<T, K, NV + 1>(t);
  else if constexpr (K < kMostShallow)
    fill_shallow<T, K + 1, 1>(t);
}
template <class T>
constexpr ShallowTable<T> make_shallow_table() {
  ShallowTable<T> t{};
  fill_shallow<T, 1, 1>(t);
  return t;
}

template <class T>
void gemm_shallow_impl(const GemmArgs<T>& g) {
  static constexpr ShallowTable<T> micros = make_shallow_table<T>();
  constexpr Index L = kLanes<T>, kRows = 64;  // rows of C that an epilogue finds in L1 or L2
  const Index at_once = shallow_vectors<T>(static_cast<int>(g.k)) * L;
  for (Index row = 0; row < g.m; row += kRows) {
    const Index rows = g.m - row < kRows ? g.m - row : kRows;
    for (Index col = 0; col < g.n; col += at_once) {
      const Index cols = g.n - col < at_once ? g.n - col : at_once, vectors = (cols + L - 1) / L, tail = cols - (vectors - 1) * L;
      micros.at[g.k - 1][vectors - 1][tail < L](g, row, rows, col, tail);
    }
    if (g.epilogue == Epilogue::bias_act)
      finish_bias_act(g, row, 0, rows, g.n);
    else if (g.epilogue == Epilogue::times_dact)
      finish_times_dact(g, row, 0, rows, g.n);
  }
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
