#include "fasttext/cutter.h"

#include <algorithm>
#include <utility>

#include "core/dispatch.h"

namespace pyffnn::fasttext {

namespace {

inline Word word_of(const char* begin, const char* end, const char* end_of_text) {
  const auto size = static_cast<std::size_t>(end - begin);
  const WordKey key = key_of(begin, size, end_of_text);
  return {begin, size, key.low, key.high};
}

}  // namespace

Index Cutter::next(Word* to) {
  Word* const begin = to;
  while (to == begin && at_ < end_) to = cut_chunk(to);
  if (at_ == end_ && open_ != nullptr) *to++ = word_of(std::exchange(open_, nullptr), end_, end_);
  return to - begin;
}

Word* Cutter::cut_chunk(Word* to) {
  const char* const base = at_;
  const Index size = std::min<Index>(kChunk, end_ - base), whole = size / 64, blocks = (size + 63) / 64;
  const TextKernels& kernels = dispatch::active().text;
  ByteMasks masks[kBlocks];
  kernels.byte_masks(reinterpret_cast<const unsigned char*>(base), whole, masks);
  if (blocks > whole) {
    unsigned char last[64];
    std::memset(last, ' ', sizeof(last));
    std::memcpy(last, base + whole * 64, static_cast<std::size_t>(size % 64));
    kernels.byte_masks(last, 1, masks + whole);
  }
  // Where text and white space meet, and line feeds.
  std::uint64_t edges[kBlocks], feeds[kBlocks], before = open_ == nullptr ? 1 : 0, any_feed = 0;
  for (Index b = 0; b < blocks; ++b) {
    std::uint64_t spaces = masks[b].blank;
    feeds[b] = 0;
    for (std::uint64_t rest = masks[b].control; rest != 0; rest &= rest - 1) {
      const std::uint64_t bit = rest & -rest;
      const char c = base[b * 64 + __builtin_ctzll(rest)];
      if (c == '\n') feeds[b] |= bit;
      if (!is_space(c)) spaces &= ~bit;
    }
    edges[b] = spaces ^ (spaces << 1 | before);
    before = spaces >> 63;
    any_feed |= feeds[b];
  }
  // What is behind the end counts as white space.
  if (size % 64 != 0) edges[whole] &= (std::uint64_t{1} << (size % 64)) - 1;
  std::uint32_t edge_at[kChunk + 64], feed_at[kChunk + 64];
  Index num_edges = kernels.bit_positions(edges, blocks, 0, edge_at);
  const Index num_feeds = any_feed != 0 ? kernels.bit_positions(feeds, blocks, 0, feed_at) : 0;

  Index edge = 0, feed = 0;
  if (open_ != nullptr && num_edges > 0) *to++ = word_of(std::exchange(open_, nullptr), base + edge_at[edge++], end_);
  if (open_ == nullptr && (num_edges - edge) % 2 != 0) open_ = base + edge_at[--num_edges];
  for (; edge < num_edges; edge += 2) {
    const std::uint32_t begin = edge_at[edge];
    while (feed < num_feeds && feed_at[feed] < begin) *to++ = line_feed(base + feed_at[feed++]);
    *to++ = word_of(base + begin, base + edge_at[edge + 1], end_);
  }
  while (feed < num_feeds) *to++ = line_feed(base + feed_at[feed++]);
  at_ = base + size;
  return to;
}

}  // namespace pyffnn::fasttext
