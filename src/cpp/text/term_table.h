// A map from terms of any length to dense numbers.
#pragma once
#include <string_view>
#include <vector>

#include "core/types.h"
#include "text/hash.h"

namespace pyffnn::text {

// Distinct terms, numbered in the order of their coming.
class TermTable {
 public:
  TermTable() { grow(); }
  Index size() const { return static_cast<Index>(ends_.size()); }
  std::string_view term(Index i) const {
    const std::size_t k = static_cast<std::size_t>(i), begin = k == 0 ? 0 : ends_[k - 1];
    return {bytes_.data() + begin, ends_[k] - begin};
  }
  // What the table knows a term by: terms of up to 15 bytes are compared as two numbers.
  struct Sought {
    std::string_view term;
    Key key;
    std::uint64_t hash = 0;
  };
  // 16 bytes from the term's first on must be readable.
  static Sought sought(std::string_view term) {
    const Key key = word_key<false>(term.data(), term.size());
    return {term, key, text::hash(key)};
  }
  // Of a term in memory of its own size.
  static Sought sought_exactly(std::string_view term);
  // The term's number; it is added if it is new.
  Index add(std::string_view term) { return add(sought_exactly(term)); }
  Index add(const Sought& term) {
    const Index found = find(term);
    return __builtin_expect(found >= 0, 1) ? found : append(term);
  }
  // -1 where it is none of them.
  Index find(std::string_view term) const { return find(sought_exactly(term)); }
  Index find(const Sought& term) const { return slots_[place(term)].number; }
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[home(static_cast<std::uint32_t>(hash >> 32))]); }
  // The terms' numbers in the order of their bytes.
  std::vector<std::uint32_t> in_order() const;

 private:
  struct Slot {
    std::uint32_t check = 0;
    std::int32_t number = -1;
  };
  Index append(const Sought& term);
  void grow();
  // The table's size is a power of two; the upper bits say where a search begins, so that a larger table needs no term again.
  std::size_t home(std::uint32_t check) const { return static_cast<std::size_t>(std::uint64_t{check} * slots_.size() >> 32); }
  bool is(Index number, const Sought& term) const {
    const Key& key = keys_[static_cast<std::size_t>(number)];
    return key.lo == term.key.lo && key.hi == term.key.hi && (!is_long(key) || this->term(number) == term.term);
  }
  std::size_t place(const Sought& term) const {
    const std::size_t mask = slots_.size() - 1;
    const std::uint32_t check = static_cast<std::uint32_t>(term.hash >> 32);
    for (std::size_t at = home(check);; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.number < 0 || (slot.check == check && is(slot.number, term))) return at;
    }
  }

  std::vector<Slot> slots_;
  std::vector<Key> keys_;
  std::vector<std::size_t> ends_;
  std::vector<char> bytes_;
};

}  // namespace pyffnn::text
