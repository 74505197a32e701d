// The topics of fastText's models, in this order.
#pragma once
#include <pybind11/pybind11.h>

#include <memory>

#include "fasttext/model.h"

namespace pyffnn::bindings {

void register_fasttext(pybind11::module_& m);
// Methods of the model's class.
void add_fasttext_predict(pybind11::class_<fasttext::Model, std::shared_ptr<fasttext::Model>>& model);
void register_fasttext_training(pybind11::module_& m);
void register_fasttext_scoring(pybind11::module_& m);

}  // namespace pyffnn::bindings
