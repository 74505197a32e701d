// What a feedforward language model is made of. Shapes: V words, N context words, K distant means, d numbers a word, m examples.
#pragma once
#include <cstdint>
#include <vector>

#include "core/types.h"

namespace pyffnn::train::lm {

enum class Nonlinearity { identity, sigmoid, tanh, relu, gelu };

enum class OutputKind { full, adaptive, sampled };

// Input x = [E w(t-N), ..., E w(t-1), g_1, ..., g_K], where g_k = sum over j = 1 .. window of a_kj E w(t-N-j): learned means of more
// distant words (Sun & Iyyer 2021). A word before the start of the stream, and one dropped by word dropout, is a zero vector.
//
// Plain layers:    h_i = dropout(act([LN] (h_{i-1} W_i + b_i)));  with tied embeddings a last linear map brings h to d numbers.
// Residual layers: r = x W + b;  r += dropout(act(LN(r) A_i + a_i)) B_i + b_i for each;  h = LN(r)   (LN: with layer_norm only).
// Output:          softmax(U [dropout(h), direct: x] + c);  tied: the first d columns of U are the embeddings E. Here the examples of a
//                  block share a mask (lm_columns.h); in the other dropouts each number has its own.
struct Config {
  Index vocab = 0, context = 0, dim = 0;
  Index distant_kernels = 0, distant_window = 0;
  std::vector<Index> hidden;
  Nonlinearity act = Nonlinearity::tanh;
  bool residual = false, layer_norm = false, direct = false, tied = false;
  double drop_embedding = 0, drop_hidden = 0, drop_output = 0, drop_word = 0;

  Precision precision = Precision::float32;  // of the products of layers and softmax; weights and states are float32 always

  OutputKind output = OutputKind::full;
  std::vector<Index> cutoffs;  // adaptive: ranks at which a cluster of rarer words begins, rising
  Index samples = 0;           // sampled: words drawn a step

  Optim optim = Optim::sgd;
  double beta1 = 0, beta2 = 0, eps = 0;
  double l2 = 0;     // added to the gradient of matrices
  double decay = 0;  // decoupled: matrices lose lr * decay of themselves a step (AdamW)
  double clip = 0;   // greatest norm of the whole gradient; 0: no limit, and then no gradient of a large matrix is ever stored
  std::uint64_t seed = 0;

  Index input_size() const { return (context + distant_kernels) * dim; }
  // Columns that feed the softmax from the last hidden layer, and all of them.
  Index last_size() const { return tied ? dim : (hidden.empty() ? input_size() : hidden.back()); }
  Index output_size() const { return last_size() + (direct ? input_size() : 0); }
  // words of the stream that a prediction looks back on
  Index reach() const { return context + (distant_kernels > 0 ? distant_window : 0); }
};

// Streams of the counter-based generator, so that no two masks of a step are alike.
enum class Draw : std::uint64_t { word = 1, embedding = 2, output = 3, sample = 4, hidden = 16 };

inline std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}
inline std::uint64_t draw_key(std::uint64_t seed, std::int64_t step, Draw draw, std::uint64_t index = 0) {
  const std::uint64_t stream = static_cast<std::uint64_t>(draw) + index;
  return mix64(mix64(seed + 0x9e3779b97f4a7c15u * static_cast<std::uint64_t>(step + 1)) + 0xd1b54a32d192ed03u * stream);
}

}  // namespace pyffnn::train::lm
