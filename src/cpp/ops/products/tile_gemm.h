// Products of float32 matrices on bf16 tiles: blocking, packing and threads.
#pragma once
#include "core/math.h"
#include "ops/products/args.h"
#include "ops/products/choice.h"

namespace pyffnn::ops {

// A whole operand in bf16, B_kn (or A_mk, rows in place of columns): panels of 16 columns end to end, each of ceil(k / 32) tiles (split:
// pairs of tiles, hi and lo). Whatever blocks of k a product is cut into, they lie in it one after another, so this is the one form of an
// operand that is kept.
struct TileOperand {
  const std::uint16_t* p = nullptr;
  bool split = false;

  // bf16 numbers of one panel, and of n columns.
  static Index panel(Index k, bool split) { return ceil_div(k, kTileDepth) * kTileNumbers * (split ? 2 : 1); }
  static Index numbers(Index k, Index n, bool split) { return ceil_div(n, kTileSide) * panel(k, split); }
};

// B_kn into `out`, of TileOperand::numbers(k, n, split).
TileOperand pack_operand(Index k, Index n, ConstMat<float> b, bool split, std::uint16_t* out);

// As gemm(), in bf16 (split: bf16x3). The active ISA has tiles.
void tile_gemm(Index m, Index n, Index k, ConstMat<float> a, ConstMat<float> b, float* c, Index ldc, const Fuse<float>& fuse,
               bool accumulate, bool split);
// With B packed before: the same bits.
void tile_gemm(Index m, Index n, Index k, ConstMat<float> a, TileOperand b, float* c, Index ldc, const Fuse<float>& fuse = {},
               bool accumulate = false);

// With both packed before, on the calling thread alone: the same bits.
void tile_gemm(Index m, Index n, Index k, TileOperand a, TileOperand b, float* c, Index ldc, const Fuse<float>& fuse = {},
               bool accumulate = false);

}  // namespace pyffnn::ops
