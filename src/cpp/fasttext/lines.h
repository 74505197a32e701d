// Where the lines of a text end, as fastText sees it.
#pragma once
#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/interrupt.h"
#include "fasttext/dictionary.h"

namespace pyffnn::fasttext {

// Whether the word that [begin, end) is within `text` stands alone.
inline bool stands_alone(std::string_view text, std::size_t at, std::size_t size) {
  return (at == 0 || is_space(text[at - 1])) && (at + size == text.size() || is_space(text[at + size]));
}

// The lines with their ends: behind a line feed, or behind a word </s>.
inline std::vector<std::string_view> cut_lines(std::string_view text, Interrupt& interrupt) {
  std::vector<std::string_view> lines;
  std::size_t mark = text.find(kEndOfLine);
  for (std::size_t begin = 0; begin < text.size();) {
    if (lines.size() % 4096 == 0) interrupt.poll();
    const void* const feed = std::memchr(text.data() + begin, '\n', text.size() - begin);
    std::size_t end = feed == nullptr ? text.size() : static_cast<std::size_t>(static_cast<const char*>(feed) - text.data()) + 1;
    while (mark < end && (mark < begin || !stands_alone(text, mark, kEndOfLine.size()))) mark = text.find(kEndOfLine, mark + 1);
    if (mark < end) end = mark + kEndOfLine.size();
    lines.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return lines;
}

// At most `parts` parts of a text, each of which ends behind a line feed.
inline std::vector<std::string_view> cut_parts(std::string_view text, int parts) {
  std::vector<std::string_view> found;
  std::size_t begin = 0;
  for (int i = 1; i <= parts && begin < text.size(); ++i) {
    std::size_t end =
        i == parts ? text.size() : std::max(begin, text.size() / static_cast<std::size_t>(parts) * static_cast<std::size_t>(i));
    if (end < text.size()) end = std::min(text.find('\n', end), text.size() - 1) + 1;
    found.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return found;
}

}  // namespace pyffnn::fasttext
