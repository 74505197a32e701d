// What the drivers of products share: operands, what becomes of each sum, and the side of C in the arguments of a kernel.
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

// C and what becomes of each sum; the operands and k are not set.
template <class T>
GemmArgs<T> output_args(Index m, Index n, T* c, Index ldc, const Fuse<T>& fuse, bool accumulate) {
  GemmArgs<T> g{};
  g.m = m;
  g.n = n;
  g.load_c = accumulate;
  g.c = c;
  g.ldc = ldc;
  g.epilogue = fuse.epilogue;
  g.act = fuse.act;
  g.bias = fuse.bias;
  g.y = fuse.y;
  g.ldy = fuse.ldy;
  g.opt = fuse.opt;
  g.s1 = fuse.s1;
  g.s2 = fuse.s2;
  return g;
}

// The part with rows [r0, r1) and columns [c0, c1); the operands stay as they are.
template <class T>
GemmArgs<T> output_part(GemmArgs<T> g, Index r0, Index r1, Index c0, Index c1) {
  const Index at = r0 * g.ldc + c0;
  g.c += at;
  if (g.bias != nullptr) g.bias += c0;
  if (g.y != nullptr) g.y += r0 * g.ldy + c0;
  if (g.s1 != nullptr) g.s1 += at;
  if (g.s2 != nullptr) g.s2 += at;
  g.m = r1 - r0;
  g.n = c1 - c0;
  return g;
}

}  // namespace pyffnn::ops
