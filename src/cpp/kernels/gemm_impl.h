// Macro-kernel, packing and column sums for one element type; gemm_f32.cpp and gemm_f64.cpp instantiate it (two files: half the build
// time).
#pragma once
#include "kernels/gemm_micro.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

template <class T>
void gemm_impl(const GemmArgs<T>& g) {
  static constexpr MicroTable<T> micros = make_micro_table<T>();
  constexpr Index L = kLanes<T>;
  const bool row_a = g.a_cs == 1;
  // Adjacent panels (B unpacked) may be taken several at once; packed ones are apart.
  const bool adjacent = g.b_panel == kNR<T>;
  const Index full_rows = g.m < kMR ? g.m : kMR;
  const Index nv = adjacent ? nv_max(static_cast<int>(full_rows)) : kNV;
  const Index width = nv * L;
  for (Index col = 0; col < g.n; col += width) {
    const Index cols = g.n - col < width ? g.n - col : width;
    const Index vectors = (cols + L - 1) / L, tail = cols - (vectors - 1) * L;
    const int has_tail = tail < L;
    const T* b = adjacent ? g.b + col : g.b + col / kNR<T> * g.b_panel;
    const T* a = g.a;
    for (Index row = 0; row < g.m; row += kMR, a += g.a_panel) {
      const Index rows = g.m - row < kMR ? g.m - row : kMR;
      micros.at[rows - 1][vectors - 1][row_a][has_tail](g, a, b, row, col, tail);
    }
  }
}

template <class T>
void pack_b_impl(const T* b, Index rs, Index cs, Index k, Index n, T* out) {
  constexpr Index NR = kNR<T>, L = kLanes<T>;
  for (Index col = 0; col < n; col += NR, out += NR * k) {
    const Index cols = n - col < NR ? n - col : NR;
    const T* src = b + col * cs;
    if (cs == 1 && cols == NR) {
      for (Index p = 0; p < k; ++p) {
        PYFFNN_UNROLL for (int v = 0; v < kNV; ++v) store(out + p * NR + v * L, load(src + p * rs + v * L));
      }
    } else if (cs == 1) {
      for (Index p = 0; p < k; ++p) {
        for (Index j = 0; j < NR; j += L) {
          const Index left = cols - j;
          store(out + p * NR + j, left >= L ? load(src + p * rs + j) : (left > 0 ? load_tail(src + p * rs + j, left) : zero<T>()));
        }
      }
    } else {
      // Transposed: whole cache lines of the source (16 values of k) before moving to the next column.
      constexpr Index kStrip = 16;
      for (Index p0 = 0; p0 < k; p0 += kStrip) {
        const Index strip = k - p0 < kStrip ? k - p0 : kStrip;
        for (Index j = 0; j < cols; ++j) {
          const T* s = src + j * cs + p0 * rs;
          T* d = out + p0 * NR + j;
          for (Index p = 0; p < strip; ++p) d[p * NR] = s[p * rs];
        }
        for (Index j = cols; j < NR; ++j) {
          T* d = out + p0 * NR + j;
          for (Index p = 0; p < strip; ++p) d[p * NR] = T(0);
        }
      }
    }
  }
}

template <class T>
void pack_a_impl(const T* a, Index rs, Index cs, Index m, Index k, T* out) {
  constexpr Index MR = kMR;
  for (Index row = 0; row < m; row += MR, out += MR * k) {
    const Index rows = m - row < MR ? m - row : MR;
    const T* src = a + row * rs;
    if (rs == 1) {
      for (Index p = 0; p < k; ++p) {
        for (Index i = 0; i < rows; ++i) out[p * MR + i] = src[p * cs + i];
        for (Index i = rows; i < MR; ++i) out[p * MR + i] = T(0);
      }
    } else {
      constexpr Index kStrip = 16;
      for (Index p0 = 0; p0 < k; p0 += kStrip) {
        const Index strip = k - p0 < kStrip ? k - p0 : kStrip;
        for (Index i = 0; i < MR; ++i) {
          T* d = out + p0 * MR + i;
          const T* s = src + i * rs + p0 * cs;
          for (Index p = 0; p < strip; ++p) d[p * MR] = i < rows ? s[p * cs] : T(0);
        }
      }
    }
  }
}

template <class T>
void col_sum_impl(const T* x, Index ldx, Index m, Index n, bool accumulate, T* out) {
  constexpr Index L = kLanes<T>;
  for (Index j = 0; j < n; j += L) {
    const Index left = n - j;
    const bool tail = left < L;
    Vec<T> sum = accumulate ? load_v(out + j, tail, left) : zero<T>();
    for (Index i = 0; i < m; ++i) sum = sum + load_v(x + i * ldx + j, tail, left);
    store_v(out + j, sum, tail, left);
  }
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
