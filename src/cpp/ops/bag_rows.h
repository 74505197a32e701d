// The gradient of a table under pooled bags of ids, of the rows alone that occur in them.
#pragma once
#include <cstdint>

#include "core/types.h"
#include "core/workspace.h"

namespace pyffnn::ops {

struct TouchedRows {
  Buffer memory;                    // of all that follows
  std::int64_t* rows = nullptr;     // the distinct ids in the order in which they appear first
  std::int32_t* numbers = nullptr;  // of each id its place in `rows`
  std::int32_t* times = nullptr;    // how often each of the rows occurs
  Index distinct = 0, count = 0;
};

// Of ids within [0, rows), fewer than 2^31. Throws std::bad_alloc.
template <class I>
TouchedRows touched_rows(const I* ids, Index count, Index rows);

// values_[distinct, d]: the sums of dy_bag of the bags that a row occurs in, with `mean` divided by the sizes of the bags. offsets[0] is 0
// and offsets[bags] the number of ids. Threads own disjoint rows, so the sums have the order of the ids. Throws std::bad_alloc.
template <class T>
void bag_row_sums(const T* dy, const TouchedRows& touched, const Index* offsets, bool mean, Index bags, Index d, T* values);

}  // namespace pyffnn::ops
