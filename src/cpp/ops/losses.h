// Losses of rows of logits that have no kernel of their own. Rows of z, t, dz are ldz, ldt, lddz apart; w_m weighs the rows; dz may be null.
#pragma once
#include "core/types.h"

namespace pyffnn::ops {

// Softmax cross-entropy against rows of probabilities: loss_i = -w_i sum_j t_ij log softmax(z_i)_j;  dz_i = w_i (softmax(z_i) sum(t_i) - t_i)
template <class T>
void soft_xent(const T* z, Index ldz, const T* t, Index ldt, const T* w, T* loss, T* dz, Index lddz, Index m, Index n);

// loss_i = w_i / 2 sum_j (z_ij - t_ij)^2;  dz_ij = w_i (z_ij - t_ij)
template <class T>
void squared_loss(const T* z, Index ldz, const T* t, Index ldt, const T* w, T* loss, T* dz, Index lddz, Index m, Index n);

// Sigmoid cross-entropy with a weight v_j of each output: loss_i = w_i sum_j v_j (softplus(z_ij) - t_ij z_ij)
template <class T>
void weighted_sigmoid_xent(const T* z, Index ldz, const T* t, Index ldt, const T* w, const double* v, T* loss, T* dz, Index lddz, Index m,
                           Index n);

}  // namespace pyffnn::ops
