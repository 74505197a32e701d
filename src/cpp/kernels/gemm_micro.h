// The only FMA loop for dense products: an MR x NV register tile, vectorised over n, one FMA chain an output in the order of k.
//
// Tile sizes: FMA has a latency of 4 cycles and a throughput of up to 2 a cycle, so at least 8 independent sums are wanted; the
// tile takes as many as the registers hold beside the NV vectors of B and one broadcast of A:
//   AVX-512 (32 registers): 14 x 2 = 28 + 2 + 1;  AVX2 and SSE2 (16): 6 x 2 = 12 + 2 + 1;  NEON (32): 8 x 3 = 24 + 3 + 1.
// Few rows take more vectors instead (nv_max), for the same number of independent sums.
#pragma once
#include "core/types.h"
#include "kernels/act_math.h"
#include "simd/optim_math.h"
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

#if PYFFNN_VEC_BYTES == 64
constexpr int kMR = 14, kNV = 2;
constexpr int nv_max(int mr) { return mr <= 2 ? 8 : mr <= 6 ? 4 : 2; }
#elif PYFFNN_VEC_BYTES == 32
constexpr int kMR = 6, kNV = 2;
constexpr int nv_max(int mr) { return mr == 1 ? 8 : mr <= 3 ? 4 : 2; }
#elif defined(__aarch64__) && defined(PYFFNN_VEC_BYTES)
constexpr int kMR = 8, kNV = 3;
constexpr int nv_max(int mr) { return mr <= 2 ? 8 : mr <= 4 ? 6 : 3; }
#elif defined(PYFFNN_VEC_BYTES)
constexpr int kMR = 6, kNV = 2;
constexpr int nv_max(int mr) { return mr == 1 ? 8 : mr <= 3 ? 4 : 2; }
#else
constexpr int kMR = 3, kNV = 5;  // odd on purpose: every edge path runs
constexpr int nv_max(int) { return 5; }
#endif

template <class T>
constexpr Index kNR = kNV * kLanes<T>;

template <class T>
PYFFNN_INLINE Vec<T> load_v(const T* p, bool tail, Index n) {
  return tail ? load_tail(p, n) : load(p);
}
template <class T>
PYFFNN_INLINE void store_v(T* p, Vec<T> v, bool tail, Index n) {
  if (tail)
    store_tail(p, v, n);
  else
    store(p, v);
}

// Calls f(vector of sums, row, column, tail?, lanes) over a finished tile of `rows` x `cols`.
template <class T, class F>
PYFFNN_INLINE void for_tile(const T* tile, Index nv_tile, Index rows, Index cols, F f) {
  constexpr Index L = kLanes<T>;
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; j += L) f(load(tile + i * nv_tile * L + j), i, j, cols - j < L, cols - j);
  }
}

// The epilogues that are not worth a copy in every micro-kernel, on a finished tile of `rows` x `nv` vectors.
template <class T>
__attribute__((noinline)) void finish_tile(const GemmArgs<T>& g, const T* tile, Index nv_tile, Index row, Index col, Index rows,
                                           Index cols) {
  T* const c = g.c + row * g.ldc + col;
  if (g.epilogue == Epilogue::bias_act) {
    with_act(g.act, [&](auto act) {
      for_tile(tile, nv_tile, rows, cols, [&](Vec<T> sum, Index i, Index j, bool tail, Index left) PYFFNN_LAMBDA_INLINE {
        if (g.bias != nullptr) sum = sum + load_v(g.bias + col + j, tail, left);
        store_v(c + i * g.ldc + j, act_vec<T, decltype(act)::act>(sum), tail, left);
      });
    });
  } else if (g.epilogue == Epilogue::times_dact) {
    const T* const y = g.y + row * g.ldy + col;
    with_act(g.act, [&](auto act) {
      for_tile(tile, nv_tile, rows, cols, [&](Vec<T> sum, Index i, Index j, bool tail, Index left) PYFFNN_LAMBDA_INLINE {
        store_v(c + i * g.ldc + j, dact_vec<T, decltype(act)::act>(sum, load_v(y + i * g.ldy + j, tail, left)), tail, left);
      });
    });
  } else {
    T *const s1 = g.s1 + row * g.ldc + col, *const s2 = g.s2 + row * g.ldc + col;
    with_optim(g.opt->kind, [&](auto tag) {
      constexpr Optim kind = decltype(tag)::kind;
      for_tile(tile, nv_tile, rows, cols, [&](Vec<T> sum, Index i, Index j, bool tail, Index left) PYFFNN_LAMBDA_INLINE {
        const Index at = i * g.ldc + j;
        Vec<T> a{}, b{};
        if constexpr (uses_s1(kind)) a = load_v(s1 + at, tail, left);
        if constexpr (uses_s2(kind)) b = load_v(s2 + at, tail, left);
        store_v(c + at, optim_update<T, kind>(*g.opt, load_v(c + at, tail, left), sum, a, b), tail, left);
        if constexpr (uses_s1(kind)) store_v(s1 + at, a, tail, left);
        if constexpr (uses_s2(kind)) store_v(s2 + at, b, tail, left);
      });
    });
  }
}

// The rows of C, and of the optimizer's state, are wanted when the sums are done: by then they have come from memory.
template <class T, int MR, int NV>
PYFFNN_INLINE void prefetch_tile(const GemmArgs<T>& g, Index row, Index col) {
  constexpr Index kLine = 64 / static_cast<Index>(sizeof(T));
  constexpr Index kWidth = NV * kLanes<T>;
  const T* const bases[3] = {g.c, g.epilogue == Epilogue::update ? g.s1 : nullptr, g.epilogue == Epilogue::update ? g.s2 : nullptr};
  for (const T* base : bases) {
    if (base == nullptr) continue;
    const T* p = base + row * g.ldc + col;
    for (int i = 0; i < MR; ++i, p += g.ldc) {
      for (Index j = 0; j < kWidth; j += kLine) prefetch(p + j);
    }
  }
}

// kRowA: A runs along k (a_cs = 1), else along m (a_rs = 1). kTail: the last vector has `tail` lanes.
template <class T, int MR, int NV, bool kRowA, bool kTail>
__attribute__((noinline)) void micro(const GemmArgs<T>& g, const T* a, const T* b, Index row, Index col, Index tail) {
  constexpr int L = kLanes<T>;
  const Index k = g.k, a_step = kRowA ? 1 : g.a_cs, a_rs = kRowA ? g.a_rs : 1, b_rs = g.b_rs;
  T* const c = g.c + row * g.ldc + col;
  Vec<T> acc[MR][NV];
  if (g.epilogue != Epilogue::store) prefetch_tile<T, MR, NV>(g, row, col);
  if (g.load_c) {
    PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) acc[i][v] = load_v(c + i * g.ldc + v * L, kTail && v == NV - 1, tail);
    }
  } else {
    PYFFNN_UNROLL for (int i = 0; i < MR; ++i) { PYFFNN_UNROLL for (int v = 0; v < NV; ++v) acc[i][v] = zero<T>(); }
  }
  for (Index p = 0; p < k; ++p) {
    Vec<T> bv[NV];
    PYFFNN_UNROLL for (int v = 0; v < NV; ++v) bv[v] = load_v(b + v * L, kTail && v == NV - 1, tail);
    PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
      const Vec<T> av = set1(a[i * a_rs]);
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) acc[i][v] = fma(av, bv[v], acc[i][v]);
    }
    a += a_step;
    b += b_rs;
  }
  if (g.epilogue == Epilogue::store) {
    PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) store_v(c + i * g.ldc + v * L, acc[i][v], kTail && v == NV - 1, tail);
    }
    return;
  }
  alignas(64) T tile[MR * NV * L];
  PYFFNN_UNROLL for (int i = 0; i < MR; ++i) { PYFFNN_UNROLL for (int v = 0; v < NV; ++v) store(tile + (i * NV + v) * L, acc[i][v]); }
  finish_tile(g, tile, NV, row, col, MR, kTail ? (NV - 1) * L + tail : NV * L);
}

template <class T>
using Micro = void (*)(const GemmArgs<T>&, const T*, const T*, Index, Index, Index);

template <class T>
struct MicroTable {
  Micro<T> at[kMR][8][2][2];  // rows - 1, vectors - 1, row A, tail
};

template <class T, int MR, int NV>
constexpr void fill_micro(MicroTable<T>& t) {
  t.at[MR - 1][NV - 1][0][0] = &micro<T, MR, NV, false, false>;
  t.at[MR - 1][NV - 1][0][1] = &micro<T, MR, NV, false, true>;
  t.at[MR - 1][NV - 1][1][0] = &micro<T, MR, NV, true, false>;
  t.at[MR - 1][NV - 1][1][1] = &micro<T, MR, NV, true, true>;
  if constexpr (NV < nv_max(MR)) {
    fill_micro<T, MR, NV + 1>(t);
  } else if constexpr (MR < kMR) {
    fill_micro<T, MR + 1, 1>(t);
  }
}

template <class T>
constexpr MicroTable<T> make_micro_table() {
  MicroTable<T> t{};
  fill_micro<T, 1, 1>(t);
  return t;
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
