#include "ops/pool_extremes.h"

#include <cstring>
#include <vector>

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::ops {
namespace {

template <class T>
void run(const PoolExtremes<T, std::int32_t>& a) {
  dispatch::kernels<T>().pool_extremes_i32(a);
}
template <class T>
void run(const PoolExtremes<T, std::int64_t>& a) {
  dispatch::kernels<T>().pool_extremes_i64(a);
}

// entry may be null.
template <class T, class I>
void extremes(Extreme which, const T* table, Index ld, const I* ids, const Index* offsets, Index bags, Index d, T* out, Index ldo,
              Entry<T>* entry) {
  const bool largest = which == Extreme::largest;
  const Index count = bags > 0 ? offsets[bags] - offsets[0] : 0;
  const int parts = threads::threads_for(static_cast<double>(count) * static_cast<double>(d * 4 + 16));
  threads::parallel_for(bags, parts, [&](Index b, Index e) {
    PoolExtremes<T, I> a{};
    a.table = table;
    a.ld = ld;
    a.d = d;
    a.ids = ids;
    a.offsets = offsets + b;
    a.bags = e - b;
    (largest ? a.top : a.low) = out + b * ldo;
    a.ldo = ldo;
    if (entry != nullptr) (largest ? a.top_entry : a.low_entry) = entry + b * d;
    a.lde = d;
    run(a);
  });
}

}  // namespace

template <class T, class I>
void pool_extreme(Extreme which, const T* table, Index ld, const I* ids, const Index* offsets, Index bags, Index d, T* out, Index ldo) {
  extremes<T, I>(which, table, ld, ids, offsets, bags, d, out, ldo, nullptr);
}

template <class T, class I>
void pool_extreme_backward(Extreme which, const T* dy, const T* table, Index ld, const I* ids, const Index* offsets, Index bags, Index rows,
                           Index d, T* grad) {
  std::vector<T> values(static_cast<std::size_t>(bags * d));
  std::vector<Entry<T>> entries(values.size());
  extremes(which, table, ld, ids, offsets, bags, d, values.data(), d, entries.data());
  const int parts = threads::threads_for(static_cast<double>(4 * bags + rows) * static_cast<double>(d));
  threads::parallel_for(rows, parts, [&](Index first, Index end) {
    std::memset(grad + first * d, 0, static_cast<std::size_t>((end - first) * d) * sizeof(T));
    for (Index b = 0; b < bags; ++b) {
      const I* const bag = ids + offsets[b];
      if (offsets[b] == offsets[b + 1]) continue;
      for (Index j = 0; j < d; ++j) {
        const Index row = static_cast<Index>(bag[entries[static_cast<std::size_t>(b * d + j)]]);
        if (row >= first && row < end) grad[row * d + j] += dy[b * d + j];
      }
    }
  });
}

#define PYFFNN_INSTANTIATE(T, I)                                                                                   \
  template void pool_extreme(Extreme, const T*, Index, const I*, const Index*, Index, Index, T*, Index);           \
  template void pool_extreme_backward(Extreme, const T*, const T*, Index, const I*, const Index*, Index, Index, Index, T*);
PYFFNN_INSTANTIATE(float, std::int32_t)
PYFFNN_INSTANTIATE(float, std::int64_t)
PYFFNN_INSTANTIATE(double, std::int32_t)
PYFFNN_INSTANTIATE(double, std::int64_t)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
