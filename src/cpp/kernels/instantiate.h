// Declares every kernel of kernels.def for float and double, in this ISA's namespace, and helps a kernel file define its pair.
#pragma once
#include "core/types.h"

namespace pyffnn {
namespace PYFFNN_ISA {

#define PYFFNN_KERNEL(name, ret, ...) ret name(__VA_ARGS__);
#define T float
#include "core/kernels.def"
#undef T
#define T double
#include "core/kernels.def"
#undef T
#undef PYFFNN_KERNEL

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
