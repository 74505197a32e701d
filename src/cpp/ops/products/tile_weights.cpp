#include "ops/products/tile_weights.h"

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::ops {

bool TileWeights::pay(Index bytes, int threads) { return copies_pay(bytes, threads, cpu::caches()); }

void TileWeights::plan(Index k, Index n, int parts, bool transposed) {
  k_ = k;
  n_ = n;
  parts_ = parts;
  with_transposed_ = transposed;
  held_ = false;
  plain_.reserve_of<std::uint16_t>(TileOperand::numbers(k, n, parts));
  if (transposed) transposed_.reserve_of<std::uint16_t>(TileOperand::numbers(n, k, parts));
}

void TileWeights::pack(const float* w, Index ld, Index begin, Index end) {
  const Index tile = kTileNumbers * parts_, plain_panel = TileOperand::panel(k_, parts_);
  const Index transposed_panel = TileOperand::panel(n_, parts_);
  auto* const plain = static_cast<std::uint16_t*>(plain_.data()) + begin / kTileDepth * tile;
  auto* const transposed =
      with_transposed_ ? static_cast<std::uint16_t*>(transposed_.data()) + begin / kTileSide * transposed_panel : nullptr;
  dispatch::active().tiles.pack_weights(w, ld, end - begin, n_, parts_, plain, plain_panel, transposed, transposed_panel);
}

void TileWeights::pack(const float* w, Index ld) {
  const int members = threads::threads_for(static_cast<double>(k_) * static_cast<double>(n_) * 32);
  threads::parallel_for(k_, members, [&](Index begin, Index end) { pack(w + begin * ld, ld, begin, end); }, kRows);
  held_ = true;
}

}  // namespace pyffnn::ops
