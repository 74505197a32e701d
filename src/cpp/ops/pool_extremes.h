// The largest and smallest number of each column of a bag of table rows. Of equal numbers the first counts.
#pragma once
#include "core/types.h"

namespace pyffnn::ops {

enum class Extreme { largest, smallest };

// Row b of out: over the rows table[id] of bag b, ids[offsets[b] .. offsets[b + 1]). An empty bag gives zeros; a NaN wins.
template <class T, class I>
void pool_extreme(Extreme which, const T* table, Index ld, const I* ids, const Index* offsets, Index bags, Index d, T* out, Index ldo);

// grad [rows, d] = 0, then each dy_bj is added to the row that out_bj above comes from, in the order of the bags at any number of threads.
// Bags are shorter than 2^31 where T is float.
template <class T, class I>
void pool_extreme_backward(Extreme which, const T* dy, const T* table, Index ld, const I* ids, const Index* offsets, Index bags, Index rows,
                           Index d, T* grad);

}  // namespace pyffnn::ops
