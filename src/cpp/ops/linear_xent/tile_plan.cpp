#include "ops/linear_xent/tile_plan.h"

#include <algorithm>

#include "core/math.h"

namespace pyffnn::ops::xent {

Index TilePlan::first_pass(const Sizes& s) const {
  return (keep_x ? s.bytes(s.k, s.m) : 0) + s.bytes(s.k, tile) + s.bytes(tile, s.k) + s.bytes(tile, s.m) +
         (s.in_place() ? 0 : s.floats(s.m, tile));
}

Index TilePlan::second_pass(const Sizes& s) const {
  const Index again = s.in_place() ? 0 : (keep_x ? s.bytes(s.k, s.m) : 0) + s.bytes(s.k, tile) + s.floats(s.m, tile);
  return (keep_xt ? s.bytes(s.m, s.k) : 0) + s.bytes(s.m, tile) + again;
}

Index TilePlan::bytes(const Sizes& s) const {
  const Index few_rows = std::max(keep_x ? 0 : s.bytes(s.k, kFewRows), keep_xt ? 0 : s.bytes(s.m, kFewRows));
  return std::max(first_in_dw(s) ? 0 : first_pass(s), second_pass(s)) + 2 * few_rows;
}

TilePlan tile_plan(const Sizes& s) {
  const Index budget = s.floats(s.m, s.n) / 25;
  TilePlan plan{};
  for (const Index tile : {256, 192, 128, 64}) {
    for (const bool keep : {true, false}) {
      plan = {std::min(tile, round_up(s.n, 2 * kTileSide)), true, keep};
      plan.keep_x = keep || plan.first_in_dw(s);
      if (plan.bytes(s) <= budget) return plan;
    }
  }
  return plan;
}

}  // namespace pyffnn::ops::xent
