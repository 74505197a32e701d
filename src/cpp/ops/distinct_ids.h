// The different ids of one list after another: of a text's rows, say.
#pragma once
#include <algorithm>
#include <vector>

#include "core/types.h"

namespace pyffnn::ops {

// A slot holds the list and the place where an id was found in one number: what is of another list counts as free, so nothing is cleared
// between lists. The table is small enough for the first cache. Whether an id came before is no branch, for it cannot be predicted, and no
// store's address waits for it.
class DistinctIds {
 public:
  // Writes the different ids of from[0..n) in order of appearance to `ids`, which may lie over `from` or before it; their number. Throws
  // std::bad_alloc.
  Index find(const std::int32_t* from, Index n, std::int32_t* ids) {
    unsigned bits = 6;
    while (bits < 31 && (Index{1} << bits) < 4 * n) ++bits;
    if (bits < kSparseBits) ++bits;
    const std::size_t size = std::size_t{1} << bits, mask = size - 1;
    if (slots_.size() < size) slots_.resize(size);
    if (starts_.size() < static_cast<std::size_t>(n)) {
      counts_.resize(static_cast<std::size_t>(n));
      starts_.resize(static_cast<std::size_t>(n));
    }
    if (static_cast<std::uint64_t>(base_) + static_cast<std::uint64_t>(n) > UINT32_MAX) {
      std::fill(slots_.begin(), slots_.end(), 0);
      base_ = 1;
    }
    std::uint32_t* const slots = slots_.data();
    std::uint32_t* const starts = starts_.data();
    const std::uint32_t base = base_, shift = 32 - bits;
    for (Index i = 0; i < n; ++i) starts[i] = (static_cast<std::uint32_t>(from[i]) * 2654435769U) >> shift;
    // The places of ids that came before take the room of starts already used.
    std::uint32_t* const again = starts;
    std::uint32_t found = 0, repeats = 0;
    for (Index i = 0; i < n; ++i) {
      const std::int32_t id = from[i];
      std::size_t at = starts[i];
      std::uint32_t place = slots[at] - base, known = before(place, found);
      // ids[0] stands in for a place that is none.
      while (__builtin_expect(((ids[place & known] ^ id) & static_cast<std::int32_t>(known)) != 0, 0)) {
        at = (at + 1) & mask;
        place = slots[at] - base;
        known = before(place, found);
      }
      place = (place & known) | (found & ~known);
      slots[at] = base + place;
      again[repeats] = place;
      ids[found] = id;  // the next new one takes its room if this came before
      repeats -= known;
      found += 1u + known;
    }
    base_ = base + found;
    std::fill_n(counts_.begin(), found, 1U);
    for (std::uint32_t i = 0; i < repeats; ++i) ++counts_[again[i]];
    return static_cast<Index>(found);
  }
  // How often each of the ids last found was there.
  const std::uint32_t* counts() const { return counts_.data(); }

 private:
  // All ones if a < b. By the sign of a difference: a compiler makes a branch of a comparison.
  static std::uint32_t before(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::uint32_t>((static_cast<std::int64_t>(a) - static_cast<std::int64_t>(b)) >> 63);
  }
  static constexpr unsigned kSparseBits = 12;  // up to 16 KiB of slots seven eighths may be free, and fewer ids meet
  std::vector<std::uint32_t> slots_, counts_, starts_;
  std::uint32_t base_ = 1;
};

}  // namespace pyffnn::ops
