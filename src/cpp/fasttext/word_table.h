// Words to numbers: a hash table whose slots hold the bytes of short words themselves, so that most are found in one access.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

#include "text/pages.h"

namespace pyffnn::fasttext {

// The bytes of a word of up to 12, behind them zeros; of a longer one a zero and a hash. A word has no NUL, so short keys are equal where
// the words are.
struct WordKey {
  static constexpr std::size_t kShort = 12;
  std::uint64_t low;
  std::uint32_t high;
  bool operator==(const WordKey& other) const { return ((low ^ other.low) | (high ^ other.high)) == 0; }
  bool is_short() const { return (low & 0xff) != 0 || (low | high) == 0; }
};

namespace detail {

inline std::uint64_t load8(const char* at, std::size_t size) {
  std::uint64_t x = 0;
  std::memcpy(&x, at, size);
  return x;
}
// Of up to kShort bytes, of which none beyond is read: loads that overlap.
inline WordKey short_key(const char* at, std::size_t size) {
  if (size >= 8) return {load8(at, 8), size == 8 ? 0 : static_cast<std::uint32_t>(load8(at + size - 8, 8) >> (8 * (16 - size)))};
  if (size >= 4) return {load8(at, 4) | load8(at + size - 4, 4) << (8 * (size - 4)), 0};
  if (size == 0) return {0, 0};
  return {load8(at, 1) | load8(at + size / 2, 1) << (8 * (size / 2)) | load8(at + size - 1, 1) << (8 * (size - 1)), 0};
}
inline WordKey long_key(const char* at, std::size_t size) {
  std::uint64_t h = size * 0x9e3779b97f4a7c15u;
  const auto mix = [&](std::uint64_t x) {
    h = (h ^ x) * 0xff51afd7ed558ccdu;
    h ^= h >> 32;
  };
  for (; size >= 8; at += 8, size -= 8) mix(load8(at, 8));
  mix(load8(at, size));
  return {h << 8 | 0x100, static_cast<std::uint32_t>(h >> 32)};
}
constexpr std::uint64_t below(std::size_t bytes) { return bytes >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * bytes)) - 1; }
// Which bits of a key's halves a word of so many bytes has.
struct KeyMasks {
  std::uint64_t low[13]{}, high[13]{};
  constexpr KeyMasks() {
    for (std::size_t n = 0; n <= WordKey::kShort; ++n) {
      low[n] = below(n);
      high[n] = n > 8 ? below(n - 8) : 0;
    }
  }
};
inline constexpr KeyMasks kKeyMasks;

}  // namespace detail

// Memory up to `end` may be read.
inline WordKey key_of(const char* at, std::size_t size, const char* end) {
  if (size <= WordKey::kShort && end - at >= 16) [[likely]]
    return {detail::load8(at, 8) & detail::kKeyMasks.low[size],
            static_cast<std::uint32_t>(detail::load8(at + 8, 8) & detail::kKeyMasks.high[size])};
  return size > WordKey::kShort ? detail::long_key(at, size) : detail::short_key(at, size);
}
inline WordKey key_of(std::string_view word) { return key_of(word.data(), word.size(), word.data() + word.size()); }

inline std::uint64_t scattered(const WordKey& key) {
  return (key.low ^ (key.low >> 32) ^ key.high * 0xff51afd7ed558ccdu) * 0x9e3779b97f4a7c15u;
}

struct WordSlot {
  std::uint64_t low = 0;
  std::uint32_t high = 0;
  std::int32_t id = -1;
};

// word(id) gives the bytes of a word that is in the table: long ones are compared with them.
class WordTable {
 public:
  explicit WordTable(std::size_t words = 0) {
    int bits = 4;
    while ((std::size_t{1} << bits) < words + words / 2 + 1) ++bits;
    reset(bits);
  }

  // Where a word is looked for first, for fetching it ahead. (A function that does only that has no effect, GCC says, and drops its calls.)
  const void* address(const WordKey& key) const { return slots_.data() + place(key); }
  // The number of the word, or -1.
  template <class F>
  std::int32_t find(const WordKey& key, std::string_view word, F&& word_of) const {
    const Slot& slot = slots_[static_cast<Index>(at(key, word, word_of))];
    return slot.id;
  }
  // The number of a word with that key, or -1. It may be another one where the key is not short.
  std::int32_t find_key(const WordKey& key) const {
    const auto is_here = [&](const Slot& slot) { return slot.id < 0 || key == WordKey{slot.low, slot.high}; };
    return slots_[static_cast<Index>(search(place(key), is_here))].id;
  }
  // The number of the word; if it is new, `id`, which is then its.
  template <class F>
  std::int32_t add(const WordKey& key, std::string_view word, std::int32_t id, F&& word_of) {
    const auto found = static_cast<Index>(at(key, word, word_of));
    if (slots_[found].id >= 0) return slots_[found].id;
    slots_[found] = {key.low, key.high, id};
    if (++size_ * 3 > mask_ * 2) grow();
    return id;
  }

 private:
  using Slot = WordSlot;
  std::size_t place(const WordKey& key) const { return static_cast<std::size_t>(scattered(key) >> shift_); }
  // f(slot) for the slots where a word may be, until it is true: those of one cache line, then those of the next.
  template <class F>
  std::size_t search(std::size_t place, F&& f) const {
    constexpr std::size_t kInLine = 64 / sizeof(Slot);
    for (std::size_t line = place & ~(kInLine - 1);; line = (line + kInLine) & mask_)
      for (std::size_t i = 0; i < kInLine; ++i) {
        const std::size_t at = line + ((place + i) & (kInLine - 1));
        if (f(slots_[static_cast<Index>(at)])) return at;
      }
  }
  template <class F>
  std::size_t at(const WordKey& key, std::string_view word, F&& word_of) const {
    return search(place(key), [&](const Slot& slot) {
      return slot.id < 0 || (key == WordKey{slot.low, slot.high} && (key.is_short() || word_of(slot.id) == word));
    });
  }
  void reset(int bits) {
    slots_.assign(Index{1} << bits, Slot{});
    mask_ = (std::size_t{1} << bits) - 1;
    shift_ = 64 - bits;
  }
  void grow() {
    text::Pages<Slot> old = std::move(slots_);
    reset(64 - shift_ + 1);
    for (const Slot& slot : old) {
      if (slot.id < 0) continue;
      slots_[static_cast<Index>(search(place({slot.low, slot.high}), [](const Slot& other) { return other.id < 0; }))] = slot;
    }
  }

  text::Pages<Slot> slots_;
  std::size_t mask_ = 0, size_ = 0;
  int shift_ = 0;
};

// Some short words once more, one a slot, in a table that a core's own cache holds: most words of a text are found here, without a branch.
class WordCache {
 public:
  WordCache() { slots_.assign(Index{1} << kBits, {}); }
  // In the place of whatever word has the same slot.
  void put(const WordKey& key, std::int32_t id) {
    if (key.is_short()) slots_[place(key)] = {key.low, key.high, id};
  }
  // The number of the word, where `found`.
  std::int32_t find(const WordKey& key, bool& found) const {
    const WordSlot& slot = slots_[place(key)];
    found = ((slot.low ^ key.low) | (slot.high ^ key.high)) == 0;
    return slot.id;
  }

 private:
  static constexpr int kBits = 13;
  static Index place(const WordKey& key) { return static_cast<Index>(scattered(key) >> (64 - kBits)); }
  text::Pages<WordSlot> slots_;
};

}  // namespace pyffnn::fasttext
