// Dense products column panel by column panel: all row tiles pass over a panel of B before the next one. Tiles are as tall as the registers
// allow, of kNV vectors: 14 x 2 with 512-bit vectors. So a step of k reads the fewest lines of B for its multiply-adds, which a core with
// two ports for them is short of.
//
// The first tile of a panel fetches rows of B down the panel and may write them to an aligned buffer on the way, which the other tiles read
// out of L1 or L2; while they do, they fetch the next panel to L2. The chain of an output is that of every other way, so are its bits.
#pragma once
#include <cstring>

#include "kernels/gemm_epilogue.h"
#include "kernels/gemm_micro.h"
#include "kernels/gemm_pack.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Where a tile reads B: in place; in place, writing it to the copy; out of the copy.
enum class Source { place, copying, copy };

template <class T>
struct TallTile {
  const T* a;
  Index a_rs, a_cs;  // one of them is 1
  const T* b;
  Index b_rs, k;
  T* c;
  Index ldc;
  bool load_c;
  T* copy;
  const char* far;  // what comes to L2 meanwhile: a line for every two steps of k
  Index far_step;
};

// Step p and the one after, of a tile's rows of A.
template <class T, int MR, bool kRowA>
struct StepsOfA;
template <class T, int MR>
struct StepsOfA<T, MR, true> {
  Rows<MR> rows;
  PYFFNN_INLINE StepsOfA(const T* a, Index rs, Index) : rows(a, rs * static_cast<Index>(sizeof(T))) {}
  PYFFNN_INLINE T at(int i, int step) const { return rows.template at<const T>(i)[step]; }
  PYFFNN_INLINE void advance(int steps) { rows.advance(steps * static_cast<Index>(sizeof(T))); }
};
template <class T, int MR>
struct StepsOfA<T, MR, false> {
  const T *p, *next;
  Index cs;
  PYFFNN_INLINE StepsOfA(const T* a, Index, Index cs_) : p(a), next(a + cs_), cs(cs_) {}
  PYFFNN_INLINE T at(int i, int step) const { return step == 0 ? p[i] : next[i]; }
  PYFFNN_INLINE void advance(int steps) {
    p += steps * cs;
    next += steps * cs;
  }
};

template <class T, int MR, bool kRowA, Source kSource>
__attribute__((noinline)) void tall_micro(const TallTile<T>& t) {
  constexpr int L = kLanes<T>, NV = kNV, kLine = 64 / static_cast<int>(sizeof(T)), kDown = 8, kUnroll = kSource == Source::copy ? 2 : 1;
  // Lines of C are asked for so many steps before they are written; earlier they would leave L1 again.
  constexpr Index kBeforeEnd = 64;
  const Index k = t.k, b_rs = kSource == Source::copy ? kNR<T> : t.b_rs;
  Vec<T> acc[MR][NV];
  PYFFNN_UNROLL for (int i = 0; i < MR; ++i) { PYFFNN_UNROLL for (int v = 0; v < NV; ++v) acc[i][v] = zero<T>(); }
  if (__builtin_expect(t.load_c, 0)) {
    const T* row = t.c;
    PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) acc[i][v] = load(row + v * L);
      walk(row, t.ldc);
    }
  }
  StepsOfA<T, MR, kRowA> column(t.a, t.a_rs, t.a_cs);
  const T *bp = t.b, *ahead = t.b + kDown * b_rs;
  T* copy = t.copy;
  const char* far = t.far;
  const Index far_step = t.far_step;
  const auto multiply = [&](const T* b, int step) PYFFNN_LAMBDA_INLINE {
    Vec<T> bv[NV];
    PYFFNN_UNROLL for (int v = 0; v < NV; ++v) bv[v] = load(b + v * L);
    if constexpr (kSource == Source::copying) {
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) store(copy + v * L, bv[v]);
    }
    PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
      const Vec<T> av = set1(column.at(i, step));
      PYFFNN_UNROLL for (int v = 0; v < NV; ++v) acc[i][v] = fma(av, bv[v], acc[i][v]);
    }
  };
  Index left = k;
  for (Index stop = k > 2 * kBeforeEnd ? kBeforeEnd : k;; stop = 0) {
    for (; left >= stop + kUnroll; left -= kUnroll) {
      multiply(bp, 0);
      if constexpr (kUnroll == 2) {
        multiply(bp + kNR<T>, 1);
        prefetch_l2(far);
        far += far_step;
      } else {
        PYFFNN_UNROLL for (int j = 0; j < NV * L; j += kLine) prefetch(ahead + j);
        prefetch(ahead + NV * L - 1);
        ahead += b_rs;
        copy += kNR<T>;
      }
      column.advance(kUnroll);
      bp += kUnroll * b_rs;
    }
    if (stop == 0) break;
    T* row = t.c;
    PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
      PYFFNN_UNROLL for (int j = 0; j < NV * L; j += kLine) __builtin_prefetch(row + j, 1, 3);
      __builtin_prefetch(row + NV * L - 1, 1, 3);
      walk(row, t.ldc);
    }
  }
  if (kUnroll == 2 && left > 0) multiply(bp, 0);
  T* row = t.c;
  PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
    PYFFNN_UNROLL for (int v = 0; v < NV; ++v) store(row + v * L, acc[i][v]);
    walk(row, t.ldc);
  }
}

// Rows of a tile: of m rows, more than kMR, none has fewer.
constexpr int kLeastTall = (kMR + 1) / 2;

template <class T>
using TallMicro = void (*)(const TallTile<T>&);
template <class T>
struct TallTable {
  TallMicro<T> at[kMR - kLeastTall + 1][2][3];  // rows - kLeastTall, row A, source

  TallMicro<T> get(Index rows, bool row_a, Source source) const { return at[rows - kLeastTall][row_a][static_cast<int>(source)]; }
};
template <class T, int MR, bool kRowA>
constexpr void fill_tall(TallTable<T>& t) {
  TallMicro<T>* const at = t.at[MR - kLeastTall][kRowA];
  at[static_cast<int>(Source::place)] = &tall_micro<T, MR, kRowA, Source::place>;
  at[static_cast<int>(Source::copying)] = &tall_micro<T, MR, kRowA, Source::copying>;
  at[static_cast<int>(Source::copy)] = &tall_micro<T, MR, kRowA, Source::copy>;
  if constexpr (MR > kLeastTall) fill_tall<T, MR - 1, kRowA>(t);
}
template <class T>
constexpr TallTable<T> make_tall_table() {
  TallTable<T> t{};
  fill_tall<T, kMR, false>(t);
  fill_tall<T, kMR, true>(t);
  return t;
}

// A tile's sums, beside C where they are an update, and what becomes of them.
template <class T, class F>
PYFFNN_INLINE void finish_tile(const GemmArgs<T>& g, Index row, Index col, Index rows, Index cols, F sums) {
  T* const c = g.c + row * g.ldc + col;
  if (g.epilogue == Epilogue::update) {
    alignas(64) T tile[kMR * kNR<T>];
    if (g.load_c) {
      for (Index i = 0; i < rows; ++i) std::memcpy(tile + i * kNR<T>, c + i * g.ldc, static_cast<std::size_t>(cols) * sizeof(T));
    }
    prefetch_update(g, row, col, rows, cols);
    sums(tile, kNR<T>);
    finish_update(g, tile, kNR<T>, row, col, rows, cols);
    return;
  }
  sums(c, g.ldc);
  if (g.epilogue == Epilogue::bias_act)
    finish_bias_act(g, row, col, rows, cols);
  else if (g.epilogue == Epilogue::times_dact)
    finish_times_dact(g, row, col, rows, cols);
}

template <class T>
void gemm_tall_impl(const TallGemm<T>& t) {
  static constexpr TallTable<T> micros = make_tall_table<T>();
  constexpr Index L = kLanes<T>, NR = kNR<T>, kLine = 64 / static_cast<Index>(sizeof(T)), kLines = (NR + kLine - 1) / kLine;
  const GemmArgs<T>& g = t.out;
  const Index tiles = (g.m + kMR - 1) / kMR, rows_each = g.m / tiles, one_more = g.m % tiles;
  const bool row_a = t.a_room == nullptr && g.a_cs == 1;
  for (Index j = 0; j < g.n; j += NR) {
    const Index cols = g.n - j < NR ? g.n - j : NR, vectors = (cols + L - 1) / L;
    const T* const b = g.b + j * t.b_cs;
    const bool along = t.b_cs == 1;
    // A panel that runs along k, or is narrower, is copied beforehand. Of the narrower one the micro-kernels of the other way make no more
    // than its vectors, the last of them by half or masked.
    const bool narrow = cols < NR, prepared = !along || narrow;
    if (prepared) pack_b_impl(b, g.b_rs, t.b_cs, g.k, cols, t.b_room);
    Source source = prepared ? Source::copy : t.copy_b ? Source::copying : Source::place;
    Index row = 0;
    for (Index q = 0; q < tiles; ++q) {
      const Index rows = rows_each + (q < one_more ? 1 : 0);
      TallTile<T> tile{g.a + row * g.a_rs, g.a_rs, g.a_cs, b, g.b_rs, g.k, nullptr, 0, g.load_c, t.b_room, nullptr, 0};
      if (t.a_room != nullptr) {
        T* const own = t.a_room + row * g.k;
        if (j == 0) pack_a_impl(tile.a, g.a_rs, g.a_cs, rows, g.k, rows, own);
        tile.a = own;
        tile.a_cs = rows;
      }
      if (source == Source::copy) {
        tile.b = t.b_room;
        // The other tiles share the next panel between them, half of one line's column each.
        const Index share = prepared ? q : q - 1;
        tile.far = reinterpret_cast<const char*>(t.b_room);
        if (along && j + NR < g.n && share < 2 * kLines) {
          const Index line = share % kLines, end = (line + 1) * kLine < NR ? (line + 1) * kLine : NR;
          tile.far = reinterpret_cast<const char*>(b + NR + end - 1 + share / kLines * (g.k / 2) * g.b_rs);
          tile.far_step = g.b_rs * static_cast<Index>(sizeof(T));
        }
      }
      finish_tile(g, row, j, rows, cols, [&](T* c, Index ldc) PYFFNN_LAMBDA_INLINE {
        if (narrow) {
          GemmArgs<T> part = g;
          part.a_rs = tile.a_rs;
          part.a_cs = tile.a_cs;
          part.b_rs = NR;
          const Index tail = cols - (vectors - 1) * L;
          Tiles<T> only{tile.a, 0, t.b_room, c, ldc, 1, 1, 0, 0, 0, tail, whole_steps(g.k, NR, L, tail), g.k};
          kMicros<T>.get(rows, vectors, row_a, tail)(part, only);
          return;
        }
        tile.c = c;
        tile.ldc = ldc;
        micros.get(rows, row_a, source)(tile);
      });
      if (source == Source::copying) source = Source::copy;
      row += rows;
    }
  }
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
