// From words to rows of the embedding table: rows [0, num_words) are words by falling frequency, then come n-gram rows.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/grams.h"
#include "text/vocabulary.h"

namespace pyffnn::text {

struct FeatureOptions {
  bool lowercase = false;            // as Python's str.lower() (unicode.h)
  int word_ngrams = 1;               // word n-grams of 2..word_ngrams words
  int char_low = 0, char_high = 0;   // character n-grams of so many characters; 0, 0: none
  Index buckets = 0;                 // rows that n-grams share by their hash; 0: exact, a row for each n-gram that is frequent enough
  std::int64_t min_count = 1;        // words met less often are unknown words
  std::int64_t ngram_min_count = 2;  // exact only
  Index max_tokens = 0;              // words of a document that count, the first ones; 0: all
  bool char_if_short = false;        // character n-grams only if has_short_texts() is true of the training documents

  // Throws std::invalid_argument naming the option.
  void check() const;
  bool has_grams() const { return word_ngrams > 1 || char_high > 0; }
};

// Whether documents are many short texts, fewer than 25 words on average, where pieces of words tell what rare words mean. Fewer than
// 100,000 words in all are too few to learn much from pieces.
inline bool has_short_texts(Index words, Index documents) { return words >= 100000 && words < 25 * documents; }

// What a model must keep of its featurizer: plain arrays.
struct FeaturizerState {
  std::vector<std::int64_t> options;
  std::vector<std::uint8_t> word_bytes;
  std::vector<std::int64_t> word_ends, word_counts;
  std::vector<std::int64_t> gram_sizes;
  std::vector<std::uint64_t> gram_keys;
  std::vector<std::uint8_t> char_bytes;
  std::vector<std::int64_t> char_ends;
};

// Immutable once built, so any number of threads may use it.
class Featurizer {
 public:
  const FeatureOptions& options() const { return options_; }
  Index num_words() const { return words_.size(); }
  Index num_rows() const { return num_rows_; }
  // The first row of the character n-grams, which are the last rows; num_rows() where n-grams share rows.
  Index char_base() const { return options_.buckets > 0 ? num_rows_ : char_base_; }
  const Vocabulary& words() const { return words_; }
  // The id of a word as it would stand in a text (lower-cased if the options say so), or -1.
  std::int32_t find(std::string_view word) const;
  const std::vector<std::int64_t>& counts() const { return counts_; }
  const ExactGrams& grams() const { return grams_; }

  // Rows of the character n-grams of a word of the vocabulary.
  const std::int32_t* char_rows_begin(Index word) const { return char_rows_.data() + char_starts_[word]; }
  const std::int32_t* char_rows_end(Index word) const { return char_rows_.data() + char_starts_[word + 1]; }
  // The same for any word, appended to `rows`.
  void append_char_rows(std::string_view word, std::string& scratch, Pages<std::int32_t>& rows) const;

  FeaturizerState state() const;
  // Throws std::invalid_argument when the arrays contradict each other.
  static Featurizer from_state(const FeaturizerState& state);

 private:
  friend class CorpusBuilder;
  Featurizer(const FeatureOptions& options, Vocabulary words, std::vector<std::int64_t> counts)
      : options_(options), words_(std::move(words)), counts_(std::move(counts)), char_grams_(false) {}

  // Chooses the character n-grams that get a row. `words`, `counts`: everything met in training, in order of number.
  void fit_char_grams(const std::vector<std::string_view>& words, const std::vector<std::int64_t>& counts);
  // Sets num_rows_ and the rows of the vocabulary's character n-grams, which come after `word_grams` rows.
  void place_rows(Index word_grams);

  FeatureOptions options_;
  Vocabulary words_;
  std::vector<std::int64_t> counts_;
  ExactGrams grams_;
  Vocabulary char_grams_;
  Index char_base_ = 0;
  Index num_rows_ = 0;
  Pages<std::int64_t> char_starts_;
  Pages<std::int32_t> char_rows_;
};

}  // namespace pyffnn::text
