#include "ops/bag_rows.h"

#include <algorithm>
#include <memory>

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

// Turned round: a row's gradient is a bag of the gradients of the bags that it occurs in, so each is written once.
template <class T>
void bag_row_sums(const T* dy, const TouchedRows& touched, const Index* offsets, bool mean, Index bags, Index d, T* values) {
  const auto& k = dispatch::kernels<T>();
  const std::size_t count = static_cast<std::size_t>(touched.count), distinct = static_cast<std::size_t>(touched.distinct);
  const std::int32_t* const numbers = touched.numbers.get();
  const std::unique_ptr<Index[]> starts(new Index[distinct + 2]());
  const std::unique_ptr<std::int32_t[]> occurs(new std::int32_t[count]);
  const std::unique_ptr<T[]> shares(new T[count]), ones(new T[distinct]);
  std::fill(ones.get(), ones.get() + distinct, T(1));
  Index* const at = starts.get() + 1;  // at[r]: where the next bag of row r goes, and in the end where those of r + 1 begin
  for (std::size_t i = 0; i < count; ++i) ++starts[static_cast<std::size_t>(numbers[i]) + 2];
  for (std::size_t r = 2; r < distinct + 2; ++r) starts[r] += starts[r - 1];
  for (Index bag = 0; bag < bags; ++bag) {
    const T share = share_of<T>(offsets, bag, mean);
    for (Index i = offsets[bag]; i < offsets[bag + 1]; ++i) {
      const auto to = static_cast<std::size_t>(at[numbers[i]]++);
      occurs[to] = static_cast<std::int32_t>(bag);
      shares[to] = share;
    }
  }
  const int parts = threads::threads_for(static_cast<double>(touched.count) * static_cast<double>(d * 2 + 16));
  threads::parallel_for(touched.distinct, parts, [&](Index begin, Index end) {
    k.pool_i32(dy, d, occurs.get(), starts.get() + begin, shares.get(), ones.get(), end - begin, d, values + begin * d, d);
  });
}

template TouchedRows touched_rows(const std::int32_t*, Index, Index);
template TouchedRows touched_rows(const std::int64_t*, Index, Index);
template void bag_row_sums(const float*, const TouchedRows&, const Index*, bool, Index, Index, float*);
template void bag_row_sums(const double*, const TouchedRows&, const Index*, bool, Index, Index, double*);

}  // namespace pyffnn::ops
