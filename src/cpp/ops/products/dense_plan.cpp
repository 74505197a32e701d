#include "ops/products/dense_plan.h"

#include <algorithm>
#include <array>

#include "core/math.h"

namespace pyffnn::ops {
namespace {

constexpr Index kFewRows = 8, kPage = 4096, kLine = 64, kSets = 64;
// Rows of B that are read or fetched about the same time.
constexpr Index kTogether = 16;
// Column panels that repay the transposing of all of A in place of reading its rows as they lie.
constexpr Index kManyPanels = 64;
// Column panels below which an A that runs along m is better read as it lies.
constexpr Index kFewPanels = 16;

// Rows of B from which on a panel of it repays its copy even where everything else comes from afar.
constexpr Index kDeep = 192;

// Rows of the tallest tile that leave registers for half as many rows over twice the columns (kInPlaceRows of the micro-kernels).
constexpr Index kRowsForWide = 8;

// Equal parts, since the walk by columns returns to C for each.
Index equal_block_of_k(Index k) {
  const Index block = block_of_k(k);
  return block >= k ? block : ceil_div(k, ceil_div(k, block));
}

DensePlan by_rows_plan(const DenseShape& s, const GemmGeometry& tile, const cpu::Caches& cache) {
  const Index panels = std::max<Index>(1, ceil_div(s.m, tile.mr)), bytes = s.k * s.n * s.size;
  DensePlan r{};
  r.way = Way::rows;
  r.mc = std::max<Index>(s.m, 1);
  r.a_rows = rows_of_tile(s.m, tile);
  r.whole = stays_in_l1(s, cache);
  if (r.whole) return r;
  // A weight update needs the whole sum in registers: one block of k, however long.
  r.kc = s.update ? std::max<Index>(s.k, 1) : block_of_k(s.k);
  r.nc = std::min(std::max(tile.nr, cache.l2 / 4 / (r.kc * s.size) / tile.nr * tile.nr), round_up(s.n, tile.nr));
  r.pack_b = s.b.cs != 1 || (panels > 2 && aliased(s.b.rs * s.size, s.k)) || (panels > 24 && bytes > cache.l2) ||
             (tile.mr < 8 && panels >= 4 && s.k * (tile.nr * s.size + kLine) > cache.l1d);
  r.pack_a = s.n > 8 * tile.nr && (s.a.cs == 1 ? aliased(s.a.rs * s.size, r.a_rows) : aliased(s.a.cs * s.size, s.k));
  if (s.m <= 4 && !r.pack_b && !s.update && s.n * s.size > 2 * kPage && bytes > cache.l2) {
    r.kc = kFewRows;
    r.nc = s.n;
  }
  return r;
}

DensePlan by_columns_plan(Way way, const DenseShape& s, const GemmGeometry& tile, const cpu::Caches& cache) {
  DensePlan r = by_rows_plan(s, tile, cache);
  r.way = way;
  r.whole = r.pack_b = false;
  r.kc = s.update ? s.k : equal_block_of_k(s.k);
  r.nc = s.n;
  // Blocks of equal height, each more than a tile high.
  const Index most = std::max(2 * tile.mr, cache.l2 / 2 / (r.kc * s.size));
  r.mc = ceil_div(s.m, ceil_div(s.m, most));
  r.pack_a = s.n >= (s.a.cs == 1 ? kManyPanels : kFewPanels) * tile.nr || (s.a.cs == 1 && crowded(s.a.rs * s.size, tile.mr, cache));
  return r;
}

DensePlan ahead_plan(const DenseShape& s, const GemmGeometry& tile, const cpu::Caches& cache) {
  DensePlan r = by_rows_plan(s, tile, cache);
  r.way = Way::ahead;
  r.whole = false;
  r.pack_a = r.pack_b = true;
  r.kc = s.update ? s.k : equal_block_of_k(s.k);
  r.nc = std::min(std::max(tile.nr, cache.l2 / 2 / (r.kc * s.size) / tile.nr * tile.nr), round_up(s.n, tile.nr));
  return r;
}

}  // namespace

bool crowded(Index distance_bytes, Index rows, const cpu::Caches& cache) {
  const Index half = std::max<Index>(1, cache.l1d / (kSets * kLine) / 2);
  std::array<Index, kSets> lines{};
  for (Index r = 0; r < rows; ++r)
    if (++lines[static_cast<std::size_t>(r * distance_bytes / kLine % kSets)] > half) return true;
  return false;
}

DensePlan plan_of_way(Way way, const DenseShape& s, const GemmGeometry& tile, const cpu::Caches& cache) {
  const bool shallow = s.k >= 1 && s.k <= kMostShallow && s.b.cs == 1 && !s.update;
  const bool turned = s.m == 1 && s.k >= 1 && s.b.rs == 1 && s.b.cs != 1 && !s.update;
  if ((way == Way::shallow && shallow) || (way == Way::turned && turned)) {
    DensePlan r = by_rows_plan(s, tile, cache);
    r.way = way;
    r.whole = r.pack_a = r.pack_b = false;
    return r;
  }
  if ((way == Way::down || way == Way::copy) && s.k >= 1 && s.m > tile.mr) return by_columns_plan(way, s, tile, cache);
  if (way == Way::ahead && s.k >= 1) return ahead_plan(s, tile, cache);
  return by_rows_plan(s, tile, cache);
}

DensePlan dense_plan(const DenseShape& s, const GemmGeometry& tile, const cpu::Caches& cache, CoreKind core) {
  const Index bytes = s.k * s.n * s.size, tiles = ceil_div(s.m, tile.mr), row_bytes = s.b.rs * s.size;
  if (s.m == 1 && s.b.rs == 1 && s.b.cs != 1 && !s.update) return plan_of_way(Way::turned, s, tile, cache);
  if (suits_shallow(s, tile)) return plan_of_way(Way::shallow, s, tile, cache);
  if (core == CoreKind::rows || tiles <= 1 || (s.b.cs == 1 && bytes <= cache.l1d)) return plan_of_way(Way::rows, s, tile, cache);
  if (core == CoreKind::either && tile.mr >= kRowsForWide) {
    // Zen 4, AVX-512, GFLOP/s by rows and by columns: B of 600 kB, 32 rows 112 and 109; 1 MB, 256 rows 115 and 114, 512 and 128 rows 115
    // and 112, 256 rows of k = 1024 116 and 108; 1.6 MB, 256 rows 115 and 115; 20 MB, 256 rows 106 and 112. Rows of B 8 kB apart, 8 MB, 64
    // rows: copied 111, packed ahead 94. Where A and C pass through L2, they drive B out of it, and only the panel in L1 stays: k = n =
    // 300, 1,000 rows 114 and 114, 4,000 rows 93 and 104, 10,000 rows 88 and 102; k = n = 500, 10,000 rows 90 and 109; k = 100, 10,000 rows
    // of n = 500 96 and 92.
    const bool passes_through = s.k >= kDeep && s.m * (s.k + s.n) * s.size > 4 * cache.l2;
    if (!passes_through && (bytes <= cache.l2 || (tiles <= 3 && bytes <= 2 * cache.l2))) return plan_of_way(Way::rows, s, tile, cache);
    return plan_of_way(Way::copy, s, tile, cache);
  }
  if (s.b.cs == 1 && row_bytes % (kPage / 2) == 0 && bytes > 2 * cache.l2) return plan_of_way(Way::ahead, s, tile, cache);
  const bool in_place = tiles <= 3 && s.b.cs == 1 && !crowded(row_bytes, kTogether, cache);
  return plan_of_way(in_place ? Way::down : Way::copy, s, tile, cache);
}

}  // namespace pyffnn::ops
