#include "train/linear_xent.h"

#include <algorithm>
#include <cstring>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "ops/dense.h"
#include "train/linear_xent_rows.h"

namespace pyffnn::train {
namespace {

constexpr Index kColumns = 128;

Index ceil_div(Index a, Index b) { return (a + b - 1) / b; }

template <class T>
struct Problem {
  Index m, n, k, tile;
  const T *x, *w, *b;

  Index tiles() const { return ceil_div(n, tile); }
  Index width(Index number) const { return std::min(tile, n - number * tile); }
  // z of rows [begin, end), `width` words from `word` on
  void logits(Index word, Index width, Index begin, Index end, T* z, Index ldz) const {
    ops::gemm<T>(end - begin, width, k, {x + begin * k, k, 1}, {w + word, n, 1}, z, ldz,
                 ops::Fuse<T>::linear(b == nullptr ? nullptr : b + word, Act::identity));
  }
};

}  // namespace

template <class T>
double linear_xent(Index m, Index n, Index k, const T* x, const T* w, const T* b, const std::int64_t* target, const T* sample_weight, T* dx,
                   T* dw, T* db) {
  const auto& kernels = dispatch::kernels<T>();
  std::memset(dx, 0, static_cast<std::size_t>(m * k) * sizeof(T));
  XentRows<T> rows(m, target, sample_weight);
  if (m == 0 || n == 0 || rows.total() == 0) {
    std::memset(dw, 0, static_cast<std::size_t>(k * n) * sizeof(T));
    std::memset(db, 0, static_cast<std::size_t>(n) * sizeof(T));
    return 0;
  }
  // A tile of w and one of exponentials stay in L2 together; a fiftieth of the vocabulary keeps them small beside the logits.
  const Index tile = std::min(n, std::clamp<Index>(n / 50 / 64 * 64, 64, 256));
  const Problem<T> p{m, n, k, tile, x, w, b};
  const Stash<T> stash(dw, m, n, k, tile);
  const Index tiles = p.tiles();

  // Rows are independent, so a thread takes its own through the whole vocabulary.
  const double work = 4.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const int parts = threads::threads_for(work);
  threads::parallel_for(
      m, parts,
      [&](Index begin, Index end) {
        T* const own = scratch(Scratch::op).reserve_of<T>((end - begin) * tile);
        for (Index number = 0; number < tiles; ++number) {
          const Index width = p.width(number), word = number * tile;
          const bool in_place = stash.whole(number);
          T* const z = in_place ? stash.row(number, begin) : own;
          const Index ldz = in_place ? n : tile;
          p.logits(word, width, begin, end, z, ldz);
          for (Index i = begin; i < end; ++i) {
            T* const row = z + (i - begin) * ldz;
            rows.take(i, number, word, width, row, dx + i * k, k);
            if (stash.holds(number) && !in_place) std::memcpy(stash.row(number, i), row, static_cast<std::size_t>(width) * sizeof(T));
          }
          // W^T is packed, so many columns of dx at a time as keep that small beside the logits.
          for (Index c = 0; c < k; c += kColumns) {
            const Index cols = std::min(kColumns, k - c);
            ops::gemm<T>(end - begin, cols, width, {z, ldz, 1}, {w + c * n + word, 1, n}, dx + begin * k + c, k, {}, true);
          }
        }
      },
      kernels.tile.mr);
  const double loss = rows.loss();
  rows.finish(w, n, dx, k);

  // Tiles are independent now; a thread has a part of one for itself.
  const Index groups = ceil_div(tiles, stash.group), narrow = std::max<Index>(std::min<Index>(tile, 64), tile / parts / 32 * 32);
  threads::parallel_for(groups, parts, [&](Index begin, Index end) {
    T* const z = scratch(Scratch::op).reserve_of<T>(m * narrow);
    for (Index number = begin * stash.group; number < std::min(tiles, end * stash.group); ++number) {
      const bool held = stash.holds(number);
      const Index last = number * tile + p.width(number);
      for (Index word = number * tile; word < last; word += narrow) {
        const Index width = std::min(narrow, last - word), offset = word - number * tile;
        if (!held) p.logits(word, width, 0, m, z, narrow);
        for (Index i = 0; i < m; ++i) {
          T* const row = z + i * narrow;
          if (held) std::memcpy(row, stash.row(number, i) + offset, static_cast<std::size_t>(width) * sizeof(T));
          rows.gradient(i, number, word, width, held, row);
        }
        ops::gemm<T>(k, width, m, {x, 1, k}, {z, narrow, 1}, dw + word, n);
        ops::col_sum<T>(z, narrow, m, width, db + word);
      }
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
