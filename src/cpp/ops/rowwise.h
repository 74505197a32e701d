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

template <class T>
void softmax(const T* x, T* y, Index m, Index n);
template <class T>
void log_softmax(const T* x, T* y, Index m, Index n);
template <class T>
void softmax_backward(const T* dy, const T* y, T* dx, Index m, Index n);

}  // namespace pyffnn::ops
