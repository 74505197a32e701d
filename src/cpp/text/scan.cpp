#include "text/scan.h"

#include "core/dispatch.h"
#include "text/unicode.h"

namespace pyffnn::text {

// The exact white space of one block; `masks` has what needs a second look.
std::uint64_t Scanner::spaces_of(const unsigned char* p, const ByteMasks& masks, Index valid, Pages<Position>* lines) {
  const std::uint64_t inside = valid >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << valid) - 1;
  std::uint64_t spaces = masks.blank;
  for (std::uint64_t rest = masks.control & inside; rest != 0; rest &= rest - 1) {
    const int bit = __builtin_ctzll(rest);
    const unsigned char c = p[bit];
    if (c == '\n' && lines != nullptr) lines->push_back(static_cast<Position>(p - bytes_ + bit));
    if (!is_ascii_space(c)) spaces &= ~(std::uint64_t{1} << bit);
  }
  spaces |= pending_;
  pending_ = 0;
  for (std::uint64_t rest = masks.lead & inside; rest != 0; rest &= rest - 1) {
    const int bit = __builtin_ctzll(rest);
    const int length = wide_space_length(p + bit);
    if (length == 0 || bit + length > valid) continue;
    const std::uint64_t run = (std::uint64_t{1} << length) - 1;
    spaces |= run << bit;
    if (bit + length > 64) pending_ = run >> (64 - bit);
  }
  return spaces | ~inside;
}

void Scanner::next_segment(Pages<Position>& bounds, Pages<Position>* lines) {
  const TextKernels& kernels = dispatch::active().text;
  const Index left = size_ - at_, length = left < kSegment ? left : kSegment;
  const Index blocks = (length + 63) / 64;
  ByteMasks masks[kSegment / 64];
  std::uint64_t edges[kSegment / 64];
  kernels.byte_masks(bytes_ + at_, blocks, masks);
  for (Index b = 0; b < blocks; ++b) {
    const Index valid = length - 64 * b;
    const bool plain = (masks[b].control | masks[b].lead | pending_) == 0 && valid >= 64;
    const std::uint64_t spaces = plain ? masks[b].blank : spaces_of(bytes_ + at_ + 64 * b, masks[b], left - 64 * b, lines);
    edges[b] = spaces ^ (spaces << 1 | before_);
    before_ = spaces >> 63;
  }
  const Index old = bounds.size();
  bounds.resize(old + kSegment + 65);
  Position* const out = bounds.data() + old;
  Index found = kernels.bit_positions(edges, blocks, static_cast<Position>(at_), out);
  at_ += length;
  if (at_ == size_) {
    // A block that ends on its 64th byte leaves its last word open.
    if (before_ == 0) out[found++] = static_cast<Position>(size_);
    before_ = 1;
  }
  bounds.resize(old + found);
}

}  // namespace pyffnn::text
