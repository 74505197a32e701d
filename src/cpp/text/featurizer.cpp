#include "text/featurizer.h"

#include <limits>
#include <stdexcept>

#include "text/unicode.h"

namespace pyffnn::text {

namespace {

constexpr std::int64_t kStateVersion = 1;

[[noreturn]] void refuse(const char* name, const char* rule, std::int64_t got) {
  throw std::invalid_argument(std::string(name) + " must be " + rule + ", got " + std::to_string(got));
}

void write_words(const Vocabulary& words, std::vector<std::uint8_t>& bytes, std::vector<std::int64_t>& ends) {
  for (Index i = 0; i < words.size(); ++i) {
    const std::string_view w = words.word(i);
    bytes.insert(bytes.end(), w.begin(), w.end());
    ends.push_back(static_cast<std::int64_t>(bytes.size()));
  }
}

Vocabulary read_words(const char* name, bool lower, const std::vector<std::uint8_t>& bytes, const std::vector<std::int64_t>& ends) {
  Vocabulary words(lower);
  words.reserve(static_cast<Index>(ends.size()));
  const auto* const data = reinterpret_cast<const char*>(bytes.data());
  std::int64_t begin = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (ends[i] < begin || ends[i] > static_cast<std::int64_t>(bytes.size()))
      throw std::invalid_argument(std::string(name) + " are damaged: end " + std::to_string(i) + " is out of range");
    const std::string_view word(data + begin, static_cast<std::size_t>(ends[i] - begin));
    if (find_invalid_utf8(word) != static_cast<Index>(word.size()))
      throw std::invalid_argument(std::string(name) + " are damaged: number " + std::to_string(i) + " is not UTF-8");
    if (words.intern(word) != static_cast<std::int32_t>(i))
      throw std::invalid_argument(std::string(name) + " are damaged: number " + std::to_string(i) + " is there twice");
    begin = ends[i];
  }
  if (begin != static_cast<std::int64_t>(bytes.size()))
    throw std::invalid_argument(std::string(name) + " are damaged: bytes are left over");
  return words;
}

}  // namespace

void FeatureOptions::check() const {
  if (word_ngrams < 1 || word_ngrams > 16) refuse("word_ngrams", "between 1 and 16", word_ngrams);
  if (char_low != 0 || char_high != 0) {
    if (char_low < 1) refuse("char_ngrams", "(lo, hi) with 1 <= lo <= hi <= 64", char_low);
    if (char_high < char_low || char_high > 64) refuse("char_ngrams", "(lo, hi) with 1 <= lo <= hi <= 64", char_high);
  }
  if (buckets < 0 || buckets > std::numeric_limits<std::int32_t>::max()) refuse("buckets", "between 1 and 2^31 - 1, or None", buckets);
  if (min_count < 1) refuse("min_count", "at least 1", min_count);
  if (max_tokens < 0) refuse("max_tokens", "at least 1, or None", max_tokens);
  if (ngram_min_count < 1) refuse("ngram_min_count", "at least 1", ngram_min_count);
}

std::int32_t Featurizer::find(std::string_view word) const {
  if (!options_.lowercase) return words_.find(word);
  std::string lower;
  append_lower(word, lower);
  return words_.find(lower);
}

void Featurizer::append_char_rows(std::string_view word, std::string& scratch, Pages<std::int32_t>& rows) const {
  const Index base = num_words();
  for_char_grams(word, options_.char_low, options_.char_high, scratch, [&](const char* p, std::size_t n) {
    const Word gram{word_key<false>(p, n), p, static_cast<std::uint32_t>(n)};
    if (options_.buckets > 0) {
      rows.push_back(
          static_cast<std::int32_t>(base + static_cast<Index>(reduce(hash(gram.key), static_cast<std::uint64_t>(options_.buckets)))));
    } else {
      std::int32_t number;
      char_grams_.find(&gram, 1, &number);
      if (number >= 0) rows.push_back(static_cast<std::int32_t>(char_base_ + number));
    }
  });
}

void Featurizer::fit_char_grams(const std::vector<std::string_view>& words, const std::vector<std::int64_t>& counts) {
  if (options_.char_high == 0 || options_.buckets > 0) return;
  std::string scratch;
  std::vector<std::int64_t> gram_counts;
  for (std::size_t i = 0; i < words.size(); ++i) {
    for_char_grams(words[i], options_.char_low, options_.char_high, scratch, [&](const char* p, std::size_t n) {
      const Word gram{word_key<false>(p, n), p, static_cast<std::uint32_t>(n)};
      std::int32_t number;
      char_grams_.intern(&gram, 1, &number);
      if (static_cast<std::size_t>(number) == gram_counts.size()) gram_counts.push_back(0);
      gram_counts[static_cast<std::size_t>(number)] += counts[i];
    });
  }
  char_grams_.rank(gram_counts, options_.ngram_min_count);
}

void Featurizer::place_rows(Index word_grams) {
  char_base_ = num_words() + word_grams;
  if (!options_.has_grams())
    num_rows_ = num_words();
  else if (options_.buckets > 0)
    num_rows_ = num_words() + options_.buckets;
  else
    num_rows_ = char_base_ + char_grams_.size();
  if (num_rows_ > std::numeric_limits<std::int32_t>::max()) throw std::length_error("more than 2^31 - 1 rows of words and n-grams");
  char_starts_.clear();
  char_rows_.clear();
  if (options_.char_high == 0) return;
  std::string scratch;
  char_starts_.push_back(0);
  for (Index w = 0; w < num_words(); ++w) {
    append_char_rows(words_.word(w), scratch, char_rows_);
    char_starts_.push_back(char_rows_.size());
  }
}

FeaturizerState Featurizer::state() const {
  FeaturizerState s;
  s.options = {kStateVersion,    options_.lowercase, options_.word_ngrams,     options_.char_low,  options_.char_high,
               options_.buckets, options_.min_count, options_.ngram_min_count, options_.max_tokens};
  write_words(words_, s.word_bytes, s.word_ends);
  s.word_counts = counts_;
  s.gram_sizes = grams_.sizes();
  s.gram_keys = grams_.keys();
  write_words(char_grams_, s.char_bytes, s.char_ends);
  return s;
}

Featurizer Featurizer::from_state(const FeaturizerState& s) {
  if (s.options.size() != 9)
    throw std::invalid_argument("the featurizer's options are damaged: 9 numbers wanted, got " + std::to_string(s.options.size()));
  if (s.options[0] != kStateVersion)
    throw std::invalid_argument("the featurizer is of version " + std::to_string(s.options[0]) + ", this library reads version 1");
  const auto small = [&s](std::size_t i) {
    if (s.options[i] < 0 || s.options[i] > 64)
      throw std::invalid_argument("the featurizer's options are damaged: " + std::to_string(s.options[i]));
    return static_cast<int>(s.options[i]);
  };
  FeatureOptions options;
  options.lowercase = small(1) != 0;
  options.word_ngrams = small(2);
  options.char_low = small(3);
  options.char_high = small(4);
  options.buckets = s.options[5];
  options.min_count = s.options[6];
  options.ngram_min_count = s.options[7];
  options.max_tokens = s.options[8];
  options.check();
  if (s.word_counts.size() != s.word_ends.size())
    throw std::invalid_argument("the vocabulary is damaged: words and counts differ in number");
  const bool exact = options.buckets == 0;
  if ((!s.gram_sizes.empty() && (!exact || s.gram_sizes.size() != static_cast<std::size_t>(options.word_ngrams) - 1)) ||
      (exact && options.word_ngrams > 1 && s.gram_sizes.empty()) || (!s.char_ends.empty() && (!exact || options.char_high == 0)))
    throw std::invalid_argument("the n-gram table is damaged: it does not fit the options");

  Featurizer f(options, read_words("the words of the vocabulary", options.lowercase, s.word_bytes, s.word_ends), s.word_counts);
  f.grams_.restore(s.gram_sizes, s.gram_keys.data(), static_cast<Index>(s.gram_keys.size()), f.num_words(), f.num_words());
  f.char_grams_ = read_words("the character n-grams", false, s.char_bytes, s.char_ends);
  f.place_rows(f.grams_.size());
  return f;
}

}  // namespace pyffnn::text
