#include "ops/products/choice.h"

#include <algorithm>

#include "core/dispatch.h"
#include "core/math.h"

namespace pyffnn::ops {
namespace {

// Estimated cycles of one core, from the figures of prototypes on a Sapphire Rapids core (not measured on this code): FMA kernels at 51
// flops a cycle; a tile product issues every 16 cycles, three quarters of the time; packing costs 0.5 cycles a number and
// its second part (0.1 to 0.2 ns, measured on Zen 4), half as much for the third; configuring and releasing the tiles, and the edges, about
// 2000.
bool tiles_pay(Index m, Index n, Index k, bool kept_b) {
  const double dm = static_cast<double>(m), dn = static_cast<double>(n), dk = static_cast<double>(k);
  const double fma = 2 * dm * dn * dk / 51;
  constexpr double kProducts = 6, kPacking = 0.75;
  const double tiles = static_cast<double>(ceil_div(m, kTileSide)) * static_cast<double>(ceil_div(n, kTileSide)) *
                       static_cast<double>(ceil_div(k, kTileDepth)) * kProducts * 16 / 0.75;
  // Where B is kept, the first products after a change of it pack it all the same: twice as fast is asked for.
  if (kept_b) return tiles + (kPacking + 0.2) * dm * dk + 2000 < 0.5 * fma;
  return tiles + kPacking * (dm * dk + dk * dn) + 2000 < 0.9 * fma;
}

}  // namespace

Precision choose(Precision wanted, Index m, Index n, Index k, bool kept_b) {
  if (wanted == Precision::float32) return wanted;
  return choose(wanted, m, n, k, kept_b, dispatch::active().has_tiles());
}

Precision choose(Precision wanted, Index m, Index n, Index k, bool kept_b, bool has_tiles) {
  if (wanted == Precision::float32 || !has_tiles) return Precision::float32;
  if (wanted != Precision::automatic) return wanted;
  return k >= kExactFrom && tiles_pay(m, n, k, kept_b) ? kAutomaticTiles : Precision::float32;
}

StripsPlan strips_plan(Index m, Index n, Strides a, Index k, Index width, Index size, const GemmGeometry& tile) {
  StripsPlan r{};
  r.panels = ceil_div(m, tile.mr);
  r.a_rows = ceil_div(m, r.panels);
  r.pack_a = n > 4 * width && (a.cs == 1 ? aliased(a.rs * size, r.a_rows) : aliased(a.cs * size, k));
  return r;
}

Index strips_rows(Index k, Index size, const GemmGeometry& tile, const cpu::Caches& cache) {
  return std::max(tile.mr, cache.l2 / 2 / (std::max<Index>(k, 1) * size) / tile.mr * tile.mr);
}

bool strips_pay(Index m, Index n, Index k, Index size, const GemmGeometry& tile, const cpu::Caches& cache) {
  const bool tall = tile.mr >= 8;
  const Index bytes = n * k * size;
  if (bytes > 2 * cache.l2) return tall && m >= 4;
  return tall ? m == 3 || (m == 2 && bytes < cache.l2) : m >= 2;
}

TileBlocks tile_blocks(const TileShape& s, const cpu::Caches& cache) {
  const Index bytes = 2 * s.parts;
  TileBlocks b{};
  b.kc = std::max(4 * kTileDepth, cache.l1d * 2 / 3 / (kTileBlock * bytes) / kTileDepth * kTileDepth);
  if (s.update || s.k <= b.kc + b.kc / 2) b.kc = std::max<Index>(round_up(s.k, kTileDepth), kTileDepth);
  b.mc = std::min(std::max(kTileBlock, cache.l2 / 2 / (b.kc * bytes) / kTileBlock * kTileBlock), round_up(s.m, kTileBlock));
  b.nc = s.packed_b ? std::max<Index>(s.n, 1)
                    : std::min(std::max(kTileBlock, cache.l2 / 4 / (b.kc * bytes) / kTileBlock * kTileBlock), round_up(s.n, kTileBlock));
  return b;
}

bool packed_together(const TileShape& s, const cpu::Caches& cache) {
  const double bytes = static_cast<double>(s.k) * static_cast<double>(s.packed_b ? s.m : s.m + s.n) * (2 * s.parts);
  return bytes <= static_cast<double>(cache.l3) / 4;
}

bool copies_pay(Index bytes, int threads, const cpu::Caches& cache) { return threads > 1 && bytes <= cache.l3 / 4; }

}  // namespace pyffnn::ops
