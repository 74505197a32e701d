#include "net/spec.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace pyffnn::net {
namespace {

template <class V>
[[noreturn]] void refuse(const std::string& key, const char* wanted, V got) {
  std::ostringstream text;
  text << key << " must be " << wanted << ", got " << got;
  throw std::invalid_argument(text.str());
}
template <class V>
void need(bool holds, const char* key, const char* wanted, V got) {
  if (!holds) refuse(key, wanted, got);
}
void need_off(bool flag, const char* key, const char* wanted) {
  if (flag) refuse(key, wanted, "True");
}

// Sizes are bounded so that products of two of them stay far from overflow.
constexpr Index kLargest = Index{1} << 31;

void check_size(const std::string& key, Index value) {
  if (value < 1 || value > kLargest) refuse(key, "from 1 to 2^31", value);
}
void check_rate(const char* key, double value, bool one_allowed = false) {
  if (!(value >= 0 && (value < 1 || (one_allowed && value == 1)))) refuse(key, one_allowed ? "in [0, 1]" : "in [0, 1)", value);
}
void check_not_negative(const char* key, double value) {
  need(value >= 0 && !std::isinf(value), key, "a finite number of at least 0", value);
}

void check_ngrams(const Spec& s) {
  if (s.ngram_rows == 0) {
    for (const auto& [key, value] : {std::pair{"ngram_words", s.ngram_words}, {"ngram_heads", s.ngram_heads}, {"ngram_dim", s.ngram_dim}})
      need(value == 0, key, "left out without ngram_rows", value);
    need(s.ngram_dropout == 0, "ngram_dropout", "left out without ngram_rows", s.ngram_dropout);
    return;
  }
  check_size("ngram_rows", s.ngram_rows);
  need(s.ngram_words >= 2 && s.ngram_words <= s.reach(), "ngram_words", "from 2 to the number of words that the window covers",
       s.ngram_words);
  need(s.ngram_heads >= 1 && s.ngram_heads <= 64, "ngram_heads", "from 1 to 64", s.ngram_heads);
  need(s.ngram_dim >= 1 && s.ngram_dim <= 65536, "ngram_dim", "from 1 to 65536", s.ngram_dim);
  const Index slots = (s.ngram_words - 1) * s.ngram_heads;
  need(slots < kLargest && s.ngram_rows < (kLargest - 1) / slots, "ngram_rows", "such that all n-grams have fewer than 2^31 rows",
       s.ngram_rows);
}

void check_input(const Spec& s) {
  const bool windows = s.input == InputKind::windows;
  if (s.has_table()) {
    check_size("rows", s.rows);
    need(s.rows < kLargest - 1, "rows", "below 2^31 - 1", s.rows);
    check_size("dim", s.dim);
    need(s.n_inputs == 0, "n_inputs", "left out for an embedding input", s.n_inputs);
    need(s.input_dropout == 0, "input_dropout", "0 for an embedding input (use embedding_dropout)", s.input_dropout);
  } else {
    check_size("n_inputs", s.n_inputs);
    need(s.rows == 0, "rows", "left out for a dense or sparse input", s.rows);
    need(s.dim == 0, "dim", "left out for a dense or sparse input", s.dim);
    need(s.word_dropout == 0, "word_dropout", "0 for a dense or sparse input", s.word_dropout);
    need(s.embedding_dropout == 0, "embedding_dropout", "0 for a dense or sparse input (use input_dropout)", s.embedding_dropout);
    if (s.embedding_by_row) refuse("embedding_optimizer", "left out for a dense or sparse input", "'adagrad_row'");
    need_off(s.freeze_embeddings, "freeze_embeddings", "False for a dense or sparse input");
    need(s.embedding_lr == 1, "embedding_lr", "left out for a dense or sparse input", s.embedding_lr);
    need(s.embedding_scale == 0, "embedding_scale", "left out for a dense or sparse input", s.embedding_scale);
  }
  if (s.input == InputKind::concat)
    check_size("max_tokens", s.max_tokens);
  else
    need(s.max_tokens == 0, "max_tokens", "left out unless input is 'concat'", s.max_tokens);
  if (s.input == InputKind::bags) {
    need(!s.pools.empty(), "pool", "one pooling or several", "none");
    for (std::size_t i = 0; i < s.pools.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) need(s.pools[i] != s.pools[j], "pool", "different poolings", "one twice");
    need(s.window >= 0 && s.window <= kLargest, "window", "from 0 to 2^31", s.window);
    const bool weighted = std::find(s.pools.begin(), s.pools.end(), Pool::weighted) != s.pools.end();
    need(!weighted || (s.pools.size() == 1 && s.window == 0), "pool", "'weighted' alone and without window", "more");
  } else {
    need(s.window == 0, "window", "left out unless input is 'bags'", s.window);
  }
  if (windows) {
    check_size("context", s.context);
    need(s.distant_kernels >= 0 && s.distant_kernels <= kLargest, "distant_kernels", "from 0 to 2^31", s.distant_kernels);
    if (s.distant_kernels > 0)
      check_size("distant_window", s.distant_window);
    else
      need(s.distant_window == 0, "distant_window", "left out without distant_kernels", s.distant_window);
    check_ngrams(s);
  } else {
    need(s.ngram_rows == 0, "ngram_rows", "left out unless input is 'windows'", s.ngram_rows);
    need(s.context == 0, "context", "left out unless input is 'windows'", s.context);
    need(s.distant_kernels == 0, "distant_kernels", "left out unless input is 'windows'", s.distant_kernels);
    need(s.distant_window == 0, "distant_window", "left out unless input is 'windows'", s.distant_window);
  }
}

void check_layers(const Spec& s) {
  for (std::size_t i = 0; i < s.hidden.size(); ++i) check_size("hidden[" + std::to_string(i) + "]", s.hidden[i]);
  if (s.input == InputKind::sparse) {
    need_off(s.direct, "direct", "False for a sparse input");
    if (s.hidden.empty()) {
      need_off(s.residual, "residual", "False for a sparse input without hidden layers");
      need(!s.of_words(), "output", "'classes' for a sparse input without hidden layers", "another");
      need(s.output_dropout == 0, "output_dropout", "0 for a sparse input without hidden layers", s.output_dropout);
    }
  }
  if (s.tied) {
    need(s.has_table(), "tied", "False without an embedding table", "True");
    need(s.output == OutputKind::vocabulary || s.output == OutputKind::sampled, "tied", "False unless the output has a matrix of all rows",
         "True");
    need(s.rows == s.n_outputs, "tied", "False where rows and n_outputs differ", "True");
    need_off(s.freeze_embeddings, "freeze_embeddings", "False where embeddings are tied");
    need(s.frozen_steps == 0, "frozen_steps", "0 where embeddings are tied", s.frozen_steps);
    need(!s.embedding_by_row && s.embedding_lr == 1, "tied", "False where embeddings have an optimizer or rate of their own", "True");
  }
  need(s.width() >= 1 && s.width() <= kLargest, "the width of the input", "from 1 to 2^31", s.width());
  need(s.output_size() <= kLargest, "the width of the output's input", "from 1 to 2^31", s.output_size());
}

void check_output(const Spec& s) {
  check_size("n_outputs", s.n_outputs);
  need(s.n_outputs < kLargest, "n_outputs", "below 2^31", s.n_outputs);
  if (s.of_words() && s.loss != LossKind::softmax)
    refuse("loss", "'softmax' unless output is 'classes'",
           s.loss == LossKind::sigmoid   ? "'sigmoid'"
           : s.loss == LossKind::ordinal ? "'ordinal'"
                                         : "'squared'");
  if (s.loss == LossKind::ordinal) need(s.n_outputs > 1, "n_outputs", "at least 2 for loss 'ordinal'", s.n_outputs);
  if (s.output == OutputKind::adaptive) {
    Index last = 0;
    for (const Index cut : s.cutoffs) {
      if (cut <= last || cut >= s.n_outputs) refuse("cutoffs", "rising within 1 .. n_outputs - 1", cut);
      last = cut;
    }
    need(last > 0, "cutoffs", "given for an adaptive output", "none");
  } else {
    need(s.cutoffs.empty(), "cutoffs", "left out unless output is 'adaptive'", s.cutoffs.empty() ? 0 : s.cutoffs.front());
  }
  if (s.output == OutputKind::sampled)
    check_size("samples", s.samples);
  else
    need(s.samples == 0, "samples", "left out unless output is 'sampled'", s.samples);
  if (s.of_words() || s.loss != LossKind::softmax)
    need(s.spread_power == 0, "spread_power", "0 unless the output is a softmax over classes", s.spread_power);
  need(s.spread_power > -1 && s.spread_power <= 1, "spread_power", "above -1 and at most 1", s.spread_power);
}

}  // namespace

Index Spec::width() const {
  switch (input) {
    case InputKind::dense:
      return n_inputs;
    case InputKind::sparse:
      return hidden.empty() ? logits() : residual ? last_size() : hidden.front();
    case InputKind::bags:
      return dim * static_cast<Index>(pools.size());
    case InputKind::concat:
      return max_tokens * dim;
    case InputKind::windows:
      return (context + distant_kernels) * dim + ngram_width();
  }
  return 0;
}

Index Spec::last_size() const {
  if (tied) return dim;
  if (!hidden.empty()) return hidden.back();
  return input == InputKind::sparse ? logits() : width();
}

void Spec::check() const {
  check_output(*this);
  check_input(*this);
  check_layers(*this);
  if (row_rates && !embedding_by_row) refuse("row_rates", "False unless each row of an embedding has one Adagrad sum", "True");
  check_rate("beta1", beta1);
  check_rate("beta2", beta2);
  need(eps > 0 && !std::isinf(eps), "eps", "a finite number above 0", eps);
  check_not_negative("l2", l2);
  check_not_negative("weight_decay", weight_decay);
  check_not_negative("clip", clip);
  check_not_negative("embedding_lr", embedding_lr);
  check_not_negative("embedding_scale", embedding_scale);
  check_rate("dropout", dropout);
  check_rate("input_dropout", input_dropout);
  check_rate("embedding_dropout", embedding_dropout);
  check_rate("output_dropout", output_dropout);
  check_rate("word_dropout", word_dropout, true);
  check_rate("ngram_dropout", ngram_dropout);
}

}  // namespace pyffnn::net
