// Words and their rows in the embedding table, as training found them.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/rows.h"

namespace pyffnn::text {

class Featurizer;
using FeaturesPtr = std::shared_ptr<const Featurizer>;

// Immutable once built, so any number of threads may use it.
class Featurizer {
 public:
  // `counts`: how often training met each word.
  Featurizer(const FeatureOptions& options, Vocabulary words, const std::vector<std::int64_t>& counts);
  void set_rows(RowsPtr rows) { rows_ = std::move(rows); }  // before it is shared

  const FeatureOptions& options() const { return options_; }
  const Vocabulary& words() const { return words_; }
  const RowScheme& rows() const { return *rows_; }
  Index num_words() const { return words_.size(); }
  Index num_rows() const { return rows_->num_rows(); }
  // The id of a word as it would stand in a text (lower-cased if the options say so), or -1.
  std::int32_t find(std::string_view word) const;
  std::vector<std::int64_t> counts() const;

  // One that also knows the words and n-grams of `more`, made by the same options; its ids and rows go on behind those here. ids[i] becomes
  // the id of word i of `more`. Costs what `more` holds, not what is here, counted over many extensions of the newest.
  FeaturesPtr extended(const Featurizer& more, std::vector<std::int32_t>& ids, Interrupt& interrupt) const;

  State state() const;
  // Throws std::invalid_argument when the arrays contradict each other.
  static FeaturesPtr from_state(const State& state, Interrupt& interrupt);

 private:
  explicit Featurizer(const FeatureOptions& options) : options_(options) {}

  struct MetAgain {
    std::int64_t count;
    std::int32_t id;
  };

  FeatureOptions options_;
  Vocabulary words_;
  RowsPtr rows_;
  Growing<std::int64_t> counts_;  // of each word where it was met first
  Growing<MetAgain> met_again_;   // what extensions added
};

}  // namespace pyffnn::text
