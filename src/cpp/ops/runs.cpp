#include "ops/runs.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::ops {
namespace {

template <class F>
void over_runs(const Index* offsets, Index runs, Index d, F f) {
  const double work = static_cast<double>(offsets[runs] - offsets[0] + 4 * runs) * static_cast<double>(d) * 2;
  threads::parallel_for(runs, threads::threads_for(work), [&](Index b, Index e) {
    for (Index r = b; r < e; ++r) f(r, offsets[r], offsets[r + 1] - offsets[r]);
  });
}

}  // namespace

template <class T>
void run_sums(const T* x, Index d, const Index* offsets, Index runs, bool mean, T* out) {
  const auto& k = dispatch::kernels<T>();
  over_runs(offsets, runs, d, [&](Index r, Index begin, Index length) {
    T* const to = out + r * d;
    if (length == 0) {
      std::fill(to, to + d, T(0));
      return;
    }
    k.col_sum(x + begin * d, d, length, d, false, to);
    if (mean) k.scal(T(1) / static_cast<T>(length), to, d);
  });
}

template <class T>
void run_sums_backward(const T* dy, Index d, const Index* offsets, Index runs, bool mean, T* dx) {
  const auto& k = dispatch::kernels<T>();
  const std::size_t bytes = static_cast<std::size_t>(d) * sizeof(T);
  over_runs(offsets, runs, d, [&](Index r, Index begin, Index length) {
    if (length == 0 || d == 0) return;
    T* const first = dx + begin * d;
    std::memcpy(first, dy + r * d, bytes);
    if (mean) k.scal(T(1) / static_cast<T>(length), first, d);
    for (Index i = 1; i < length; ++i) std::memcpy(first + i * d, first, bytes);
  });
}

template <class T>
void run_max(const T* x, Index d, const Index* offsets, Index runs, T* best, std::int32_t* which) {
  const auto& k = dispatch::kernels<T>();
  over_runs(offsets, runs, d,
            [&](Index r, Index begin, Index length) { k.column_best(x + begin * d, d, length, d, best + r * d, which + r * d); });
}

template <class T>
void run_max_backward(const T* dy, const std::int32_t* which, Index d, const Index* offsets, Index runs, T* dx) {
  over_runs(offsets, runs, d, [&](Index r, Index begin, Index length) {
    T* const first = dx + begin * d;
    std::fill(first, first + length * d, T(0));
    for (Index j = 0; j < d; ++j) first[which[r * d + j] * d + j] = dy[r * d + j];
  });
}

template <class T>
void cell_max(const T* x, Index pieces, Index cells, T* best, std::int32_t* which) {
  // Pieces become rows a block at a time: the kernel goes down columns.
  constexpr Index kBlock = 256, kPieces = 16;
  const auto& k = dispatch::kernels<T>();
  const double work = static_cast<double>(cells) * static_cast<double>(pieces) * 4;
  threads::parallel_for(cells, threads::threads_for(work), [&](Index b, Index e) {
    T rows[kBlock * kPieces];
    const Index block = pieces <= kPieces ? kBlock : 1;
    for (Index i = b; i < e; i += block) {
      const Index n = std::min(block, e - i);
      const T* const from = x + i * pieces;
      if (pieces > kPieces) {  // one cell is a column as it lies
        k.column_best(from, 1, pieces, 1, best + i, which + i);
        continue;
      }
      for (Index p = 0; p < pieces; ++p)
        for (Index j = 0; j < n; ++j) rows[p * kBlock + j] = from[j * pieces + p];
      k.column_best(rows, kBlock, pieces, n, best + i, which + i);
    }
  });
}

template <class T>
void cell_max_backward(const T* dy, const std::int32_t* which, Index pieces, Index cells, T* dx) {
  const double work = static_cast<double>(cells) * static_cast<double>(pieces) * 4;
  threads::parallel_for(cells, threads::threads_for(work), [&](Index b, Index e) {
    std::fill(dx + b * pieces, dx + e * pieces, T(0));
    for (Index i = b; i < e; ++i) dx[i * pieces + which[i]] = dy[i];
  });
}

template <class T, class I>
void gather_sum(const T* table, Index ld, const I* ids, Index count, Index per, Index d, T* out) {
  const auto& k = dispatch::kernels<T>();
  constexpr Index kBlock = 64;
  const double work = static_cast<double>(count) * static_cast<double>(per) * static_cast<double>(d * 2 + 16);
  threads::parallel_for(count, threads::threads_for(work), [&](Index b, Index e) {
    Index offsets[kBlock + 1];
    T ones[kBlock];
    for (Index i = 0; i <= kBlock; ++i) offsets[i] = i * per;
    std::fill(ones, ones + kBlock, T(1));
    for (Index i = b; i < e; i += kBlock) {
      const Index n = std::min(kBlock, e - i);
      if constexpr (sizeof(I) == 4)
        k.pool_i32(table, ld, ids + i * per, offsets, nullptr, ones, n, d, out + i * d, d);
      else
        k.pool_i64(table, ld, ids + i * per, offsets, nullptr, ones, n, d, out + i * d, d);
    }
  });
}

#define PYFFNN_INSTANTIATE(T)                                                                    \
  template void run_sums(const T*, Index, const Index*, Index, bool, T*);                        \
  template void run_sums_backward(const T*, Index, const Index*, Index, bool, T*);               \
  template void run_max(const T*, Index, const Index*, Index, T*, std::int32_t*);                \
  template void run_max_backward(const T*, const std::int32_t*, Index, const Index*, Index, T*); \
  template void cell_max(const T*, Index, Index, T*, std::int32_t*);                             \
  template void cell_max_backward(const T*, const std::int32_t*, Index, Index, T*);              \
  template void gather_sum(const T*, Index, const std::int32_t*, Index, Index, Index, T*);       \
  template void gather_sum(const T*, Index, const std::int64_t*, Index, Index, Index, T*);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
