// An exact map from pairs (prefix, word) to dense numbers: the n-grams that have a row of their own.
#pragma once
#include "text/pages.h"

namespace pyffnn::text {

// A pair of b bits is permuted within b bits; the high bits are its home slot, the low 32 are stored beside the value. Slot and stored
// bits together give the pair back as long as it stands near its home, which insert() sees to: 8 bytes a pair, and still no collisions.
class PairTable {
 public:
  PairTable() = default;
  // For prefixes below `prefixes` and words below `words`, with room for `expected` pairs.
  PairTable(Index prefixes, Index words, Index expected);

  Index size() const { return used_; }
  int key_bits() const { return key_bits_; }

  // The permuted form of a pair, which the other calls take.
  std::uint64_t permute(std::uint32_t prefix, std::uint32_t word) const {
    std::uint64_t x = std::uint64_t{prefix} << word_bits_ | word;
    x ^= x >> half_;
    x = x * kFactor1 & key_mask_;
    x ^= x >> half_;
    x = x * kFactor2 & key_mask_;
    return x ^ x >> half_;
  }
  void prefetch(std::uint64_t x) const { __builtin_prefetch(&slots_[home(x)]); }

  // The value of a pair, or -1.
  std::int32_t find(std::uint64_t x) const {
    Index at = home(x);
    for (Index distance = 0; distance < reach_; ++distance, at = (at + 1) & slot_mask_) {
      const Slot slot = slots_[at];
      if (slot.value == 0) return -1;
      if (slot.tag == static_cast<std::uint32_t>(x)) return static_cast<std::int32_t>(slot.value - 1);
    }
    return -1;
  }
  // The value of a pair; a new one gets size().
  std::int32_t intern(std::uint64_t x);

  // Replaces each value v by values[v]; -1 means that find() shall not know the pair.
  void map_values(const std::int32_t* values);
  // Writes prefix << 32 | word of each pair to keys[value].
  void keys(std::uint64_t* keys) const;

 private:
  struct Slot {
    std::uint32_t tag;
    std::uint32_t value;  // value + 1; 0: free
  };
  static constexpr std::uint64_t kFactor1 = 0x9E3779B97F4A7C15u, kFactor2 = 0xD6E8FEB86659FD93u;

  void resize(int bits);
  Index home(std::uint64_t x) const { return static_cast<Index>(x >> low_bits_); }
  std::uint64_t permuted_at(Index at) const;

  int word_bits_ = 1, key_bits_ = 2, half_ = 1;
  std::uint64_t key_mask_ = 3;
  int slot_bits_ = 0, low_bits_ = 0;
  Index slot_mask_ = 0, reach_ = 0;
  Index used_ = 0;
  Pages<Slot> slots_;
};

}  // namespace pyffnn::text
