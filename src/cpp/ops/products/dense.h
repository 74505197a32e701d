// Dense products: blocking, packing and threads over the gemm kernel. ISA-free.
#pragma once
#include "ops/products/args.h"

namespace pyffnn::ops {

// C_mn = fuse(A_mk B_kn), or fuse(C + A B) with `accumulate` (never with update). The same bits at any thread count and blocking.
// C must not alias A or B. precision: of a float32 product.
template <class T>
void gemm(Index m, Index n, Index k, ConstMat<T> a, ConstMat<T> b, T* c, Index ldc, const Fuse<T>& fuse = {}, bool accumulate = false,
          Precision precision = Precision::float32);

// dx = (dz W^T) [* act'(x) where x is itself an activation's output], dw = x^T dz, db = column sums of dz. Null outputs are skipped.
template <class T>
void linear_backward(Index m, Index n, Index k, const T* x, Index ldx, const T* w, Index ldw, const T* dz, Index lddz, T* dx, Index lddx,
                     T* dw, Index lddw, T* db, Precision precision = Precision::float32);

// out_n = sum over rows of x_mn.
template <class T>
void col_sum(const T* x, Index ldx, Index m, Index n, T* out);

}  // namespace pyffnn::ops
