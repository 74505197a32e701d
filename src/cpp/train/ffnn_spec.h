// What a feedforward network is made of, before any memory is taken.
#pragma once
#include <cstdint>
#include <vector>

#include "core/types.h"

namespace pyffnn::train {

enum class InputKind { dense, sparse, mean, concat };
enum class Pool { mean, sqrtn, sum };  // a bag of n rows: their sum divided by n, sqrt(n) or 1
enum class LossKind { softmax, sigmoid };

struct Spec {
  InputKind input = InputKind::dense;
  Index n_inputs = 0;          // dense, sparse
  Index rows = 0, dim = 0;     // mean, concat: the embedding table
  Pool pool = Pool::mean;      // mean
  Index max_tokens = 0;        // concat
  std::vector<Index> hidden;   // sizes; none is (multinomial) logistic regression
  Act activation = Act::relu;  // of the hidden layers
  Index n_outputs = 0;
  LossKind loss = LossKind::softmax;
  Precision precision = Precision::float32;  // of the products of dense layers; weights and states are float32 always

  Optim optimizer = Optim::sgd;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double l2 = 0;                  // added to the gradient as l2 * w; weights and embeddings, not biases
  double weight_decay = 0;        // decoupled: w *= 1 - lr * weight_decay; weights and embeddings, not biases
  bool embedding_by_row = false;  // row-wise Adagrad
  bool row_rates = false;         // and a factor on the rate of each row of the table, in its state "rate"
  double embedding_lr = 1;        // factor on the learning rate of the table
  double embedding_scale = 0;     // initial values from [-scale, scale); 0 means 1 / dim
  bool freeze_embeddings = false;

  double dropout = 0;        // of the input of each dense layer, except a raw dense or sparse one
  double input_dropout = 0;  // of a raw dense or sparse input
  double word_dropout = 0;   // of each id; the mean is over those that stay
  std::uint64_t seed = 0;

  bool has_table() const { return input == InputKind::mean || input == InputKind::concat; }
  // Width of what the first dense layer reads.
  Index width() const { return has_table() ? (input == InputKind::concat ? max_tokens * dim : dim) : n_inputs; }
  Index layers() const { return static_cast<Index>(hidden.size()) + 1; }
  Index layer_inputs(Index layer) const { return layer == 0 ? width() : hidden[static_cast<std::size_t>(layer) - 1]; }
  Index layer_outputs(Index layer) const { return layer + 1 == layers() ? n_outputs : hidden[static_cast<std::size_t>(layer)]; }

  // Throws std::invalid_argument naming the key and what it holds.
  void check() const;
};

}  // namespace pyffnn::train
