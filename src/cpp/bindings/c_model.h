// Models that Python lends to C: see pyffnn_model_capsule in pyffnn.h.
#pragma once
#include <pybind11/pybind11.h>

#include <memory>
#include <utility>
#include <vector>

#include "net/network.h"
#include "text/featurizer.h"

namespace pyffnn::bindings {

// A capsule of a model that keeps the network and the features alive.
pybind11::capsule c_model(std::shared_ptr<net::Network<float>> network, text::FeaturesPtr features, Index length, bool one_unit,
                          const pybind11::list& labels, std::vector<double> mean, std::vector<double> spread);

template <class PyNetwork>
pybind11::capsule lend(const PyNetwork& network, const std::shared_ptr<text::Featurizer>& features, Index length, bool one_unit,
                       const pybind11::list& labels, std::vector<double> mean, std::vector<double> spread) {
  return c_model(network.shared(), features, length, one_unit, labels, std::move(mean), std::move(spread));
}

}  // namespace pyffnn::bindings
