#include "ops/bag_rows.h"

#include <algorithm>

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::ops {
namespace {

// Slots are looked up this many ids ahead: where they lie is as good as random.
constexpr Index kAhead = 32;

// Rows of so many bytes are added to where they lie: turning bags round costs more than reading and writing the sums again and again.
constexpr Index kShort = 128;

// Shorter rows are summed by one thread: lists that another core reads have to come back to be written for the next batch, which takes as
// long as half of the sums (25,600 ids, median of one and of two threads: 64 numbers 0.24 and 0.26 ms, 128 0.44 and 0.59, 200 0.70 and
// 0.98, 300 1.63 and 1.08).
constexpr Index kLong = 1024;

template <class T>
T share_of(const Index* offsets, Index bag, bool mean) {
  const Index n = offsets[bag + 1] - offsets[bag];
  return mean && n > 0 ? static_cast<T>(1.0 / static_cast<double>(n)) : T(1);
}

bool all_alike(const Index* offsets, Index bags) {
  const Index n = offsets[1] - offsets[0];
  for (Index bag = 1; bag < bags; ++bag)
    if (offsets[bag + 1] - offsets[bag] != n) return false;
  return true;
}

// Rows are cleared a few bags before they are added to, so that they are in the cache: they are numbered as they appear.
template <class T>
void scattered(const T* dy, const TouchedRows& touched, const Index* offsets, bool mean, Index bags, Index d, T* values) {
  constexpr Index kStep = 64;  // bags
  Buffer memory;
  T* shares = nullptr;
  T alpha = T(1);
  if (mean && all_alike(offsets, bags)) {
    alpha = share_of<T>(offsets, 0, mean);
  } else if (mean) {
    shares = memory.reserve_of<T>(touched.count);
    for (Index bag = 0; bag < bags; ++bag) std::fill(shares + offsets[bag], shares + offsets[bag + 1], share_of<T>(offsets, bag, mean));
  }
  const auto& k = dispatch::kernels<T>();
  const std::int32_t* const numbers = touched.numbers;
  Index cleared = 0;
  for (Index bag = 0; bag < bags; bag += kStep) {
    const Index n = std::min(kStep, bags - bag), end = offsets[bag + n];
    std::int32_t most = static_cast<std::int32_t>(cleared) - 1;
    for (Index i = offsets[bag]; i < end; ++i) most = std::max(most, numbers[i]);
    std::fill(values + cleared * d, values + (most + 1) * d, T(0));
    cleared = most + 1;
    k.scatter_rows({numbers, offsets + bag, n, shares, dy + bag * d, d, d, -1, 0, 1}, alpha, values, d);
  }
}

// Turned round: a row's gradient is a bag of the gradients of the bags that it occurs in, so each is written once.
template <class T>
void turned(const T* dy, const TouchedRows& touched, const Index* offsets, bool mean, Index bags, Index d, T* values, int parts) {
  const Index count = touched.count, distinct = touched.distinct;
  Buffer memory;
  Index* const starts = memory.reserve_of<Index>(distinct + 1 + 2 * (count + distinct));  // room for doubles
  T* const ones = reinterpret_cast<T*>(starts + distinct + 1);
  T* const shares = ones + distinct;
  std::int32_t* const at = reinterpret_cast<std::int32_t*>(shares + count);
  std::int32_t* const occurs = at + distinct;
  std::fill(ones, ones + distinct, T(1));
  Index next = 0;
  for (Index r = 0; r < distinct; ++r) {
    starts[r] = next;
    at[r] = static_cast<std::int32_t>(next);
    next += touched.times[r];
  }
  starts[distinct] = next;
  for (Index bag = 0; bag < bags; ++bag) {
    const T share = share_of<T>(offsets, bag, mean);
    for (Index i = offsets[bag]; i < offsets[bag + 1]; ++i) {
      const std::int32_t to = at[touched.numbers[i]]++;
      occurs[to] = static_cast<std::int32_t>(bag);
      shares[to] = share;
    }
  }
  const auto& k = dispatch::kernels<T>();
  threads::parallel_for(distinct, parts, [&](Index begin, Index end) {
    k.pool_i32(dy, d, occurs, starts + begin, shares, ones, end - begin, d, values + begin * d, d);
  });
}

}  // namespace

// A slot holds the number that a row last had. One that is out of date does not have its row behind it, so slots are never cleared. Without
// a branch: whether an id came before cannot be predicted. What is looked at does not wait for how many rows there are so far.
template <class I>
TouchedRows touched_rows(const I* ids, Index count, Index rows) {
  TouchedRows t;
  t.rows = t.memory.reserve_of<std::int64_t>(2 * count + 1);
  t.numbers = reinterpret_cast<std::int32_t*>(t.rows + count);
  t.times = t.numbers + count;
  t.count = count;
  if (count == 0) return t;
  std::uint32_t* const slots = scratch(Scratch::op).reserve_of<std::uint32_t>(std::max<Index>(rows, 1));
  std::int64_t* const found = t.rows;
  const auto most = static_cast<std::uint32_t>(count);
  std::uint32_t n = 0;
  for (Index i = 0; i < count; ++i) {
    __builtin_prefetch(slots + ids[std::min(i + kAhead, count - 1)], 1);
    const auto id = static_cast<std::int64_t>(ids[i]);
    const std::uint32_t last = slots[id], inside = last < most ? last : 0;
    const std::uint32_t known = 0u - static_cast<std::uint32_t>((last < n) & (found[inside] == id));
    const std::uint32_t number = (last & known) | (n & ~known);
    n += 1u + known;
    slots[id] = number;
    found[number] = id;
    t.numbers[i] = static_cast<std::int32_t>(number);
    t.times[number] = static_cast<std::int32_t>((static_cast<std::uint32_t>(t.times[number]) & known) + 1u);
  }
  t.distinct = static_cast<Index>(n);
  return t;
}

template <class T>
void bag_row_sums(const T* dy, const TouchedRows& touched, const Index* offsets, bool mean, Index bags, Index d, T* values) {
  if (touched.count == 0) return;
  const Index row_bytes = d * static_cast<Index>(sizeof(T));
  if (row_bytes <= kShort && d % kRowUnit == 0) return scattered(dy, touched, offsets, mean, bags, d, values);
  const double work = static_cast<double>(touched.count) * static_cast<double>(d * 2 + 16);
  turned(dy, touched, offsets, mean, bags, d, values, row_bytes < kLong ? 1 : threads::threads_for(work));
}

template TouchedRows touched_rows(const std::int32_t*, Index, Index);
template TouchedRows touched_rows(const std::int64_t*, Index, Index);
template void bag_row_sums(const float*, const TouchedRows&, const Index*, bool, Index, Index, float*);
template void bag_row_sums(const double*, const TouchedRows&, const Index*, bool, Index, Index, double*);

}  // namespace pyffnn::ops
