#include "text/pair_table.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace pyffnn::text {

namespace {

int bits_for(Index values) {
  int bits = 1;
  while ((Index{1} << bits) < values) ++bits;
  return bits;
}

// Inverse of an odd factor mod 2^64 (Newton: the number of right bits doubles).
constexpr std::uint64_t inverse(std::uint64_t factor) {
  std::uint64_t x = factor;
  for (int i = 0; i < 6; ++i) x *= 2 - factor * x;
  return x;
}

}  // namespace

PairTable::PairTable(Index prefixes, Index words, Index expected) {
  word_bits_ = bits_for(words);
  key_bits_ = word_bits_ + bits_for(prefixes);
  half_ = (key_bits_ + 1) / 2;
  key_mask_ = key_bits_ == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << key_bits_) - 1;
  int bits = std::max(8, key_bits_ - 28);
  while ((Index{5} << bits) / 8 < expected) ++bits;
  resize(std::min(bits, key_bits_));
}

void PairTable::resize(int bits) {
  PairTable old;
  std::swap(old.slots_, slots_);
  old.slot_bits_ = slot_bits_;
  old.low_bits_ = low_bits_;
  old.slot_mask_ = slot_mask_;
  slots_.assign_zero(Index{1} << bits);
  slot_bits_ = bits;
  low_bits_ = key_bits_ - bits;
  slot_mask_ = (Index{1} << bits) - 1;
  reach_ = Index{1} << std::min(32 - low_bits_, bits);
  for (Index i = 0; i < old.slots_.size(); ++i) {
    if (old.slots_[i].value == 0) continue;
    const std::uint64_t x = old.permuted_at(i);
    Index at = home(x), distance = 0;
    for (; slots_[at].value != 0; at = (at + 1) & slot_mask_) ++distance;
    if (distance >= reach_) {
      std::swap(old.slots_, slots_);
      slot_bits_ = old.slot_bits_;
      low_bits_ = old.low_bits_;
      slot_mask_ = old.slot_mask_;
      return resize(bits + 1);
    }
    slots_[at] = {static_cast<std::uint32_t>(x), old.slots_[i].value};
  }
}

std::int32_t PairTable::intern(std::uint64_t x) {
  Index at = home(x);
  for (Index distance = 0; distance < reach_; ++distance, at = (at + 1) & slot_mask_) {
    Slot& slot = slots_[at];
    if (slot.value == 0) {
      if (slot_bits_ < key_bits_ && used_ >= (Index{5} << slot_bits_) / 8) break;
      if (used_ >= std::numeric_limits<std::int32_t>::max()) throw std::length_error("more than 2^31 - 1 different n-grams");
      slot = {static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(++used_)};
      return static_cast<std::int32_t>(used_ - 1);
    }
    if (slot.tag == static_cast<std::uint32_t>(x)) return static_cast<std::int32_t>(slot.value - 1);
  }
  resize(slot_bits_ + 1);
  return intern(x);
}

void PairTable::map_values(const std::int32_t* values) {
  // A pair without a row keeps its slot, for others may stand behind it: value 0xFFFFFFFF, which find() gives back as -2.
  for (Slot& slot : slots_)
    if (slot.value != 0) slot.value = static_cast<std::uint32_t>(values[slot.value - 1] < 0 ? -1 : values[slot.value - 1] + 1);
}

std::uint64_t PairTable::permuted_at(Index at) const {
  const std::uint64_t tag = slots_[at].tag;
  const std::uint64_t low = tag & ((std::uint64_t{1} << low_bits_) - 1);
  const Index reach = Index{1} << std::min(32 - low_bits_, slot_bits_);
  const Index distance = (at - static_cast<Index>(tag >> low_bits_)) & (reach - 1);
  return static_cast<std::uint64_t>((at - distance) & slot_mask_) << low_bits_ | low;
}

void PairTable::keys(std::uint64_t* keys) const {
  for (Index i = 0; i < slots_.size(); ++i) {
    if (slots_[i].value == 0 || slots_[i].value == 0xFFFFFFFFu) continue;
    std::uint64_t x = permuted_at(i);
    x ^= x >> half_;
    x = x * inverse(kFactor2) & key_mask_;
    x ^= x >> half_;
    x = x * inverse(kFactor1) & key_mask_;
    x ^= x >> half_;
    keys[slots_[i].value - 1] = (x >> word_bits_) << 32 | (x & ((std::uint64_t{1} << word_bits_) - 1));
  }
}

}  // namespace pyffnn::text
