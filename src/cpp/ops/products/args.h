// What the drivers of products share: the side of C in their arguments, and parts of it.
#pragma once
#include "ops/products/dense.h"

namespace pyffnn::ops {

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
