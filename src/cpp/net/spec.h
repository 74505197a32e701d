// What a network is made of, before any memory is taken: an input, hidden layers, an output, and how they learn.
//
//   dense, sparse   x of n_inputs numbers. Sparse ones are multiplied by the first weight matrix as rows of a table.
//   bags            the sum of the rows of a bag of ids, divided by their number, its root, or nothing; or in each column the largest or
//                   the smallest number (pool); several of these end to end. With `window`, of the means of windows of so many words;
//   weighted:       sum of v_r E[r] over the different rows r of the bag, divided by the Euclidean norm of v; v_r = (1 + ln c_r) a_r where
//                   r is c_r times in the bag and a_r is the row's weight, which is part of the network but not learned
//   concat          the rows of the first max_tokens ids, end to end; zeros for missing ones
//   windows         of a stream of ids: [E w(t-N), ..., E w(t-1), g_1, ..., g_K], g_k = sum over j = 1 .. window of a_kj E w(t-N-j):
//   learned
//                   means of more distant words (Sun & Iyyer 2021). A word before the start of the stream, or dropped, is a zero vector.
//                   With n-grams they are followed by rows of a hashed table for the last 2 to ngram_words words (inputs/direct_ngrams.h).
//
//   plain layers    h_i = dropout(act([LN] (h_{i-1} W_i + b_i)));  tied: a last linear map brings h to dim numbers
//   residual        r = x W + b;  r += dropout(act(LN(r) A_i + a_i)) B_i + b_i for each;  h = LN(r)   (LN: with layer_norm only)
//   output          of [dropout(h), direct: x]; tied: the first dim columns of its matrix are the embeddings
#pragma once
#include <cstdint>
#include <vector>

#include "core/types.h"

namespace pyffnn::net {

enum class InputKind { dense, sparse, bags, concat, windows };
enum class Pool { mean, sqrtn, sum, max, min, weighted };
enum class Nonlinearity { identity, sigmoid, tanh, relu, gelu };
enum class OutputKind { classes, vocabulary, adaptive, sampled };
// ordinal: a softmax over the classes of layers/ordinal.h.
enum class LossKind { softmax, sigmoid, squared, ordinal };

struct Spec {
  InputKind input = InputKind::dense;
  Index n_inputs = 0;                             // dense, sparse
  Index rows = 0, dim = 0;                        // the embedding table
  std::vector<Pool> pools{Pool::mean};            // bags
  Index window = 0;                               // bags: words a window; 0: no windows
  Index max_tokens = 0;                           // concat
  Index context = 0;                              // windows
  Index distant_kernels = 0, distant_window = 0;  // windows
  Index ngram_rows = 0;                           // windows: buckets of each n-gram length and head; 0: no n-grams
  Index ngram_words = 0, ngram_heads = 0, ngram_dim = 0;
  std::vector<Index> hidden;                     // sizes; none is (multinomial) logistic regression
  Nonlinearity activation = Nonlinearity::relu;  // of the hidden layers
  bool residual = false, layer_norm = false, direct = false, tied = false;

  Index n_outputs = 0;
  OutputKind output = OutputKind::classes;
  LossKind loss = LossKind::softmax;
  std::vector<Index> cutoffs;  // adaptive: ranks at which a cluster of rarer outputs begins, rising
  Index samples = 0;           // sampled: outputs drawn a step
  double spread_power = 0;     // of the distance between logits that these are multiplied by (layers/spread.h); 0: not so

  Precision precision = Precision::float32;  // of products; weights and states are float32 always

  Optim optimizer = Optim::sgd;
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8;
  double l2 = 0;                  // added to the gradient as l2 * w; matrices and embeddings, not vectors
  double weight_decay = 0;        // decoupled: w *= 1 - lr * weight_decay; likewise
  double clip = 0;                // greatest norm of the whole gradient; 0: no limit, and then no gradient of a large matrix is stored
  bool embedding_by_row = false;  // row-wise Adagrad
  bool row_rates = false;         // and a factor on the rate of each row of the table, in its state "rate"
  double embedding_lr = 1;        // factor on the learning rate of the table
  double embedding_scale = 0;     // initial values from [-scale, scale); 0: 1 / dim, for windows 1 / sqrt(dim) as standard deviation
  bool freeze_embeddings = false;
  Index frozen_steps = 0;  // first steps in which the table stays as it is

  double dropout = 0;            // of hidden units
  double input_dropout = 0;      // of the numbers of a dense or sparse input
  double embedding_dropout = 0;  // of the numbers that an embedding input gives
  double output_dropout = 0;     // of what the output reads of the last layer: 128 examples share a mask (layers/column_dropout.h)
  double word_dropout = 0;       // of each id
  double ngram_dropout = 0;      // of each n-gram
  std::uint64_t seed = 0;

  bool has_table() const { return input == InputKind::bags || input == InputKind::concat || input == InputKind::windows; }
  // Numbers that the matrix before the output gives.
  Index logits() const { return loss == LossKind::ordinal ? 1 : n_outputs; }
  bool of_words() const { return output != OutputKind::classes; }
  // Numbers that the input gives the first layer. A sparse input has the first weight matrix in it.
  Index width() const;
  // Numbers that the layers give, and all that the output reads.
  Index last_size() const;
  Index output_size() const { return last_size() + (direct ? width() : 0); }
  // Layers behind the one that forms the logits.
  std::size_t layers_of_logits() const { return (loss == LossKind::ordinal ? 1U : 0U) + (spread_power != 0 ? 1U : 0U); }
  Index ngram_width() const { return ngram_rows > 0 ? (ngram_words - 1) * ngram_heads * ngram_dim : 0; }
  // One sum of all rows.
  bool one_sum() const { return window == 0 && pools.size() == 1 && pools.front() != Pool::max && pools.front() != Pool::min; }
  // Words of a stream that a prediction looks back on.
  Index reach() const { return context + (distant_kernels > 0 ? distant_window : 0); }

  // Throws std::invalid_argument naming the key and what it holds.
  void check() const;
};

inline Act flat(Nonlinearity a) {
  switch (a) {
    case Nonlinearity::sigmoid:
      return Act::sigmoid;
    case Nonlinearity::tanh:
      return Act::tanh;
    case Nonlinearity::relu:
      return Act::relu;
    default:
      return Act::identity;
  }
}

}  // namespace pyffnn::net
