// Threaded elementwise and row operations. Arrays are C-contiguous; outputs may equal inputs where the kernels allow it.
#pragma once
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

// dx may equal dy
template <class T>
void curve(const CurveArgs<T>& f, const T* x, T* y, Index n);
template <class T>
void curve_backward(const CurveArgs<T>& f, const T* dy, const T* x, T* dx, Index n);
// The tanh form of GELU.
template <class T>
void gelu_tanh(const T* x, T* y, Index n);
template <class T>
void gelu_tanh_backward(const T* dy, const T* x, T* dx, Index n);

template <class T>
void softmax(const T* x, T* y, Index m, Index n);
template <class T>
void log_softmax(const T* x, T* y, Index m, Index n);
template <class T>
void softmax_backward(const T* dy, const T* y, T* dx, Index m, Index n);

// y = (x - mean) rstd gamma + beta of m rows of n; rstd = 1 / sqrt(var + eps)
template <class T>
void layer_norm(const T* x, const T* gamma, const T* beta, T eps, T* y, T* mean, T* rstd, Index m, Index n);
template <class T>
void layer_norm_backward(const T* dy, const T* x, const T* gamma, const T* mean, const T* rstd, T* dx, T* dgamma, T* dbeta, Index m,
                         Index n);

}  // namespace pyffnn::ops
