// Macro-kernel and column sums for one element type; gemm_f32.cpp and gemm_f64.cpp instantiate it (two files: half the build
// time).
#pragma once
#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_micro.h"
#include "kernels/gemm_pack.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

template <class T>
void gemm_impl(const GemmArgs<T>& g) {
  constexpr Index L = kLanes<T>;
  const Index given_rows = g.a_rows > 0 ? g.a_rows : kMR;
  const bool row_a = g.a_cs == 1, packed_a = g.a_panel != given_rows * g.a_rs;
  // Adjacent panels (B unpacked) may be taken several at once; packed ones are apart.
  const bool adjacent = g.b_panel == kNR<T>;
  // A short row of B is all there is: what comes next in memory is the row after, not the rest of this one.
  const bool strip = adjacent && g.b_rs <= 2 * kNR<T>;
  constexpr Index kStripAhead = 32;
  const Index rows_ahead = strip ? kStripAhead * g.b_rs : 8 * kNR<T>;
  const Index steps_ahead = !strip ? g.k : g.k > kStripAhead ? g.k - kStripAhead : 0;
  // Where neither operand is packed, the rows of a tile are free.
  const bool wide = adjacent && !packed_a && g.m > kMR && g.k >= 32;
  const Index panel_rows = wide ? kInPlaceRows : given_rows, a_panel = wide ? kInPlaceRows * g.a_rs : g.a_panel;
  // A short product is told by branches, which are foreseen; the kernel to call would wait for a division.
  const Index panels = g.m < panel_rows ? 0 : div_sizes(g.m, panel_rows), rest = g.m - panels * panel_rows;
  const Index nv = adjacent ? nv_max(static_cast<int>(panels > 0 ? panel_rows : rest)) : kNV;
  const Index width = nv * L, whole = g.n < width ? 0 : div_sizes(g.n, width);

  // `count` panels of `rows` rows from `row` on, over `cols` panels of `width` columns, `first` panels from the left, the last vector of
  // each with `tail` lanes.
  const auto run = [&](const T* a, Index row, Index rows, Index count, Index first, Index cols, Index vectors,
                       Index tail) PYFFNN_LAMBDA_INLINE {
    const Index col = first * width;
    const Micro<T> sums = kMicros<T>.get(rows, vectors, row_a, tail);
    const Index b_panel = adjacent ? width : g.b_panel;
    const Index b_ahead = adjacent && !strip ? width : rows_ahead, b_back = strip ? rows_ahead : (1 - cols) * b_panel;
    Tiles<T> t{a, a_panel, g.b + first * b_panel, g.c + row * g.ldc + col, g.ldc, count, cols, b_panel, b_ahead, b_back, tail, 0, 0};
    t.whole_steps = whole_steps(g.k, g.b_rs, L, tail);
    t.steps_ahead = steps_ahead;
    if (g.epilogue == Epilogue::store) {
      sums(g, t);
      return;
    }
    const Index tile_cols = (vectors - 1) * L + tail;
    t.rows = t.cols = 1;
    for (; count > 0; --count, t.a += a_panel, row += rows) {
      for (Index q = 0; q < cols; ++q) {
        const Index at = col + q * width;
        t.b = g.b + (first + q) * b_panel;
        t.b_back = q + 1 < cols ? b_ahead : b_back;  // a tile at a time, each is the last of its panels
        t.c = g.c + row * g.ldc + at;
        if (g.epilogue == Epilogue::update) {
          alignas(64) T tile[kMaxTile<T>];
          t.c = tile;
          t.ldc = vectors * L;
          prefetch_update(g, row, at, rows, tile_cols);
          sums(g, t);
          finish_update(g, tile, t.ldc, row, at, rows, tile_cols);
          continue;
        }
        sums(g, t);
        if (g.epilogue == Epilogue::bias_act)
          finish_bias_act(g, row, at, rows, tile_cols);
        else
          finish_times_dact(g, row, at, rows, tile_cols);
      }
    }
  };
  const auto all_columns = [&](const T* a, Index row, Index rows, Index count) PYFFNN_LAMBDA_INLINE {
    if (whole > 0) run(a, row, rows, count, 0, whole, nv, L);
    if (const Index left = g.n - whole * width; left > 0) {
      const Index vectors = (left + L - 1) / L;
      run(a, row, rows, count, whole, 1, vectors, left - (vectors - 1) * L);
    }
  };
  if (panels > 0 && rest > 0 && 2 * rest <= panel_rows && !packed_a) {
    // A short last panel has too few sums to hide the latency of FMA: it shares rows with the panel before.
    const Index both = panel_rows + rest, first = (both + 1) / 2, row = (panels - 1) * panel_rows;
    if (panels > 1) all_columns(g.a, 0, panel_rows, panels - 1);
    const T* const a = g.a + (panels - 1) * a_panel;
    all_columns(a, row, first, 1);
    all_columns(a + first * g.a_rs, row + first, both - first, 1);
    return;
  }
  if (panels > 0) all_columns(g.a, 0, panel_rows, panels);
  if (rest > 0) all_columns(g.a + panels * a_panel, panels * panel_rows, rest, 1);
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
