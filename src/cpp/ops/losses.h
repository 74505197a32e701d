// Losses of rows of logits and their gradients.
#pragma once
#include <cstdint>

#include "core/types.h"

namespace pyffnn::ops {

// Weighted mean of the losses, and its gradient in dz (may be null). class_weight [n] and sample_weight [m] may be null; with either,
// the mean divides by the sum of the weights used. An empty batch, or weights that sum to zero, give loss 0 and gradient 0.
template <class T>
double cross_entropy(const T* z, const std::int64_t* target, const T* class_weight, const T* sample_weight, T* dz, Index m, Index n);

// Mean over all m x n entries (weighted by row).
template <class T>
double binary_cross_entropy(const T* z, const T* target, const T* sample_weight, T* dz, Index m, Index n);

// Those below are loops without a kernel, on the calling thread. Rows of z, t, dz are ldz, ldt, lddz apart; w_m weighs the rows; dz may be
// null.

// Softmax cross-entropy against rows of probabilities: loss_i = -w_i sum_j t_ij log softmax(z_i)_j;  dz_i = w_i (softmax(z_i) sum(t_i) -
// t_i)
template <class T>
void soft_xent(const T* z, Index ldz, const T* t, Index ldt, const T* w, T* loss, T* dz, Index lddz, Index m, Index n);

// loss_i = w_i / 2 sum_j (z_ij - t_ij)^2;  dz_ij = w_i (z_ij - t_ij)
template <class T>
void squared_loss(const T* z, Index ldz, const T* t, Index ldt, const T* w, T* loss, T* dz, Index lddz, Index m, Index n);

// loss_i = w_i sum_j t_ij z_ij;  dz_ij = w_i t_ij
template <class T>
void linear_loss(const T* z, Index ldz, const T* t, Index ldt, const T* w, T* loss, T* dz, Index lddz, Index m, Index n);

// Sigmoid cross-entropy with a weight v_j of each output: loss_i = w_i sum_j v_j (softplus(z_ij) - t_ij z_ij)
template <class T>
void weighted_sigmoid_xent(const T* z, Index ldz, const T* t, Index ldt, const T* w, const double* v, T* loss, T* dz, Index lddz, Index m,
                           Index n);

}  // namespace pyffnn::ops
