// Arrays of other libraries: the Arrow C interface, DLPack, __array__, the buffer protocol, sequences.
#pragma once
#include <pybind11/numpy.h>

namespace pyffnn::bindings {

// A NumPy array over the memory of `x` where that is possible, else over a copy. Throws TypeError naming the argument `name` for what is
// none: memory of another device, missing values, element types that NumPy lacks, an object that does not give its memory away.
pybind11::array foreign_array(pybind11::handle x, const char* name);

}  // namespace pyffnn::bindings
