// Text cut into words, some hundred at a time, with their keys.
#pragma once
#include <string_view>

#include "fasttext/word_table.h"

namespace pyffnn::fasttext {

constexpr std::string_view kEndOfLine = "</s>";

// What separates words.
inline bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r') || c == '\0'; }

struct Word {
  const char* at;
  std::size_t size;
  const char* after;  // where the text goes on: a line feed is a word too, kEndOfLine
  WordKey key;
  std::string_view text() const { return {at, size}; }
  bool ends_line() const;
};

class Cutter {
 public:
  Cutter(const char* at, const char* end) : at_(at), end_(end) {}

  // The next words, at least one; none at the end of the text. They hold until the next call.
  bool next();
  const Word* begin() const { return words_; }
  const Word* end() const { return words_ + count_; }

 private:
  static constexpr Index kChunk = 512;
  void cut_chunk();
  void add(const char* begin, const char* end);

  const char *at_, *end_;
  const char* open_ = nullptr;  // where the word begins that reaches into the next chunk
  Index count_ = 0;
  Word words_[kChunk + 1];
};

inline constexpr WordKey kEndOfLineKey{0x3e732f3c, 0};  // "</s>" from its last byte to its first
inline Word end_of_line(const char* after) { return {kEndOfLine.data(), kEndOfLine.size(), after, kEndOfLineKey}; }
inline bool Word::ends_line() const { return key == kEndOfLineKey; }

}  // namespace pyffnn::fasttext
