// Embedding tables: gather, mean pooling of bags, deterministic scatter. Ids are checked here, once a batch, before any kernel runs.
#pragma once
#include "core/types.h"

namespace pyffnn::ops {

// Position of the first id outside [0, rows), or -1. I is int32 or int64.
template <class I>
Index first_bad_id(const I* ids, Index count, Index rows);

// Ids to memory apart from theirs, as narrow as To.
template <class From, class To>
void copy_ids(const From* from, Index count, To* to);

template <class T, class I>
void embedding(const T* table, Index ld, const I* ids, Index count, Index d, T* out, Index ldo);

// grad_[rows, d] = 0, then grad[ids_i] += dy_i in the order of i. Threads own disjoint row ranges, so the sums have one order.
template <class T, class I>
void embedding_backward(const T* dy, const I* ids, Index count, Index rows, Index d, T* grad);

// out_b = mean over the bag of table[id], weighted: sum(w row) / sum(w). An empty bag, or weights that sum to 0, give zeros.
// Bag b is ids[offsets[b] .. offsets[b + 1]). Without `mean` the sum over the bag, without weights.
template <class T, class I>
void mean_pool(const T* table, Index ld, const I* ids, const Index* offsets, const T* weights, Index bags, Index d, T* out, Index ldo,
               bool mean = true);

template <class T, class I>
void mean_pool_backward(const T* dy, const I* ids, const Index* offsets, const T* weights, Index bags, Index rows, Index d, T* grad,
                        bool mean = true);

}  // namespace pyffnn::ops
