// A fitted classifier or regressor for the C functions: its network, what makes rows of texts, and the labels of its classes or the scale
// of its numbers.
#pragma once
#include <pyffnn.h>

#include <memory>
#include <string>
#include <vector>

#include "net/network.h"
#include "text/featurizer.h"

struct pyffnn_model {
  std::shared_ptr<pyffnn::net::Network<float>> network;
  pyffnn::text::FeaturesPtr features;  // null: it reads rows of numbers
  pyffnn::Index length = 0;            // words of a text that a concatenation has places for; 0: rows are pooled
  bool one_unit = false;               // two classes, one sigmoid
  std::vector<std::string> labels;     // of a classifier
  std::vector<double> mean, spread;    // of a regressor: its numbers are spread * output + mean

  pyffnn::Index outputs() const { return one_unit ? 2 : network->spec().n_outputs; }
};

namespace pyffnn::capi {

// Sets the members of the table that concern models.
void add_models(pyffnn_api& api);

// From a model file. Throws std::invalid_argument for a file that is missing, damaged or of another kind, std::bad_alloc.
std::unique_ptr<pyffnn_model> load_model(const std::string& path);

}  // namespace pyffnn::capi
