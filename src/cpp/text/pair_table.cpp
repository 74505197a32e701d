#include "text/pair_table.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <vector>

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

void PairTable::set_bits(int bits) {
  slot_bits_ = bits;
  low_bits_ = key_bits_ - bits;
  slot_mask_ = (Index{1} << bits) - 1;
  reach_ = Index{1} << std::min(32 - low_bits_, bits);
}

// Puts a pair into a table that lacks it; false when there is no room near its home.
bool PairTable::place(std::uint64_t x, std::uint32_t value) {
  Index at = home(x), distance = 0;
  for (; slots_[at] != 0; at = (at + 1) & slot_mask_) {
    if (++distance >= reach_) return false;
  }
  slots_[at] = make_slot(x, value);
  ++used_;
  return true;
}

// Moves this version's pairs to slots of its own.
void PairTable::resize(int bits) {
  const std::shared_ptr<Pages<Slot>> old = store_;
  const int old_bits = slot_bits_;
  for (;; ++bits) {
    auto fresh = std::make_shared<Pages<Slot>>();
    fresh->assign_zero(Index{1} << bits);
    const Index count = old ? old->size() : 0;
    bool fits = true;
    used_ = 0;
    for (Index i = 0; i < count && fits; ++i) {
      const Slot slot = load(old->data() + i);
      if (slot == 0 || value_of(slot) < 0) continue;
      set_bits(old_bits);
      const std::uint64_t x = permuted_at(i, slot);
      set_bits(bits);
      slots_ = fresh->data();
      fits = place(x, static_cast<std::uint32_t>(value_of(slot)));
    }
    if (!fits) continue;
    set_bits(bits);
    store_ = std::move(fresh);
    slots_ = store_->data();
    return;
  }
}

std::int32_t PairTable::find_further(std::uint64_t x) const {
  Index at = home(x);
  for (Index distance = 0; distance < reach_; ++distance, at = (at + 1) & slot_mask_) {
    const Slot slot = load(&slots_[at]);
    if (ends_at(slot, x)) return value_of(slot);
  }
  return -1;
}

std::int32_t PairTable::intern_further(std::uint64_t x) {
  Index at = home(x);
  for (Index distance = 0; distance < reach_; ++distance, at = (at + 1) & slot_mask_) {
    const Slot slot = slots_[at];
    const bool is_free = slot == 0;
    if (!is_free && tag_of(slot) != static_cast<std::uint32_t>(x)) continue;
    if (!is_free && value_of(slot) >= 0) return value_of(slot);
    if (is_free && slot_bits_ < key_bits_ && used_ >= (Index{5} << slot_bits_) / 8) break;
    if (size_ >= std::numeric_limits<std::int32_t>::max()) throw std::length_error("more than 2^31 - 1 different n-grams");
    __atomic_store_n(&slots_[at], make_slot(x, static_cast<std::uint32_t>(size_)), __ATOMIC_RELAXED);
    used_ += is_free;
    return static_cast<std::int32_t>(size_++);
  }
  resize(slot_bits_ + 1);
  return intern_further(x);
}

void PairTable::keep(const std::int32_t* values, Index kept) {
  // A pair that is forgotten keeps its slot, for others may stand behind it.
  for (Slot& slot : *store_) {
    const std::int32_t value = value_of(slot);
    if (value >= 0) slot = make_slot(tag_of(slot), values[value] < 0 ? kForgotten : static_cast<std::uint32_t>(values[value]));
  }
  size_ = kept;
}

std::uint64_t PairTable::permuted_at(Index at, Slot slot) const {
  const std::uint64_t tag = tag_of(slot);
  const std::uint64_t low = tag & ((std::uint64_t{1} << low_bits_) - 1);
  const Index reach = Index{1} << std::min(32 - low_bits_, slot_bits_);
  const Index distance = (at - static_cast<Index>(tag >> low_bits_)) & (reach - 1);
  return static_cast<std::uint64_t>((at - distance) & slot_mask_) << low_bits_ | low;
}

std::uint64_t PairTable::pair_of(std::uint64_t x) const {
  x ^= x >> half_;
  x = x * inverse(kFactor2) & key_mask_;
  x ^= x >> half_;
  x = x * inverse(kFactor1) & key_mask_;
  x ^= x >> half_;
  return (x >> word_bits_) << 32 | (x & ((std::uint64_t{1} << word_bits_) - 1));
}

void PairTable::keys(std::uint64_t* keys) const {
  for (Index i = 0; i <= slot_mask_ && store_; ++i) {
    const Slot slot = load(&slots_[i]);
    if (slot != 0 && value_of(slot) >= 0) keys[value_of(slot)] = pair_of(permuted_at(i, slot));
  }
}

PairTable PairTable::next(Index prefixes, Index words) const {
  if (bits_for(words) <= word_bits_ && bits_for(prefixes) <= key_bits_ - word_bits_ && pen_.take()) {
    PairTable t;
    t.word_bits_ = word_bits_;
    t.key_bits_ = key_bits_;
    t.half_ = half_;
    t.key_mask_ = key_mask_;
    t.store_ = store_;
    t.slots_ = slots_;
    t.size_ = size_;
    t.used_ = used_;
    t.set_bits(slot_bits_);
    return t;
  }
  // With bits to spare, so that the next copy is far.
  constexpr Index kMost = std::numeric_limits<std::int32_t>::max();
  PairTable t(std::min(2 * prefixes, kMost), std::min(2 * words, kMost), 2 * size_);
  std::vector<std::uint64_t> pairs(static_cast<std::size_t>(size_));
  keys(pairs.data());
  for (const std::uint64_t pair : pairs) t.intern(t.permute(static_cast<std::uint32_t>(pair >> 32), static_cast<std::uint32_t>(pair)));
  return t;
}

}  // namespace pyffnn::text
