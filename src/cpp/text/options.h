// What a featurizer is asked to do.
#pragma once
#include <stdexcept>
#include <string>

#include "core/types.h"

namespace pyffnn::text {

struct FeatureOptions {
  bool lowercase = false;            // as Python's str.lower() (unicode.h)
  int word_ngrams = 1;               // word n-grams of 2..word_ngrams words
  int char_low = 0, char_high = 0;   // character n-grams of so many characters; 0, 0: none
  Index buckets = 0;                 // rows that n-grams share by their hash; 0: exact, a row for each n-gram that is frequent enough
  std::int64_t min_count = 1;        // words met less often are unknown words
  std::int64_t ngram_min_count = 2;  // exact only
  Index max_tokens = 0;              // words of a document that count, the first ones; 0: all
  bool char_if_suited = false;       // character n-grams only if suits_char_ngrams() holds for the training documents

  // Throws std::invalid_argument naming the option.
  void check() const;
  bool has_grams() const { return word_ngrams > 1 || char_high > 0; }
};

// Calls f(name, value) for each option that a fitted featurizer has: their names in Python and in model files.
template <class Options, class F>
void for_options(Options& options, F&& f) {
  f("lowercase", options.lowercase);
  f("word_ngrams", options.word_ngrams);
  f("char_low", options.char_low);
  f("char_high", options.char_high);
  f("buckets", options.buckets);
  f("min_count", options.min_count);
  f("ngram_min_count", options.ngram_min_count);
  f("max_tokens", options.max_tokens);
}

// Whether character n-grams are worth their time: where training documents are few, since most words are then rare, and where they are
// short, fewer than 25 words on average, since a word that is rare or new is then a large part of its document. A handful of words says
// nothing of their pieces.
inline bool suits_char_ngrams(Index words, Index documents) { return words >= 3000 && (words < 500000 || words < 25 * documents); }

}  // namespace pyffnn::text
