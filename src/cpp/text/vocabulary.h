// An exact map from words to dense ids, in the order of insertion.
#pragma once
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/growing.h"
#include "text/hash.h"

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
  Vocabulary(Vocabulary&&) = default;
  Vocabulary& operator=(Vocabulary&&) = default;

  bool lower() const { return lower_; }
  Index size() const { return size_; }
  std::string_view word(Index id) const {
    const Pages<std::int64_t>& starts = store_->starts;
    return {store_->bytes.data() + starts[id], static_cast<std::size_t>(starts[id + 1] - starts[id])};
  }
  Index bytes() const { return size_ == 0 ? 0 : store_->starts[size_]; }

  // Room for so many words without growing.
  void reserve(Index words);

  // The id of each word (n <= kGroup), new words numbered as they come; counts them. Throws std::length_error at 2^31 - 1 words.
  void intern(const Word* words, int n, std::int32_t* ids);
  // The id of each word, -1 for an unknown one. Any number of threads may ask, also while a later version grows.
  void find(const Word* words, int n, std::int32_t* ids) const;

  std::int32_t intern(std::string_view word);
  std::int32_t find(std::string_view word) const;

  // A version to go on with by intern(), which counts nothing; this one stays as it is, and may be interned into no more.
  Vocabulary next() const;

  // How often intern() met each word.
  std::vector<std::int64_t> counts() const;
  void stop_counting();

  // Renumbers by descending count, equal counts in the order they were in, and forgets words counted less than min_count. `counts` are
  // those to rank by, one a word. Afterwards nothing is counted any more.
  struct Ranking {
    std::vector<std::int32_t> number;    // of each old id: those kept are 0..size()-1, those forgotten follow in the same order
    std::vector<std::int64_t> counts;    // in the new order, forgotten ones included
    std::vector<std::string> forgotten;  // in the new order, if asked for
  };
  Ranking rank(const std::vector<std::int64_t>& counts, std::int64_t min_count, bool want_forgotten = false);

 private:
  // Tag << 32 | id + 1; 0: free. One number, so that a version may look while the next one writes.
  using Slot = std::uint64_t;
  static Slot make_slot(std::uint64_t hash, std::uint32_t id) { return hash << 32 | (id + 1); }
  static std::uint32_t tag_of(Slot slot) { return static_cast<std::uint32_t>(slot >> 32); }
  // What stands beyond size() is no word of this version: free slots, words of later versions, words that rank() forgot.
  static std::uint32_t id_of(Slot slot) { return static_cast<std::uint32_t>(slot) - 1; }
  static constexpr std::uint32_t kForgotten = 0xFFFFFFFDu;
  static Slot load(const Slot* slot) { return __atomic_load_n(slot, __ATOMIC_RELAXED); }

  struct Store {
    Pages<Slot> slots;
    Pages<Key> keys;
    Pages<std::int64_t> starts;  // one more than words when not empty
    Pages<char> bytes;           // 16 readable bytes follow the last word
    int shift = 64;
    Index mask = -1;
    void rehash(int bits);
  };

  bool holds(std::uint32_t id, const Word& word) const {
    const Key& key = store_->keys[id];
    return key.lo == word.key.lo && key.hi == word.key.hi && (!is_long(word.key) || equal_long(id, word));
  }
  bool equal_long(std::uint32_t id, const Word& word) const;
  std::int32_t find_or_add(const Word& word, std::uint64_t hash);
  std::int32_t find_slowly(const Word& word, std::uint64_t hash) const;
  void append(const Word& word);
  void prepare(const Word* words, int n);
  std::shared_ptr<Store> copy(Index words, Index bytes) const;

  bool lower_;
  bool shared_ = false;  // an older version looks into the store: it may be added to, not moved
  bool counting_ = true;
  Index size_ = 0;
  std::shared_ptr<Store> store_;
  Pages<std::int64_t> counts_;
  Pen pen_;
};

// A word given alone: `scratch` holds a short one, so that 16 bytes can be read.
Word make_word(std::string_view bytes, bool lower, char (&scratch)[16]);

}  // namespace pyffnn::text
