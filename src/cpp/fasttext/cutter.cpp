#include "fasttext/cutter.h"

#include <algorithm>
#include <utility>

#include "core/dispatch.h"

namespace pyffnn::fasttext {

void Cutter::add(const char* begin, const char* end) {
  const auto size = static_cast<std::size_t>(end - begin);
  words_[count_++] = {begin, size, end, key_of(begin, size, end_)};
}

bool Cutter::next() {
  count_ = 0;
  while (count_ == 0 && at_ < end_) cut_chunk();
  if (at_ == end_ && open_ != nullptr) add(std::exchange(open_, nullptr), end_);
  return count_ > 0;
}

void Cutter::cut_chunk() {
  const Index size = std::min<Index>(kChunk, end_ - at_), blocks = size / 64;
  ByteMasks masks[kChunk / 64 + 1];
  const auto& byte_masks = dispatch::active().text.byte_masks;
  byte_masks(reinterpret_cast<const unsigned char*>(at_), blocks, masks);
  if (size % 64 != 0) {
    unsigned char last[64];
    std::memset(last, ' ', sizeof(last));
    std::memcpy(last, at_ + blocks * 64, static_cast<std::size_t>(size % 64));
    byte_masks(last, 1, masks + blocks);
  }
  const char* open = open_;
  for (Index b = 0; b * 64 < size; ++b) {
    const char* const base = at_ + b * 64;
    const Index left = size - b * 64;
    std::uint64_t spaces = masks[b].blank, feeds = 0;
    for (std::uint64_t rest = masks[b].control; rest != 0; rest &= rest - 1) {
      const std::uint64_t bit = rest & -rest;
      const char c = base[__builtin_ctzll(rest)];
      if (c == '\n') feeds |= bit;
      if (!is_space(c)) spaces &= ~bit;
    }
    std::uint64_t edges = spaces ^ (spaces << 1 | (open == nullptr ? 1u : 0u));
    if (left < 64) {
      const std::uint64_t inside = (std::uint64_t{1} << left) - 1;
      edges &= inside;
      feeds &= inside;
    }
    for (std::uint64_t rest = edges | feeds; rest != 0; rest &= rest - 1) {
      const int bit = __builtin_ctzll(rest);
      const char* const here = base + bit;
      if ((edges >> bit & 1) != 0) {
        if (open == nullptr)
          open = here;
        else
          add(std::exchange(open, nullptr), here);
      }
      if ((feeds >> bit & 1) != 0) words_[count_++] = end_of_line(here + 1);
    }
  }
  open_ = open;
  at_ += size;
}

}  // namespace pyffnn::fasttext
