// Models that Python lends to C: see pyffnn_model_capsule in pyffnn.h.
#pragma once
#include <pybind11/pybind11.h>

#include <memory>

#include "net/network.h"
#include "text/featurizer.h"

namespace pyffnn::bindings {

// A capsule of a model that keeps the network and the features alive.
pybind11::capsule c_model(std::shared_ptr<net::Network<float>> network, text::FeaturesPtr features, Index length, bool one_unit,
                          const pybind11::list& labels, const pybind11::list& mean, const pybind11::list& spread);

template <class PyNetwork>
pybind11::capsule lend(const PyNetwork& network, const std::shared_ptr<text::Featurizer>& features, Index length, bool one_unit,
                       const pybind11::list& labels, const pybind11::list& mean, const pybind11::list& spread) {
  return c_model(network.shared(), features, length, one_unit, labels, mean, spread);
}

}  // namespace pyffnn::bindings
