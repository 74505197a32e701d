// Text cut into words, some hundred at a time, with their keys.
#pragma once
#include <string_view>

#include "fasttext/word_table.h"

namespace pyffnn::fasttext {

constexpr std::string_view kEndOfLine = "</s>";
inline constexpr WordKey kEndOfLineKey{0x3e732f3c, 0};  // "</s>" from its last byte to its first

// What separates words.
inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

struct Word {
  const char* at;
  std::size_t size;  // 0: a line feed, which is the word kEndOfLine
  std::uint64_t low;
  std::uint32_t high;
  WordKey key() const { return {low, high}; }
  std::string_view text() const { return size == 0 ? kEndOfLine : std::string_view{at, size}; }
  const char* after() const { return at + (size == 0 ? 1 : size); }  // where the text goes on
  bool ends_line() const { return key() == kEndOfLineKey; }
};
inline Word line_feed(const char* at) { return {at, 0, kEndOfLineKey.low, kEndOfLineKey.high}; }

// Passes over a chunk of the text, each of which does one thing: where words begin and end, then their keys.
class Cutter {
 public:
  static constexpr Index kMostWords = 1024 + 1;

  Cutter(const char* at, const char* end) : at_(at), end_(end) {}

  // Puts the next words, at least one, to `to`, where there is room for kMostWords; returns how many. 0 at the end of the text.
  Index next(Word* to);

 private:
  static constexpr Index kChunk = 1024, kBlocks = kChunk / 64;
  Word* cut_chunk(Word* to);

  const char *at_, *end_;
  const char* open_ = nullptr;  // where the word begins that reaches into the next chunk
};

}  // namespace pyffnn::fasttext
