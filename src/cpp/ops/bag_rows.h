// The gradient of a table under pooled bags of ids, of the rows alone that occur in them.
#pragma once
#include <cstdint>
#include <memory>

#include "core/types.h"

namespace pyffnn::ops {

struct TouchedRows {
  std::unique_ptr<std::int64_t[]> rows;     // the distinct ids in the order in which they appear first
  std::unique_ptr<std::int32_t[]> numbers;  // of each id its place in `rows`
  Index distinct = 0, count = 0;
};

// Of ids within [0, rows), fewer than 2^31. Throws std::bad_alloc.
template <class I>
TouchedRows touched_rows(const I* ids, Index count, Index rows);

// values_[distinct, d]: the sums of dy_bag of the bags that a row occurs in, with `mean` divided by the sizes of the bags. offsets[0] is 0
// and offsets[bags] the number of ids. Threads own disjoint ranges of the distinct rows, so the sums have the order of the ids.
template <class T>
void bag_row_sums(const T* dy, const TouchedRows& touched, const Index* offsets, bool mean, Index bags, Index d, T* values);

}  // namespace pyffnn::ops
