#include "train/linear_xent.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "ops/dense.h"

namespace pyffnn::train {
namespace {

Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

// A row's reference is its maximum over the first tile. Exponentials against it are exact enough up to here, and their sum is finite; a
// logit beyond it moves the reference.
constexpr double kHeadroom = 40;

// Row `row` took a new reference at tile `tile`: its exponentials of tiles before that count `factor` times.
template <class T>
struct Moved {
  Index tile, row;
  T factor;
};

// The exponentials of pass 1 wait for pass 2 where the gradient of w will be: tiles go in groups of ceil(m / k), and the columns of a
// group's dw hold those of its first tile, k rows of them to a tile's width.
template <class T>
struct Stash {
  T* dw;
  Index n, k, tile, group;

  bool holds(Index number) const { return k > 0 && number % group == 0 && (number + group) * tile <= n; }
  T* row(Index number, Index i) const { return dw + (i % k) * n + (number + i / k) * tile; }
};

template <class T>
struct Problem {
  Index m, n, k, tile;
  const T *x, *w, *b;

  Index tiles() const { return ceil_div(n, tile); }
  Index width(Index number) const { return std::min(tile, n - number * tile); }
  // z of rows [begin, end) of one tile
  void logits(Index number, Index begin, Index end, T* z, Index ldz) const {
    const Index j = number * tile;
    ops::gemm<T>(end - begin, width(number), k, {x + begin * k, k, 1}, {w + j, n, 1}, z, ldz,
                 ops::Fuse<T>::linear(b == nullptr ? nullptr : b + j, Act::identity));
  }
};

}  // namespace

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
  // A tile of w and one of exponentials stay in L2 together; a fiftieth of the vocabulary keeps them small beside the logits.
  const Index tile = std::min(n, std::clamp<Index>(n / 50 / 64 * 64, 64, 256));
  const Problem<T> p{m, n, k, tile, x, w, b};
  const Stash<T> stash{dw, n, k, tile, std::max<Index>(1, ceil_div(m, std::max<Index>(k, 1)))};
  const Index tiles = p.tiles();
  const auto rows = static_cast<std::size_t>(m);
  std::vector<T> ref(rows), weight(rows);
  std::vector<double> sum(rows, 0.0), zt(rows, 0.0);
  std::vector<std::vector<Moved<T>>> moved(rows);

  // Rows are independent, so a thread takes its own through the whole vocabulary.
  const double work = 4.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  threads::parallel_for(
      m, threads::threads_for(work),
      [&](Index begin, Index end) {
        T* const own = scratch(Scratch::op).reserve_of<T>((end - begin) * tile);
        for (Index number = 0; number < tiles; ++number) {
          const Index width = p.width(number);
          const bool held = stash.holds(number), in_place = held && stash.group == 1;
          T* const z = in_place ? stash.row(number, begin) : own;
          const Index ldz = in_place ? n : tile;
          p.logits(number, begin, end, z, ldz);
          for (Index i = begin; i < end; ++i) {
            const auto at = static_cast<std::size_t>(i);
            T* const row = z + (i - begin) * ldz;
            const Index t = target[i] - number * tile;
            if (t >= 0 && t < width) zt[at] = static_cast<double>(row[t]);
            const T top = kernels.row_max(row, width);
            if (number == 0) {
              ref[at] = std::max(top, std::numeric_limits<T>::lowest() / 2);  // a tile of -inf alone counts for nothing; NaN stays
            } else if (static_cast<double>(top) - static_cast<double>(ref[at]) > kHeadroom || (top != top && ref[at] == ref[at])) {
              const double factor = std::exp(static_cast<double>(ref[at]) - static_cast<double>(top));
              sum[at] *= factor;
              kernels.scal(static_cast<T>(factor), dx + i * k, k);
              moved[at].push_back({number, i, static_cast<T>(factor)});
              ref[at] = top;
            }
            sum[at] += static_cast<double>(kernels.exp_sum(row, ref[at], row, width));
            if (held && !in_place) std::memcpy(stash.row(number, i), row, static_cast<std::size_t>(width) * sizeof(T));
          }
          ops::gemm<T>(end - begin, k, width, {z, ldz, 1}, {w + number * tile, 1, n}, dx + begin * k, k, {}, true);
        }
      },
      kernels.tile.mr);

  double loss = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const double wi = (sample_weight != nullptr ? static_cast<double>(sample_weight[i]) : 1.0) / total;
    loss += wi * (std::log(sum[i]) + static_cast<double>(ref[i]) - zt[i]);
    weight[i] = static_cast<T>(wi);
  }
  const auto share = [&](Index i) { return static_cast<double>(weight[static_cast<std::size_t>(i)]) / sum[static_cast<std::size_t>(i)]; };
  // Columns of w by rows of w: a column alone would touch a page an entry.
  constexpr Index kDeep = 16;
  threads::parallel_for(
      k, threads::threads_for(static_cast<double>(m * k) * 16),
      [&](Index begin, Index end) {
        for (Index c = begin; c < end; c += kDeep) {
          const Index deep = std::min(kDeep, end - c);
          for (Index i = 0; i < m; ++i) {
            const T s = static_cast<T>(share(i)), wi = weight[static_cast<std::size_t>(i)];
            const T* const column = w + c * n + target[i];
            T* const row = dx + i * k + c;
            for (Index d = 0; d < deep; ++d) row[d] = row[d] * s - wi * column[d * n];
          }
        }
      },
      kDeep);

  const Index groups = ceil_div(tiles, stash.group);
  threads::parallel_for(groups, threads::threads_for(work), [&](Index begin, Index end) {
    T* const z = scratch(Scratch::op).reserve_of<T>(m * tile);
    for (Index number = begin * stash.group; number < std::min(tiles, end * stash.group); ++number) {
      const Index width = p.width(number), j = number * tile;
      const bool held = stash.holds(number);
      if (!held) p.logits(number, 0, m, z, tile);
      for (Index i = 0; i < m; ++i) {
        const auto at = static_cast<std::size_t>(i);
        T* const row = z + i * tile;
        T scale = static_cast<T>(share(i));
        if (held) {
          std::memcpy(row, stash.row(number, i), static_cast<std::size_t>(width) * sizeof(T));
          for (const Moved<T>& move : moved[at])
            if (move.tile > number) scale *= move.factor;
        } else {
          kernels.exp_sum(row, ref[at], row, width);
        }
        kernels.scal(scale, row, width);
        const Index t = target[i] - j;
        if (t >= 0 && t < width) row[t] -= weight[at];
      }
      ops::gemm<T>(k, width, m, {x, 1, k}, {z, tile, 1}, dw + j, n);
      ops::col_sum<T>(z, tile, m, width, db + j);
    }
  });
  return loss;
}

#define PYFFNN_INSTANTIATE(T) \
  template double linear_xent(Index, Index, Index, const T*, const T*, const T*, const std::int64_t*, const T*, T*, T*, T*);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::train
