// What linear_xent on tiles keeps in memory, from the shape alone.
#pragma once
#include "core/types.h"
#include "ops/products/tile_gemm.h"

namespace pyffnn::ops::xent {

constexpr Index kFewRows = 64;  // of an operand that is packed where it is used

struct Sizes {
  Index m, n, k;
  int parts;

  Index bytes(Index depth, Index outer) const { return TileOperand::numbers(depth, outer, parts) * Index{sizeof(std::uint16_t)}; }
  bool in_place() const { return m <= k; }  // the stash holds whole tiles as they are
  Index floats(Index rows, Index cols) const { return rows * cols * Index{sizeof(float)}; }
};

// How many words are taken at a time, and whether X and X^T are packed once, before each pass, rather than some rows of them again for each
// tile. Pass 1 has X, both forms of W's tile and the tile of exponentials, packed, and beside it in full where it does not lie in the
// stash; pass 2 has X^T and the gradient by the logits, packed, and what it takes to compute exponentials again.
struct TilePlan {
  Index tile;
  bool keep_x, keep_xt;

  Index first_pass(const Sizes& s) const;
  // The rows of dw below the exponentials are free in pass 1.
  bool first_in_dw(const Sizes& s) const { return s.in_place() && first_pass(s) + 64 <= s.floats(s.k - s.m, s.n); }
  Index second_pass(const Sizes& s) const;
  // With two threads; so the plan, and with it every bit, does not depend on their number.
  Index bytes(const Sizes& s) const;
};

// As wide as 4 % of the logits' memory allows: packing X again for each tile costs less the wider it is, and packing the tile of W nothing
// more.
TilePlan tile_plan(const Sizes& s);

}  // namespace pyffnn::ops::xent
