// An exact map from pairs (prefix, word) to dense numbers: the n-grams that have a row of their own.
#pragma once
#include "text/growing.h"

namespace pyffnn::text {

// A pair of b bits is permuted within b bits; the high bits are its home slot, the low 32 are stored beside the value. Slot and stored
// bits together give the pair back as long as it stands near its home, which intern() sees to: 8 bytes a pair, and still no collisions.
class PairTable {
 public:
  PairTable() = default;
  // For prefixes below `prefixes` and words below `words`, with room for `expected` pairs.
  PairTable(Index prefixes, Index words, Index expected);

  Index size() const { return size_; }
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

  // The value of a pair, or -1. Any number of threads may ask, also while a later version grows.
  std::int32_t find(std::uint64_t x) const {
    // Two slots without a branch: where the first is another pair's cannot be predicted. The value of a free one is -1.
    const Index at = home(x);
    const Slot first = load(&slots_[at]), second = load(&slots_[(at + 1) & slot_mask_]);
    const bool here = ends_at(first, x);
    const Slot slot = here ? first : second;
    if (__builtin_expect(here | ends_at(second, x), 1)) return value_of(slot);
    return find_further(x);
  }
  // The value of a pair; a new one gets size().
  std::int32_t intern(std::uint64_t x) {
    const Slot slot = slots_[home(x)];
    const std::int32_t value = value_of(slot);
    return tag_of(slot) == static_cast<std::uint32_t>(x) && value >= 0 ? value : intern_further(x);
  }

  // Forgets pairs: value v becomes values[v], of which those that are not -1 are 0, 1, ... `kept` - 1.
  void keep(const std::int32_t* values, Index kept);
  // Writes prefix << 32 | word of each pair to keys[value].
  void keys(std::uint64_t* keys) const;

  // A version to go on with by intern(), for larger prefixes and words perhaps; this one stays as it is, and may be interned into no more.
  // The permuted form of a pair is the new table's own.
  PairTable next(Index prefixes, Index words) const;

 private:
  // Tag << 32 | value + 1; 0: free. One number, so that a version may look while the next one writes.
  using Slot = std::uint64_t;
  static std::uint32_t tag_of(Slot slot) { return static_cast<std::uint32_t>(slot >> 32); }
  static Slot make_slot(std::uint64_t x, std::uint32_t value) { return x << 32 | (value + 1); }
  static Slot load(const Slot* slot) { return __atomic_load_n(slot, __ATOMIC_RELAXED); }
  // A value beyond size() is that of a pair of a later version, or of one that keep() forgot.
  std::int32_t value_of(Slot slot) const {
    const std::uint32_t value = static_cast<std::uint32_t>(slot) - 1;
    return value < static_cast<std::uint32_t>(size_) ? static_cast<std::int32_t>(value) : -1;
  }
  static constexpr std::uint32_t kForgotten = 0xFFFFFFFEu;
  static constexpr std::uint64_t kFactor1 = 0x9E3779B97F4A7C15u, kFactor2 = 0xD6E8FEB86659FD93u;

  // A search ends at the pair, or at a free slot.
  static bool ends_at(Slot slot, std::uint64_t x) { return (slot == 0) | (tag_of(slot) == static_cast<std::uint32_t>(x)); }
  std::int32_t find_further(std::uint64_t x) const;
  std::int32_t intern_further(std::uint64_t x);
  void set_bits(int bits);
  bool place(std::uint64_t x, std::uint32_t value);
  void resize(int bits);
  Index home(std::uint64_t x) const { return static_cast<Index>(x >> low_bits_); }
  std::uint64_t permuted_at(Index at, Slot slot) const;
  std::uint64_t pair_of(std::uint64_t x) const;

  int word_bits_ = 1, key_bits_ = 2, half_ = 1;
  std::uint64_t key_mask_ = 3;
  int slot_bits_ = 0, low_bits_ = 0;
  Index slot_mask_ = 0, reach_ = 0;
  Index size_ = 0, used_ = 0;  // values; slots that are not free
  std::shared_ptr<Pages<Slot>> store_;
  Slot* slots_ = nullptr;
  Pen pen_;
};

}  // namespace pyffnn::text
