// What an optimizer of another library does with one flat array of weights.
#pragma once
#include "core/types.h"

namespace pyffnn::ops {

// One step of `opt` on n weights, shared among threads.
template <class T>
void flat_step(const OptimStep<T>& opt, const T* g, T* w, T* s1, T* s2, Index n);

// x *= limit / |x| where the Euclidean norm |x| is at least `limit`. Partial sums over fixed pieces: one result at any number of threads.
template <class T>
void clip_norm(T* x, Index n, double limit);

}  // namespace pyffnn::ops
