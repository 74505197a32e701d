// Dense products: blocking, packing and threads over the gemm kernel. ISA-free.
#pragma once
#include "core/types.h"

namespace pyffnn::ops {

// Element (i, j) at p[i * rs + j * cs]; rs or cs must be 1.
template <class T>
struct ConstMat {
  const T* p;
  Index rs, cs;
};

// What to do with each finished sum; see Epilogue. Pointers are laid out like C.
template <class T>
struct Fuse {
  Epilogue epilogue = Epilogue::store;
  Act act = Act::identity;
  const T* bias = nullptr;
  const T* y = nullptr;
  Index ldy = 0;
  const OptimStep<T>* opt = nullptr;
  T* s1 = nullptr;
  T* s2 = nullptr;

  static Fuse linear(const T* bias, Act act) {
    Fuse f;
    f.epilogue = bias == nullptr && act == Act::identity ? Epilogue::store : Epilogue::bias_act;
    f.act = act;
    f.bias = bias;
    return f;
  }
  static Fuse dact(Act act, const T* y, Index ldy) {
    Fuse f;
    f.epilogue = act == Act::identity ? Epilogue::store : Epilogue::times_dact;
    f.act = act;
    f.y = y;
    f.ldy = ldy;
    return f;
  }
  static Fuse update(const OptimStep<T>& opt, T* s1, T* s2) {
    Fuse f;
    f.epilogue = Epilogue::update;
    f.opt = &opt;
    f.s1 = s1;
    f.s2 = s2;
    return f;
  }
};

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
