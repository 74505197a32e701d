// The products of linear_xent on bf16 tiles. A tile of words is packed once, by all threads, and meets all rows: so threads share the rows
// of one tile of words at a time.
#pragma once
#include "core/kernel_table.h"
#include "ops/linear_xent/tile_plan.h"
#include "ops/linear_xent/walk.h"

namespace pyffnn::ops::xent {

class TilePanels {
 public:
  TilePanels(const Problem<float>& p, int parts);

  Index tile() const { return plan_.tile; }
  void first(Walk<float>& walk) const;
  void second(const Walk<float>& walk) const;

 private:
  using Number = std::uint16_t;  // in bf16
  class Pieces;
  struct Place {
    float* p;
    Index ld;
  };

  Place logits_of(Index word, float* beside) const;
  const Number* pack_rows(Index outer, Index depth, const float* from, Index rs, Index cs, Pieces& pieces) const;
  void pack_w(Index word, Index words, Number* plain, Number* transposed) const;
  template <class F>
  void over_rows(Index outer, Index depth, const float* from, Index rs, Index cs, const Number* packed, F f) const;

  const Problem<float>& p_;
  const Sizes s_;
  const TilePlan plan_;
  const TileKernels& tiles_;
};

}  // namespace pyffnn::ops::xent
