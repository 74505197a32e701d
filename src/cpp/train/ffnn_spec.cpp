#include "train/ffnn_spec.h"

#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string>

namespace pyffnn::train {
namespace {

template <class V>
[[noreturn]] void refuse(const std::string& key, const char* wanted, V got) {
  std::ostringstream text;
  text << key << " must be " << wanted << ", got " << got;
  throw std::invalid_argument(text.str());
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
  if (!(value >= 0) || std::isinf(value)) refuse(key, "a finite number of at least 0", value);
}

}  // namespace

void Spec::check() const {
  if (has_table()) {
    check_size("rows", rows);
    if (rows >= kLargest - 1) refuse("rows", "below 2^31 - 1", rows);
    check_size("dim", dim);
    if (n_inputs != 0) refuse("n_inputs", "left out for an embedding input", n_inputs);
    if (input == InputKind::concat)
      check_size("max_tokens", max_tokens);
    else if (max_tokens != 0)
      refuse("max_tokens", "left out unless input is 'concat'", max_tokens);
    if (input_dropout != 0) refuse("input_dropout", "0 for an embedding input (use dropout)", input_dropout);
  } else {
    check_size("n_inputs", n_inputs);
    if (rows != 0) refuse("rows", "left out for a dense or sparse input", rows);
    if (dim != 0) refuse("dim", "left out for a dense or sparse input", dim);
    if (max_tokens != 0) refuse("max_tokens", "left out unless input is 'concat'", max_tokens);
    if (word_dropout != 0) refuse("word_dropout", "0 for a dense or sparse input", word_dropout);
    if (embedding_by_row) refuse("embedding_optimizer", "left out for a dense or sparse input", "'adagrad_row'");
    if (freeze_embeddings) refuse("freeze_embeddings", "False for a dense or sparse input", "True");
  }
  if (row_rates && !embedding_by_row) refuse("row_rates", "False unless each row of an embedding has one Adagrad sum", "True");
  check_size("n_outputs", n_outputs);
  for (std::size_t i = 0; i < hidden.size(); ++i) check_size("hidden[" + std::to_string(i) + "]", hidden[i]);
  check_rate("beta1", beta1);
  check_rate("beta2", beta2);
  if (!(eps > 0) || std::isinf(eps)) refuse("eps", "a finite number above 0", eps);
  check_not_negative("l2", l2);
  check_not_negative("weight_decay", weight_decay);
  check_not_negative("embedding_lr", embedding_lr);
  check_not_negative("embedding_scale", embedding_scale);
  check_rate("dropout", dropout);
  check_rate("input_dropout", input_dropout);
  check_rate("word_dropout", word_dropout, true);
}

}  // namespace pyffnn::train
