// The topics of fastText's models, in this order.
#pragma once
#include <pybind11/pybind11.h>

namespace pyffnn::bindings {

void register_fasttext(pybind11::module_& m);
void register_fasttext_training(pybind11::module_& m);
void register_fasttext_scoring(pybind11::module_& m);

}  // namespace pyffnn::bindings
