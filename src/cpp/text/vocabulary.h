// An exact map from words to dense ids, in the order of insertion.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/hash.h"
#include "text/pages.h"

namespace pyffnn::text {

// A word as the tables take it: its key beside its bytes.
struct Word {
  Key key;
  const char* data;
  std::uint32_t size;
};

// Words that are looked up together: their memory is fetched ahead.
constexpr int kGroup = 32;

// A slot holds 32 bits of a word's hash and its id; what stands under the id is the key, which for words up to 15 bytes is the word;
// longer words are compared with the stored bytes. So no hash collision ever merges two words, the slots are small enough for the cache,
// and what frequent words need lies close together, for they are met early. `lower`: words come in any case, their ASCII letters count and
// are stored as lower case.
class Vocabulary {
 public:
  explicit Vocabulary(bool lower = false) : lower_(lower) {}

  bool lower() const { return lower_; }
  Index size() const { return starts_.empty() ? 0 : starts_.size() - 1; }
  std::string_view word(Index id) const { return {bytes_.data() + starts_[id], static_cast<std::size_t>(starts_[id + 1] - starts_[id])}; }

  // Room for so many words without growing.
  void reserve(Index words);

  // The id of each word (n <= kGroup), new words numbered as they come; counts them. Throws std::length_error at 2^31 - 1 words.
  void intern(const Word* words, int n, std::int32_t* ids);
  // The id of each word, -1 for an unknown one.
  void find(const Word* words, int n, std::int32_t* ids) const;

  std::int32_t intern(std::string_view word);
  std::int32_t find(std::string_view word) const;

  // How often intern() met each word.
  std::vector<std::int64_t> counts() const { return {counts_.begin(), counts_.end()}; }

  // Renumbers by descending count, equal counts in the order they were in, and forgets words counted less than min_count. `counts` are
  // those to rank by, one a word. No word can be interned afterwards.
  struct Ranking {
    std::vector<std::int32_t> number;    // of each old id: those kept are 0..size()-1, those forgotten follow in the same order
    std::vector<std::int64_t> counts;    // in the new order, forgotten ones included
    std::vector<std::string> forgotten;  // in the new order, if asked for
  };
  Ranking rank(const std::vector<std::int64_t>& counts, std::int64_t min_count, bool want_forgotten = false);

 private:
  struct Slot {
    std::uint32_t tag;
    std::uint32_t id;  // + 1; 0: free
  };
  // A word that rank() forgot keeps its slot with this id, under which no word stands.
  static constexpr std::uint32_t kForgotten = 0xFFFFFFFEu;

  bool holds(std::uint32_t id, const Word& word) const {
    return keys_[id].lo == word.key.lo && keys_[id].hi == word.key.hi && (!is_long(word.key) || equal_long(id, word));
  }
  bool equal_long(std::uint32_t id, const Word& word) const;
  std::int32_t find_or_add(const Word& word, std::uint64_t hash);
  std::int32_t find_slowly(const Word& word, std::uint64_t hash) const;
  std::int32_t append(const Word& word);
  void rehash(int bits);

  bool lower_;
  int shift_ = 64;
  Index mask_ = -1;
  Pages<Slot> slots_;
  Pages<Key> keys_;
  Pages<std::int64_t> counts_;
  Pages<std::int64_t> starts_;  // size() + 1 when not empty
  Pages<char> bytes_;           // 16 readable bytes follow the last word
};

// A word given alone: `scratch` holds a short one, so that 16 bytes can be read.
Word make_word(std::string_view bytes, bool lower, char (&scratch)[16]);

}  // namespace pyffnn::text
