// linear_xent on bf16 tiles: the same two passes over the vocabulary, with products that pack their operands as they go.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "ops/tile_gemm.h"
#include "train/linear_xent.h"

namespace pyffnn::train {

double linear_xent_tiles(Index m, Index n, Index k, const float* x, const float* w, const float* b, const std::int64_t* target,
                         const float* sample_weight, float* dx, float* dw, float* db, bool split) {
  const auto& kernels = dispatch::kernels<float>();
  std::memset(dx, 0, static_cast<std::size_t>(m * k) * sizeof(float));
  double total = 0;
  for (Index i = 0; i < m; ++i) total += sample_weight != nullptr ? static_cast<double>(sample_weight[i]) : 1.0;
  if (m == 0 || n == 0 || total == 0) {
    std::memset(dw, 0, static_cast<std::size_t>(k * n) * sizeof(float));
    std::memset(db, 0, static_cast<std::size_t>(n) * sizeof(float));
    return 0;
  }
  // The tile of logits takes half of L2 at most, and a twentieth of the vocabulary, for X is packed again with each.
  const Index fit = cpu::caches().l2 / 2 / (m * static_cast<Index>(sizeof(float)));
  const Index tile = std::min(n, std::max<Index>(std::min(fit, n / 20) / 64 * 64, 128));
  float* const z = scratch(Scratch::op).reserve_of<float>(m * tile);
  const auto rows = static_cast<std::size_t>(m);
  std::vector<float> ref(rows), weight(rows);
  std::vector<double> sum(rows, 0.0), zt(rows, 0.0);
  const int parts = threads::threads_for(static_cast<double>(m) * static_cast<double>(tile) * 20);
  const auto logits = [&](Index j, Index width) {
    const auto fuse = ops::Fuse<float>::linear(b == nullptr ? nullptr : b + j, Act::identity);
    ops::tile_gemm(m, width, k, {x, k, 1}, {w + j, n, 1}, z, tile, fuse, false, split);
  };
  // f(row, its logits, its target's place in the tile or some other number)
  const auto for_rows = [&](Index j, auto f) {
    threads::parallel_for(m, parts, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) f(static_cast<std::size_t>(i), z + i * tile, target[i] - j);
    });
  };

  for (Index j = 0; j < n; j += tile) {
    const Index width = std::min(tile, n - j);
    logits(j, width);
    for_rows(j, [&](std::size_t i, float* row, Index t) {
      if (t >= 0 && t < width) zt[i] = static_cast<double>(row[t]);
      const float top = kernels.row_max(row, width);
      if (j == 0) {
        ref[i] = std::max(top, std::numeric_limits<float>::lowest() / 2);  // a tile of -inf alone counts for nothing; NaN stays
      } else if (top > ref[i] || top != top) {
        sum[i] *= std::exp(static_cast<double>(ref[i]) - static_cast<double>(top));
        ref[i] = top;
      }
      sum[i] += static_cast<double>(kernels.exp_sum(row, ref[i], row, width));
    });
  }
  double loss = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const double wi = (sample_weight != nullptr ? static_cast<double>(sample_weight[i]) : 1.0) / total;
    loss += wi * (std::log(sum[i]) + static_cast<double>(ref[i]) - zt[i]);
    weight[i] = static_cast<float>(wi);
  }
  for (Index j = 0; j < n; j += tile) {
    const Index width = std::min(tile, n - j);
    logits(j, width);
    for_rows(j, [&](std::size_t i, float* row, Index t) {
      kernels.exp_sum(row, ref[i], row, width);
      kernels.scal(static_cast<float>(static_cast<double>(weight[i]) / sum[i]), row, width);
      if (t >= 0 && t < width) row[t] -= weight[i];
    });
    ops::tile_gemm(m, k, width, {z, tile, 1}, {w + j, 1, n}, dx, k, {}, true, split);
    ops::tile_gemm(k, width, m, {x, 1, k}, {z, tile, 1}, dw + j, n, {}, false, split);
    ops::col_sum<float>(z, tile, m, width, db + j);
  }
  return loss;
}

}  // namespace pyffnn::train
