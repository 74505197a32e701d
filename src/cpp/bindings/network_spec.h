// The dict that describes a network, read strictly: an unknown key, or a value of the wrong kind, is an error that names it.
#pragma once
#include <pybind11/pybind11.h>

#include "train/ffnn_spec.h"

namespace pyffnn::bindings {

train::Spec network_spec(const pybind11::dict& dict);

}  // namespace pyffnn::bindings
