// Weights in bf16 tiles, kept from step to step of a training beside the float32 ones.
//
// A step multiplies by W_kn and by its transpose, and each product wants W as its second operand, packed: two forms, which the update makes
// anew of each block of rows that it has just changed, while the block is in L2.
#pragma once
#include "core/workspace.h"
#include "ops/products/tile_gemm.h"

namespace pyffnn::ops {

class TileWeights {
 public:
  // Rows that are packed together: blocks handed to pack() begin at multiples of it.
  static constexpr Index kRows = kTileDepth;

  // Bytes of the copies of W_kn; transposed: dy W^T is wanted too.
  static Index bytes(Index k, Index n, int parts, bool transposed) {
    return (TileOperand::numbers(k, n, parts) + (transposed ? TileOperand::numbers(n, k, parts) : 0)) * Index{sizeof(std::uint16_t)};
  }
  // Whether keeping `bytes` of copies pays where `threads` work on a step; see choice.h.
  static bool pay(Index bytes, int threads);

  // Room for W_kn; holds nothing yet. Throws std::bad_alloc.
  void plan(Index k, Index n, int parts, bool transposed);
  void forget() { held_ = false; }
  // Rows [begin, end) of W: row begin is at w, rows are ld apart. Different rows may be packed at the same time.
  void pack(const float* w, Index ld, Index begin, Index end);
  // All of it.
  void pack(const float* w, Index ld);

  bool held() const { return held_; }
  // B of x W and of dy W^T; null where products of this precision do not find it here.
  TileOperand plain(Precision chosen) const { return operand(plain_, chosen); }
  TileOperand transposed(Precision chosen) const { return operand(transposed_, chosen); }

 private:
  TileOperand operand(const Buffer& copy, Precision chosen) const {
    if (!held_ || parts_of(chosen) != parts_) return {};
    return {static_cast<const std::uint16_t*>(copy.data()), parts_};
  }

  Index k_ = 0, n_ = 0;
  int parts_ = 1;
  bool with_transposed_ = false, held_ = false;
  Buffer plain_, transposed_;
};

}  // namespace pyffnn::ops
