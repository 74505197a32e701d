// Products of float32 matrices on bf16 tiles: blocking, packing and threads.
#pragma once
#include "core/math.h"
#include "ops/products/args.h"
#include "ops/products/choice.h"

namespace pyffnn::ops {

// A whole operand in bf16, B_kn (or A_mk, rows in place of columns): panels of 16 columns end to end, each of ceil(k / 32) times `parts`
// tiles, those of the parts of the same numbers one after another. Whatever blocks of k a product is cut into, they lie in it one after
// another, so this is the one form of an operand that is kept.
struct TileOperand {
  const std::uint16_t* p = nullptr;
  int parts = 1;

  // bf16 numbers of one panel, and of n columns.
  static Index panel(Index k, int parts) { return ceil_div(k, kTileDepth) * kTileNumbers * parts; }
  static Index numbers(Index k, Index n, int parts) { return ceil_div(n, kTileSide) * panel(k, parts); }
};

// B_kn into `out`, of TileOperand::numbers(k, n, parts).
TileOperand pack_operand(Index k, Index n, ConstMat<float> b, int parts, std::uint16_t* out);

// As gemm(), with numbers in so many bf16 parts. The active ISA has tiles.
void tile_gemm(Index m, Index n, Index k, ConstMat<float> a, ConstMat<float> b, float* c, Index ldc, const Fuse<float>& fuse,
               bool accumulate, int parts);
// With B packed before: the same bits.
void tile_gemm(Index m, Index n, Index k, ConstMat<float> a, TileOperand b, float* c, Index ldc, const Fuse<float>& fuse = {},
               bool accumulate = false);

// With both packed before, on the calling thread alone: the same bits.
void tile_gemm(Index m, Index n, Index k, TileOperand a, TileOperand b, float* c, Index ldc, const Fuse<float>& fuse = {},
               bool accumulate = false);

}  // namespace pyffnn::ops
