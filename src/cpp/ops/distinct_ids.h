// The different ids of one list after another: of a text's rows, say.
#pragma once
#include <algorithm>
#include <vector>

#include "core/types.h"

namespace pyffnn::ops {

// A slot holds the list and the place where an id was found in one number: what is of another list counts as free, so nothing is cleared
// between lists. The table is small enough for the first cache, and whether an id came before is no branch, for it cannot be predicted.
class DistinctIds {
 public:
  // Writes the different ids of from[0..n) in order of appearance to `ids`, which may lie over `from` or before it; their number. Throws
  // std::bad_alloc.
  Index find(const std::int32_t* from, Index n, std::int32_t* ids) {
    unsigned bits = 6;
    while (bits < 31 && (Index{1} << bits) < 4 * n) ++bits;
    const std::size_t size = std::size_t{1} << bits, mask = size - 1;
    if (slots_.size() < size) slots_.resize(size);
    if (counts_.size() < static_cast<std::size_t>(n)) counts_.resize(static_cast<std::size_t>(n));
    if (static_cast<std::uint64_t>(base_) + static_cast<std::uint64_t>(n) > UINT32_MAX) {
      std::fill(slots_.begin(), slots_.end(), 0);
      base_ = 1;
    }
    std::uint32_t* const slots = slots_.data();
    std::uint32_t* const counts = counts_.data();
    const std::uint32_t base = base_, shift = 32 - bits;
    std::uint32_t found = 0;
    for (Index i = 0; i < n; ++i) {
      const std::int32_t id = from[i];
      std::size_t at = (static_cast<std::uint32_t>(id) * 2654435769U) >> shift;
      std::uint32_t place = slots[at] - base;
      // ids[0] stands in for a place that is none.
      while (__builtin_expect((place < found) & (ids[place < found ? place : 0] != id), 0)) {
        at = (at + 1) & mask;
        place = slots[at] - base;
      }
      const std::uint32_t known = 0u - static_cast<std::uint32_t>(place < found);
      place = (place & known) | (found & ~known);
      slots[at] = base + place;
      ids[place] = id;
      counts[place] = (counts[place] & known) + 1;
      found += 1u + known;
    }
    base_ = base + found;
    return static_cast<Index>(found);
  }
  // How often each of the ids last found was there.
  const std::uint32_t* counts() const { return counts_.data(); }

 private:
  std::vector<std::uint32_t> slots_, counts_;
  std::uint32_t base_ = 1;
};

}  // namespace pyffnn::ops
