// Some examples of a source, brought into the form that an input reads.
#pragma once
#include <cstdint>
#include <vector>

#include "core/types.h"

namespace pyffnn::net {

// Which examples: single ones, or (length given) runs of neighbours, as windows over a stream want them.
struct Visit {
  const std::int64_t* start = nullptr;
  const std::int64_t* length = nullptr;
  Index count = 0;

  Index length_of(Index i) const { return length == nullptr ? 1 : length[i]; }
  // Examples of the first n entries.
  Index examples(Index n) const {
    if (length == nullptr) return n;
    Index sum = 0;
    for (Index i = 0; i < n; ++i) sum += length[i];
    return sum;
  }
  Index examples() const { return examples(count); }
  Visit part(Index begin, Index end) const { return {start + begin, length == nullptr ? nullptr : length + begin, end - begin}; }
  // f(example, number) for each.
  template <class F>
  void each(F f) const {
    Index at = 0;
    for (Index i = 0; i < count; ++i)
      for (Index j = 0; j < length_of(i); ++j) f(start[i] + j, at++);
  }
};

// A run of a stream: where its words begin among the batch's ids, and its examples.
struct Place {
  Index span, row, length;
};

template <class T>
struct Batch {
  // Ids of table rows, with values for sparse features, in bags: bag b is [offsets[b], offsets[b + 1]). Windows: the words that the runs
  // look at, run after run, -1 for a missing one.
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> offsets;
  std::vector<T> values;
  // Of windows, which then are the bags: those of example i are [groups[i], groups[i + 1]). Else empty.
  std::vector<std::int64_t> groups;
  std::vector<Place> places;
};

}  // namespace pyffnn::net
