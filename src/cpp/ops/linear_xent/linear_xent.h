// Softmax cross-entropy of x_mk w_kn + b_n without an m x n array: the vocabulary is walked in tiles, twice.
#pragma once
#include <cstdint>

#include "core/types.h"

namespace pyffnn::ops {

// Returns the weighted mean loss; writes its gradients dx_mk, dw_kn, db_n. b and sample_weight may be null.
// Pass 1 takes exponentials against a reference of each row, sums them and the row of dx, and leaves them where dw will be; pass 2 takes
// them up a tile at a time, divides by their sum and overwrites them by dw. Where dw has fewer rows than the batch, the tiles that find
// no room are computed again.
// Extra memory: a tile of logits a thread; in a bf16 mode linear_xent_bytes().
template <class T>
double linear_xent(Index m, Index n, Index k, const T* x, const T* w, const T* b, const std::int64_t* target, const T* sample_weight, T* dx,
                   T* dw, T* db, Precision precision = Precision::float32);

// With numbers in so many bf16 parts, with two threads.
Index linear_xent_bytes(Index m, Index n, Index k, int parts);

}  // namespace pyffnn::ops
