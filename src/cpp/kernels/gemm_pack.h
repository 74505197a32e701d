// Operands of a product copied into the panels that the micro-kernel streams; a transposed operand passes through registers, a square
// block of vectors at a time.
#pragma once
#include "kernels/gemm_micro.h"
#include "simd/transpose.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// `count` lanes of v; the whole vector where [p, end) has room, since what lies behind is written later.
template <class T>
PYFFNN_INLINE void store_over(T* p, const T* end, Vec<T> v, Index count) {
  if (p + kLanes<T> <= end)
    store(p, v);
  else
    store_tail(p, v, count < kLanes<T> ? count : Index{kLanes<T>});
}

template <class T>
void pack_b_impl(const T* b, Index rs, Index cs, Index k, Index n, T* out) {
  constexpr Index NR = kNR<T>, L = kLanes<T>;
  if (cs == 1) {
    // Several panels at once: a row of the source is read for whole cache lines in succession, which the hardware prefetcher follows.
    constexpr Index kGroup = 8;
    Index col = 0;
    for (; col + NR <= n;) {
      const Index whole = (n - col) / NR, panels = whole < kGroup ? whole : kGroup;
      for (Index p = 0; p < k; ++p) {
        const T* src = b + p * rs + col;
        T* dst = out + p * NR;
        for (Index q = 0; q < panels; ++q, src += NR, dst += NR * k) {
          PYFFNN_UNROLL for (int v = 0; v < kNV; ++v) store(dst + v * L, load(src + v * L));
        }
      }
      col += panels * NR;
      out += panels * NR * k;
    }
    for (Index p = 0; col < n && p < k; ++p) {
      for (Index j = 0; j < NR; j += L) {
        const Index left = n - col - j;
        store(out + p * NR + j, left > 0 ? load_v(b + p * rs + col + j, left < L, left) : zero<T>());
      }
    }
    return;
  }
  for (Index col = 0; col < n; col += NR, out += NR * k) {
    for (Index p = 0; p < k; p += L) {
      const Index depth = k - p < L ? k - p : L;
      for (Index j = 0; j < NR; j += L) {
        Vec<T> x[L];
        load_transposed<T>(b + (col + j) * cs + p, cs, n - col - j, depth, x);
        T* const d = out + p * NR + j;
        if (depth == L) {
          PYFFNN_UNROLL for (Index i = 0; i < L; ++i) store(d + i * NR, x[i]);
        } else {
          for (Index i = 0; i < depth; ++i) store(d + i * NR, x[i]);
        }
      }
    }
  }
}

template <class T>
void pack_a_impl(const T* a, Index rs, Index cs, Index m, Index k, Index mr, T* out) {
  constexpr Index L = kLanes<T>, kBlocks = (kMR + L - 1) / L;
  for (Index row = 0; row < m; row += mr) {
    const Index rows = m - row < mr ? m - row : mr;
    const T* const src = a + row * rs;
    const T* const end = out + mr * k;
    if (rs == 1) {
      for (Index p = 0; p < k; ++p) {
        for (Index i = 0; i < mr; i += L) {
          const Index left = clamp_lanes(rows - i, L);
          store_over(out + p * mr + i, end, load_v(src + p * cs + i, left < L, left), mr - i);
        }
      }
    } else {
      for (Index p = 0; p < k; p += L) {
        const Index depth = k - p < L ? k - p : L;
        Vec<T> x[kBlocks][L];
        PYFFNN_UNROLL for (Index q = 0; q < kBlocks; ++q) load_transposed<T>(src + q * L * rs + p, rs, rows - q * L, depth, x[q]);
        for (Index i = 0; i < depth; ++i) {
          PYFFNN_UNROLL for (Index q = 0; q < kBlocks; ++q) {
            if (q * L < mr) store_over(out + (p + i) * mr + q * L, end, x[q][i], mr - q * L);
          }
        }
      }
    }
    out += mr * k;
  }
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
