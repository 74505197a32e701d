// N-grams as features: word n-grams with a row of their own (exact) or a shared one (hashed), and the character n-grams of a word.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/interrupt.h"
#include "text/hash.h"
#include "text/pages.h"
#include "text/pair_table.h"

namespace pyffnn::text {

// Documents as ids of words: document d is ids[offsets[d]..offsets[d+1]). An id outside [0, num_words) is an unknown word; n-grams
// never contain one.
struct IdBags {
  const std::int32_t* ids;
  const std::int64_t* offsets;
  Index documents;
  Index num_words;
};

// Word n-grams that occur often enough in training, numbered within their order (the number of words). A bigram is the pair (word, word),
// a longer n-gram the pair (the n-gram without its last word, word): if it is frequent, so is its prefix.
class ExactGrams {
 public:
  // Keeps the n-grams of 2..max_order words that occur at least min_count times, numbered by first occurrence. ends[order - 2] gets, for
  // each word of the corpus, the number of the n-gram that ends there, or -1.
  void fit(const IdBags& corpus, int max_order, std::int64_t min_count, std::vector<Pages<std::int32_t>>& ends, Interrupt& interrupt);
  // The same for any documents.
  void find(const IdBags& bags, std::vector<Pages<std::int32_t>>& ends, Interrupt& interrupt) const;

  int orders() const { return static_cast<int>(orders_.size()); }
  Index size(int order) const { return orders_[static_cast<std::size_t>(order)].size(); }  // 0: of two words
  std::vector<std::int64_t> sizes() const;
  // One key an n-gram, by order and number: (word id, or number of the prefix among its order) << 32 | word id.
  std::vector<std::uint64_t> keys() const;
  // From sizes() and keys(); throws std::invalid_argument when they contradict each other.
  void restore(const std::vector<std::int64_t>& sizes, const std::vector<std::uint64_t>& keys, Index num_words, Interrupt& interrupt);

  // These n-grams, then those of `more` that are new: `words` holds the id, in a vocabulary of num_words, of each word of `more`. This one
  // stays as it is.
  ExactGrams extended(const ExactGrams& more, const std::vector<std::int32_t>& words, Index num_words) const;

 private:
  std::vector<PairTable> orders_;
};

// The hashed rows, first_row + reduce(hash, buckets), of the n-grams of 2..max_order words in one document, in the order of their first
// words, shorter ones first. Returns the end of what it wrote; room for (max_order - 1) rows a word is enough.
std::int32_t* hashed_grams(const std::int32_t* ids, Index n, Index num_words, int max_order, Index first_row, std::uint64_t buckets,
                           std::int32_t* out);

// Calls f(p, bytes) for each character n-gram of low..high characters of '<' + word + '>' (as fastText counts them: the marks alone are
// none); 16 bytes from p on are readable. `scratch` is reused.
template <class F>
void for_char_grams(std::string_view word, int low, int high, std::string& scratch, F&& f) {
  scratch.assign(1, '<');
  scratch.append(word);
  scratch.push_back('>');
  const std::size_t size = scratch.size();
  scratch.append(16, '\0');
  const char* const s = scratch.data();
  const auto inside = [s](std::size_t i) { return (static_cast<unsigned char>(s[i]) & 0xC0) == 0x80; };
  for (std::size_t i = 0; i < size; ++i) {
    if (inside(i)) continue;
    std::size_t j = i;
    for (int n = 1; n <= high && j < size; ++n) {
      ++j;
      while (j < size && inside(j)) ++j;
      if (n >= low && !(n == 1 && (i == 0 || j == size))) f(s + i, j - i);
    }
  }
}

}  // namespace pyffnn::text
