// A map from terms of any length to dense numbers.
#pragma once
#include <string_view>
#include <vector>

#include "core/types.h"

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
  static std::uint64_t hash_of(std::string_view term);
  // The term's number; it is added if it is new.
  Index add(std::string_view term) { return add(term, hash_of(term)); }
  Index add(std::string_view term, std::uint64_t hash);
  // -1 where it is none of them.
  Index find(std::string_view term) const { return find(term, hash_of(term)); }
  Index find(std::string_view term, std::uint64_t hash) const { return slots_[place(term, hash)].number; }
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[home(static_cast<std::uint32_t>(hash >> 32))]); }
  // The terms' numbers in the order of their bytes.
  std::vector<std::int32_t> in_order() const;

 private:
  struct Slot {
    std::uint32_t check = 0;
    std::int32_t number = -1;
  };
  void grow();
  // The table's size is a power of two; the upper bits say where a search begins, so that a larger table needs no term again.
  std::size_t home(std::uint32_t check) const { return static_cast<std::size_t>(std::uint64_t{check} * slots_.size() >> 32); }
  std::size_t place(std::string_view term, std::uint64_t hash) const;

  std::vector<Slot> slots_;
  std::vector<std::size_t> ends_;
  std::vector<char> bytes_;
};

}  // namespace pyffnn::text
