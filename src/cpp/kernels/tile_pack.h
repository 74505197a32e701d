// bf16 tiles of float32 matrices, in the layout that tile products read (core/kernel_table.h).
#pragma once
#include <cstring>

#include "simd/amx_tile.h"
#include "simd/bf16.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

constexpr Index kSide = kTileSide, kDepth = kTileDepth, kTile = kTileNumbers;

// One tile of `count` o's and `depth` p's, x element (o, p) at x[o * os + p * ps], as 16 rows of 16 pairs, padded with zeros; the tile
// of each part follows that of the part before. kRowsOuter: row o holds the pairs of o (A); otherwise row r holds pair r of each o (B).
// kAlong: ps is 1, otherwise os is.
template <int Parts, bool kRowsOuter, bool kAlong>
PYFFNN_INLINE void pack_tile(const float* x, Index os, Index ps, Index count, Index depth, std::uint16_t* out) {
  constexpr bool kInOrder = kAlong == kRowsOuter;
  Pairs rows[Parts][kSide];
  PartsOfPairs<Parts> row;
  const auto keep = [&](Index at) PYFFNN_LAMBDA_INLINE {
    PYFFNN_UNROLL for (int q = 0; q < Parts; ++q) {
      if constexpr (kInOrder)
        std::memcpy(out + q * kTile + at * kDepth, &row.part[q], sizeof(Pairs));
      else
        rows[q][at] = row.part[q];
    }
  };
  const bool whole = count == kSide && depth == kDepth;
  for (Index i = 0; i < kSide; ++i) {
    if constexpr (kAlong) {
      const float* const from = x + i * os;
      const Index left = i < count ? depth : 0;
      if (whole)
        pairs_along(pack_load(from), pack_load(from + kWide), row);
      else
        pairs_along(pack_load_tail(from, left, 0.0f), pack_load_tail(from + kWide, left - kWide, 0.0f), row);
    } else {
      const float *const first = x + 2 * i * ps, *const second = first + ps;
      if (whole)
        pairs_across(pack_load(first), pack_load(second), row);
      else
        pairs_across(pack_load_tail(first, 2 * i < depth ? count : 0, 0.0f), pack_load_tail(second, 2 * i + 1 < depth ? count : 0, 0.0f),
                     row);
    }
    keep(i);
  }
  if constexpr (!kInOrder) {
    for (int q = 0; q < Parts; ++q) {
      transpose(rows[q]);
      std::memcpy(out + q * kTile, rows[q], sizeof rows[q]);
    }
  }
}

// Whole tiles beside one another along the rows of x, which lie `step` apart, tile t at out + t * stride: 16 o's each (kAlong false, rows
// are p's) or 32 p's (rows are o's). Rows are read from end to end, one or two at a time, so that no line is fetched twice, even where rows
// fall into the same sets of the cache.
template <int Parts, bool kRowsOuter, bool kAlong, Index kCount>
PYFFNN_INLINE void pack_group(const float* x, Index step, std::uint16_t* out, Index stride) {
  constexpr bool kInOrder = kAlong == kRowsOuter;
  Pairs rows[kCount][Parts][kSide];
  for (Index i = 0; i < kSide; ++i) {
    for (Index t = 0; t < kCount; ++t) {
      PartsOfPairs<Parts> row;
      if constexpr (kAlong) {
        const float* const from = x + i * step + t * kDepth;
        pairs_along(pack_load(from), pack_load(from + kWide), row);
      } else {
        const float* const from = x + 2 * i * step + t * kSide;
        pairs_across(pack_load(from), pack_load(from + step), row);
      }
      PYFFNN_UNROLL for (int q = 0; q < Parts; ++q) {
        if constexpr (kInOrder)
          std::memcpy(out + t * stride + q * kTile + i * kDepth, &row.part[q], sizeof(Pairs));
        else
          rows[t][q][i] = row.part[q];
      }
    }
  }
  if constexpr (!kInOrder) {
    for (Index t = 0; t < kCount; ++t) {
      for (int q = 0; q < Parts; ++q) {
        transpose(rows[t][q]);
        std::memcpy(out + t * stride + q * kTile, rows[t][q], sizeof rows[t][q]);
      }
    }
  }
}

// As many as lie in `length` numbers of a row, with the last of them padded; `rows` rows, at most those of a tile.
template <int Parts, bool kRowsOuter, bool kAlong>
void pack_run(const float* x, Index step, Index rows, Index length, std::uint16_t* out, Index stride) {
  constexpr Index kWidth = kAlong ? kDepth : kSide, kMany = 8;
  Index at = 0;
  if (rows == (kAlong ? kSide : kDepth)) {
    for (; at + kMany * kWidth <= length; at += kMany * kWidth)
      pack_group<Parts, kRowsOuter, kAlong, kMany>(x + at, step, out + at / kWidth * stride, stride);
    for (; at + kMany / 2 * kWidth <= length; at += kMany / 2 * kWidth)
      pack_group<Parts, kRowsOuter, kAlong, kMany / 2>(x + at, step, out + at / kWidth * stride, stride);
  }
  for (; at < length; at += kWidth) {
    const Index left = length - at < kWidth ? length - at : kWidth;
    std::uint16_t* const to = out + at / kWidth * stride;
    if constexpr (kAlong)
      pack_tile<Parts, kRowsOuter, true>(x + at, step, 1, rows, left, to);
    else
      pack_tile<Parts, kRowsOuter, false>(x + at, 1, step, left, rows, to);
  }
}

constexpr Index kRun = 8 * kSide;
PYFFNN_INLINE Index least(Index a, Index b) { return a < b ? a : b; }

// All tiles of x [outer, k]: panels of 16 o's, each of ceil(k / 32) tiles. They are made in the order in which x lies: of memory far apart
// the processor fetches little ahead, and it knows few pages at a time. So where rows are p's, kRun numbers of them are packed at a time.
template <int Parts, bool kRowsOuter>
void pack_panels(const float* x, Index os, Index ps, Index outer, Index k, std::uint16_t* out) {
  constexpr Index tile = Parts * kTile;
  const Index panel = (k + kDepth - 1) / kDepth * tile;
  if (ps == 1) {
    for (Index o = 0; o < outer; o += kSide)
      pack_run<Parts, kRowsOuter, true>(x + o * os, os, least(kSide, outer - o), k, out + o / kSide * panel, tile);
  } else {
    for (Index o = 0; o < outer; o += kRun)
      for (Index p = 0; p < k; p += kDepth)
        pack_run<Parts, kRowsOuter, false>(x + o + p * ps, ps, least(kDepth, k - p), least(kRun, outer - o),
                                           out + o / kSide * panel + p / kDepth * tile, panel);
  }
}

// Rows of W_kn as B of x W (`down`) and of dy W^T (`across`, or null); see TileKernels.
template <int Parts>
void pack_weight_rows(const float* w, Index ld, Index rows, Index n, std::uint16_t* down, Index down_panel, std::uint16_t* across,
                      Index across_panel) {
  constexpr Index tile = Parts * kTile;
  for (Index r = 0; r < rows; r += kDepth) {
    const Index deep = least(kDepth, rows - r);
    for (Index j = 0; j < n; j += kRun) {
      const float* const x = w + r * ld + j;
      const Index wide = least(kRun, n - j);
      pack_run<Parts, false, false>(x, ld, deep, wide, down + j / kSide * down_panel + r / kDepth * tile, down_panel);
      for (Index o = 0; across != nullptr && o < deep; o += kSide)
        pack_run<Parts, false, true>(x + o * ld, ld, least(kSide, deep - o), wide,
                                     across + (r + o) / kSide * across_panel + j / kDepth * tile, tile);
    }
  }
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
