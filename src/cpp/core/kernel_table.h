// The table of one ISA: its geometry and one pointer per kernel and element type, made from kernels.def.
#pragma once
#include "core/types.h"

namespace pyffnn {

struct GemmGeometry {
  Index mr, nr;  // rows and columns of a register tile
};

template <class T>
struct Kernels {
  GemmGeometry tile;
#define PYFFNN_KERNEL(name, ret, ...) ret (*name)(__VA_ARGS__);
#include "core/kernels.def"
#undef PYFFNN_KERNEL
};

struct KernelTable {
  const char* isa;
  int lanes_f32;  // float32 numbers in a native vector
  bool has_fma;   // false: multiply then add, so float32 products differ in the last bit from the FMA ISAs
  Kernels<float> f32;
  Kernels<double> f64;

  template <class T>
  const Kernels<T>& of() const;
};

template <>
inline const Kernels<float>& KernelTable::of<float>() const {
  return f32;
}
template <>
inline const Kernels<double>& KernelTable::of<double>() const {
  return f64;
}

}  // namespace pyffnn
