// Products of float32 matrices on bf16 tiles: which products, and their blocking, packing and threads.
#pragma once
#include "ops/dense.h"

namespace pyffnn::ops {

// The precision in which a product of these sizes runs on the active ISA: never `automatic`, and float32 where it has no tiles. It depends
// on nothing but the machine and the sizes, which must therefore be those of the whole product, whatever threads share it.
Precision choose(Precision wanted, Index m, Index n, Index k);

// As gemm(), in bf16 (split: bf16x3). The active ISA has tiles.
void tile_gemm(Index m, Index n, Index k, ConstMat<float> a, ConstMat<float> b, float* c, Index ldc, const Fuse<float>& fuse,
               bool accumulate, bool split);

}  // namespace pyffnn::ops
