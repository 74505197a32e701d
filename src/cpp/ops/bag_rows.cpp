#include "ops/bag_rows.h"

#include <algorithm>
#include <cstring>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"

namespace pyffnn::ops {
namespace {

// Slots are looked up this many ids ahead: where they lie is as good as random.
constexpr Index kAhead = 16;

template <class T>
T share_of(const Index* offsets, Index bag, bool mean) {
  const Index n = offsets[bag + 1] - offsets[bag];
  return mean && n > 0 ? static_cast<T>(1.0 / static_cast<double>(n)) : T(1);
}

// Rows of any length.
template <class T>
void add_rows(const T* dy, const TouchedRows& touched, const Index* offsets, bool mean, Index bags, Index d, int parts, T* values) {
  const auto& k = dispatch::kernels<T>();
  const std::int32_t* const numbers = touched.numbers.get();
  threads::parallel_for(touched.distinct, parts, [&](Index begin, Index end) {
    for (Index bag = 0; bag < bags; ++bag) {
      const T share = share_of<T>(offsets, bag, mean);
      for (Index i = offsets[bag]; i < offsets[bag + 1]; ++i)
        if (numbers[i] >= begin && numbers[i] < end) k.axpy(share, dy + bag * d, values + numbers[i] * d, d);
    }
  });
}

// Rows of whole units, which the kernel of the models' updates takes; the same bits.
template <class T>
void scatter_rows(const T* dy, const TouchedRows& touched, const Index* offsets, bool mean, Index bags, Index d, int parts, T* values) {
  const auto& k = dispatch::kernels<T>();
  T* const share = scratch(Scratch::op2).reserve_of<T>(std::max<Index>(touched.count, 1));
  for (Index bag = 0; bag < bags; ++bag) std::fill(share + offsets[bag], share + offsets[bag + 1], share_of<T>(offsets, bag, mean));
  threads::parallel_for(parts, parts, [&](Index begin, Index end) {
    for (Index part = begin; part < end; ++part)
      k.scatter_rows({touched.numbers.get(), offsets, bags, share, dy, d, d, -1, static_cast<int>(part), parts}, T(1), values, d);
  });
}

}  // namespace

// A slot holds the number that a row last had. One that is out of date does not have its row behind it, so slots are never cleared.
template <class I>
TouchedRows touched_rows(const I* ids, Index count, Index rows) {
  TouchedRows t;
  t.rows.reset(new std::int64_t[static_cast<std::size_t>(count)]);
  t.numbers.reset(new std::int32_t[static_cast<std::size_t>(count)]);
  t.count = count;
  std::uint32_t* const slots = scratch(Scratch::op).reserve_of<std::uint32_t>(std::max<Index>(rows, 1));
  std::int64_t* const found = t.rows.get();
  std::uint32_t n = 0;
  for (Index i = 0; i < count; ++i) {
    __builtin_prefetch(slots + ids[std::min(i + kAhead, count - 1)], 1);
    const auto id = static_cast<std::int64_t>(ids[i]);
    std::uint32_t number = slots[id];
    if (number >= n || found[number] != id) {
      number = n++;
      slots[id] = number;
      found[number] = id;
    }
    t.numbers[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(number);
  }
  t.distinct = static_cast<Index>(n);
  return t;
}

template <class T>
void bag_row_sums(const T* dy, const TouchedRows& touched, const Index* offsets, bool mean, Index bags, Index d, T* values) {
  std::memset(values, 0, static_cast<std::size_t>(touched.distinct * d) * sizeof(T));
  const int parts = threads::threads_for(static_cast<double>(touched.count) * static_cast<double>(d * 2 + 16));
  (d % kRowUnit == 0 ? scatter_rows<T> : add_rows<T>)(dy, touched, offsets, mean, bags, d, parts, values);
}

template TouchedRows touched_rows(const std::int32_t*, Index, Index);
template TouchedRows touched_rows(const std::int64_t*, Index, Index);
template void bag_row_sums(const float*, const TouchedRows&, const Index*, bool, Index, Index, float*);
template void bag_row_sums(const double*, const TouchedRows&, const Index*, bool, Index, Index, double*);

}  // namespace pyffnn::ops
