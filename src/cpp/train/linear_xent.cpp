#include "train/linear_xent.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "ops/dense.h"

namespace pyffnn::train {

template <class T>
double linear_xent(Index m, Index n, Index k, const T* x, const T* w, const T* b, const std::int64_t* target, const T* sample_weight, T* dx,
                   T* dw, T* db) {
  const auto& kernels = dispatch::kernels<T>();
  std::memset(dx, 0, static_cast<std::size_t>(m * k) * sizeof(T));
  double total = 0;
  for (Index i = 0; i < m; ++i) total += sample_weight != nullptr ? static_cast<double>(sample_weight[i]) : 1.0;
  if (m == 0 || n == 0 || total == 0) {
    std::memset(dw, 0, static_cast<std::size_t>(k * n) * sizeof(T));
    std::memset(db, 0, static_cast<std::size_t>(n) * sizeof(T));
    return 0;
  }
  // The tile of logits (m x tile) takes half of L2, but is at least a few register tiles wide.
  const Index fit = cpu::caches().l2 / 2 / (m * static_cast<Index>(sizeof(T)));
  const Index tile = std::min(n, std::max<Index>(fit / 64 * 64, 128));
  T* const z = scratch(Scratch::op).reserve_of<T>(m * tile);
  const auto rows = static_cast<std::size_t>(m);
  std::vector<T> ref(rows), weight(rows);
  std::vector<double> sum(rows, 0.0), zt(rows, 0.0);
  const int parts = threads::threads_for(static_cast<double>(m) * static_cast<double>(tile) * 20);

  for (Index j = 0; j < n; j += tile) {
    const Index width = std::min(tile, n - j);
    ops::gemm<T>(m, width, k, {x, k, 1}, {w + j, n, 1}, z, tile, ops::Fuse<T>::linear(b == nullptr ? nullptr : b + j, Act::identity));
    threads::parallel_for(m, parts, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const auto at = static_cast<std::size_t>(i);
        T* const row = z + i * tile;
        const Index t = target[i] - j;
        if (t >= 0 && t < width) zt[at] = static_cast<double>(row[t]);
        const T top = kernels.row_max(row, width);
        if (j == 0) {
          ref[at] = top;
        } else if (top > ref[at] || top != top) {
          sum[at] *= std::exp(static_cast<double>(ref[at]) - static_cast<double>(top));
          ref[at] = top;
        }
        sum[at] += static_cast<double>(kernels.exp_sum(row, ref[at], row, width));
      }
    });
  }
  double loss = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const double wi = (sample_weight != nullptr ? static_cast<double>(sample_weight[i]) : 1.0) / total;
    loss += wi * (std::log(sum[i]) + static_cast<double>(ref[i]) - zt[i]);
    weight[i] = static_cast<T>(wi);
  }
  for (Index j = 0; j < n; j += tile) {
    const Index width = std::min(tile, n - j);
    ops::gemm<T>(m, width, k, {x, k, 1}, {w + j, n, 1}, z, tile, ops::Fuse<T>::linear(b == nullptr ? nullptr : b + j, Act::identity));
    threads::parallel_for(m, parts, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const auto at = static_cast<std::size_t>(i);
        T* const row = z + i * tile;
        kernels.exp_sum(row, ref[at], row, width);
        kernels.scal(static_cast<T>(static_cast<double>(weight[at]) / sum[at]), row, width);
        const Index t = target[i] - j;
        if (t >= 0 && t < width) row[t] -= weight[at];
      }
    });
    ops::gemm<T>(m, k, width, {z, tile, 1}, {w + j, 1, n}, dx, k, {}, true);
    ops::gemm<T>(k, width, m, {x, 1, k}, {z, tile, 1}, dw + j, n);
    ops::col_sum<T>(z, tile, m, width, db + j);
  }
  return loss;
}

#define PYFFNN_INSTANTIATE(T) \
  template double linear_xent(Index, Index, Index, const T*, const T*, const T*, const std::int64_t*, const T*, T*, T*, T*);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::train
