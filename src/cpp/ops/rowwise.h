// Threaded elementwise and row operations. Arrays are C-contiguous; outputs may equal inputs where the kernels allow it.
#pragma once
#include <cstdint>

#include "core/types.h"

namespace pyffnn::ops {

template <class T>
void activation(Act act, const T* x, T* y, Index n);
template <class T>
void activation_backward(Act act, const T* dy, const T* y, T* dx, Index n);
template <class T>
void exp(const T* x, T* y, Index n);
template <class T>
void log(const T* x, T* y, Index n);

template <class T>
void softmax(const T* x, T* y, Index m, Index n);
template <class T>
void log_softmax(const T* x, T* y, Index m, Index n);
template <class T>
void softmax_backward(const T* dy, const T* y, T* dx, Index m, Index n);

// Weighted mean of the losses, and its gradient in dz (may be null). class_weight [n] and sample_weight [m] may be null; with either,
// the mean divides by the sum of the weights used. An empty batch, or weights that sum to zero, give loss 0 and gradient 0.
template <class T>
double cross_entropy(const T* z, const std::int64_t* target, const T* class_weight, const T* sample_weight, T* dz, Index m, Index n);

// Mean over all m x n entries (weighted by row).
template <class T>
double binary_cross_entropy(const T* z, const T* target, const T* sample_weight, T* dz, Index m, Index n);

}  // namespace pyffnn::ops
