#include "text/scan.h"

#include <cstring>

#include "text/unicode.h"

namespace pyffnn::text {

namespace {

constexpr std::uint64_t kOnes = 0x0101010101010101u;
constexpr std::uint64_t kHigh = 0x8080808080808080u;

std::uint64_t load8(const unsigned char* p) {
  std::uint64_t x;
  std::memcpy(&x, p, 8);
  return x;
}

// The high bits of eight bytes, byte i to bit i.
std::uint64_t gather_high(std::uint64_t flags) { return ((flags & kHigh) >> 7) * 0x0102040810204080u >> 56; }

// High bit set where a byte is ASCII and at most `limit` (below 0x7F).
std::uint64_t at_most(std::uint64_t x, std::uint64_t limit) { return ~(((x & ~kHigh) + kOnes * (0x7F - limit)) | x); }

// High bit set where a byte is `value`.
std::uint64_t equals(std::uint64_t x, std::uint64_t value) {
  const std::uint64_t y = x ^ kOnes * value;
  return ~(((y & ~kHigh) + ~kHigh) | y);
}

int count_bits(std::uint64_t x) {
  x -= x >> 1 & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
  return static_cast<int>(((x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu) * kOnes >> 56);
}

}  // namespace

std::uint64_t Scanner::spaces_of(const unsigned char* p, Index valid, Pages<Position>* lines) {
  std::uint64_t spaces = 0, controls = 0, high = 0;
  for (int i = 0; i < 8; ++i) {
    const std::uint64_t x = load8(p + 8 * i);
    spaces |= gather_high(at_most(x, 0x20)) << (8 * i);
    controls |= at_most(x, 0x1F);
    high |= x;
  }
  const std::uint64_t inside = valid >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << valid) - 1;
  if ((controls & kHigh) != 0) {
    for (std::uint64_t rest = spaces & inside; rest != 0; rest &= rest - 1) {
      const int bit = __builtin_ctzll(rest);
      const unsigned char c = p[bit];
      if (c == '\n' && lines != nullptr) lines->push_back(static_cast<Position>(p - bytes_ + bit));
      if (!is_ascii_space(c)) spaces &= ~(std::uint64_t{1} << bit);
    }
  }
  if (((high & kHigh) | pending_) != 0) {
    spaces |= pending_;
    pending_ = 0;
    for (int i = 0; i < 8; ++i) {
      const std::uint64_t x = load8(p + 8 * i);
      std::uint64_t leads = gather_high(equals(x, 0xC2) | equals(x, 0xE1) | equals(x, 0xE2) | equals(x, 0xE3)) << (8 * i) & inside;
      for (; leads != 0; leads &= leads - 1) {
        const int bit = __builtin_ctzll(leads);
        const int length = wide_space_length(p + bit);
        if (length == 0 || bit + length > valid) continue;
        const std::uint64_t run = (std::uint64_t{1} << length) - 1;
        spaces |= run << bit;
        if (bit + length > 64) pending_ = run >> (64 - bit);
      }
    }
  }
  return spaces | ~inside;
}

void Scanner::next_segment(Index limit, Pages<Position>& bounds, Pages<Position>* lines) {
  const Index stop = size_ - at_ < limit ? size_ : at_ + limit;
  const Index old = bounds.size();
  bounds.resize(old + (stop - at_) + 72);
  Position* out = bounds.data() + old;
  for (; at_ < stop; at_ += 64) {
    const std::uint64_t spaces = spaces_of(bytes_ + at_, size_ - at_, lines);
    std::uint64_t edges = spaces ^ (spaces << 1 | before_);
    before_ = spaces >> 63;
    const Position base = static_cast<Position>(at_);
    // Eight at a time, the surplus overwritten by the next: the number of words in 64 bytes is not predictable.
    Position* next = out + count_bits(edges);
    while (edges != 0) {
      for (int i = 0; i < 8; ++i) {
        out[i] = base + static_cast<Position>(__builtin_ctzll(edges | std::uint64_t{1} << 63));
        edges &= edges - 1;
      }
      out += 8;
    }
    out = next;
  }
  if (stop == size_) {
    at_ = size_;
    // A block that ends on its 64th byte leaves its last word open.
    if (before_ == 0) *out++ = static_cast<Position>(size_);
    before_ = 1;
  }
  bounds.resize(out - bounds.data());
}

}  // namespace pyffnn::text
