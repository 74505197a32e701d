// Documents cut into terms as scikit-learn's vectorizers do it: runs of word characters and n-grams of them with a space between, or
// n-grams of characters.
#pragma once
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/dispatch.h"
#include "core/types.h"
#include "text/term_table.h"

namespace pyffnn::text {

// A document in memory that nobody changes: `length` characters of `width` bytes each (1: Latin-1, 2, 4), as Python keeps a str.
struct Characters {
  const void* data;
  Index length;
  int width;
  bool ascii;
  bool prepared;  // has the case that it is to have: accents are stripped after letters are lowered, and leave some upper
};

// What terms are made of: words; characters, where a run of several spaces is one; or the characters of each run of others with a space
// before and behind it, a run shorter than n giving itself once.
enum class TermKind { word, character, bounded };

struct TermOptions {
  TermKind kind;
  bool lowercase;      // of ASCII documents that are not prepared
  Index min_length;    // characters of a word
  Index min_n, max_n;  // words or characters of a term
  // A bit for each of the 0x110000 code points: is it a word character, or for kinds other than words, is it a space?
  const std::uint8_t* members;
};

// Words of one document, or its characters, in UTF-8. Where terms of several are wanted, words stand one after another with a space
// between, and characters without.
struct CutWords {
  struct Span {
    std::size_t begin, end;
  };
  const char* text = nullptr;  // what spans are of
  std::string bytes;
  std::vector<Span> spans;
  std::vector<std::size_t> runs;  // of characters: where each run of them ends
  // of ASCII documents; these only grow
  std::vector<std::uint64_t> edges;
  std::vector<std::uint32_t> bounds;
  std::vector<char> copy, close;

  void clear() {
    bytes.clear();
    text = nullptr;
    spans.clear();
    runs.clear();
  }
  std::string_view between(std::size_t first, std::size_t last) const {
    return {text + spans[first].begin, spans[last].end - spans[first].begin};
  }
};

inline void append_utf8(std::string& to, std::uint32_t c) {
  if (c < 0x80) {
    to.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    to.push_back(static_cast<char>(0xC0 | c >> 6));
    to.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    to.push_back(static_cast<char>(0xE0 | c >> 12));
    to.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    to.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    to.push_back(static_cast<char>(0xF0 | c >> 18));
    to.push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    to.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    to.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

// What an ASCII byte is in a word, 0 where it is in none; for other kinds of terms unused.
struct AsciiTable {
  char of[128];
  bool usual = true;  // letters, digits and _ are in words
  explicit AsciiTable(const TermOptions& options) {
    for (int c = 0; c < 128; ++c) {
      const bool word = (options.members[c >> 3] >> (c & 7) & 1) != 0;
      const bool upper = options.lowercase && c >= 'A' && c <= 'Z', digit = c >= '0' && c <= '9';
      usual &= word == ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || digit || c == '_');
      of[c] = static_cast<char>(!word ? 0 : upper ? c + 32 : c);
    }
  }
};

class TermCutter {
 public:
  TermCutter(const TermOptions& options, const TermTable& stop)
      : options_(options), stop_(stop), ascii_(options), kernels_(dispatch::active().text) {}

  // f(term) for each term of the document; 16 bytes from its first on are readable.
  template <class F>
  void each(const Characters& document, CutWords& words, F f) const {
    words.clear();
    const bool lower = document.ascii && !document.prepared && options_.lowercase;
    if (document.ascii && options_.kind == TermKind::word && ascii_.usual && document.length < Index{1} << 31)
      cut_ascii(static_cast<const char*>(document.data), document.length, lower, words);
    else if (document.width == 1)
      cut(static_cast<const std::uint8_t*>(document.data), document.length, lower, words);
    else if (document.width == 2)
      cut(static_cast<const std::uint16_t*>(document.data), document.length, lower, words);
    else
      cut(static_cast<const std::uint32_t*>(document.data), document.length, lower, words);
    if (words.spans.empty()) return;
    if (words.text == nullptr) {
      words.bytes.append(16, ' ');
      words.text = words.bytes.data();
    }
    if (options_.kind != TermKind::bounded) {
      grams(words, 0, words.spans.size(), f);
      return;
    }
    std::size_t begin = 0;
    for (const std::size_t end : words.runs) {
      grams(words, begin, end, f);
      // a run that is shorter than the longest term is one itself, if no term of its length was
      if (end - begin < static_cast<std::size_t>(options_.min_n)) f(words.between(begin, end - 1));
      begin = end;
    }
  }

 private:
  template <class F>
  void grams(const CutWords& words, std::size_t begin, std::size_t end, F f) const {
    const std::size_t most = std::min(static_cast<std::size_t>(options_.max_n), end - begin);
    for (std::size_t n = static_cast<std::size_t>(options_.min_n); n <= most; ++n)
      for (std::size_t i = begin; i + n <= end; ++i) f(words.between(i, i + n - 1));
  }

  template <class C>
  void cut(const C* p, Index length, bool lower, CutWords& words) const {
    if (options_.kind == TermKind::word)
      cut_wide(p, length, lower, words);
    else
      cut_characters(p, length, lower, words);
  }

  bool is_member(std::uint32_t c) const { return (options_.members[c >> 3] >> (c & 7) & 1) != 0; }

  static void character(CutWords& words, std::uint32_t c) {
    const std::size_t begin = words.bytes.size();
    append_utf8(words.bytes, c);
    words.spans.push_back({begin, words.bytes.size()});
  }

  template <class C>
  void cut_characters(const C* p, Index length, bool lower, CutWords& words) const {
    const bool bounded = options_.kind == TermKind::bounded;
    words.spans.reserve(static_cast<std::size_t>(length) + 16);
    for (Index i = 0; i < length;) {
      if (is_member(p[i])) {
        Index end = i + 1;
        while (end < length && is_member(p[end])) ++end;
        if (!bounded) character(words, end - i > 1 ? ' ' : static_cast<std::uint32_t>(p[i]));
        i = end;
        continue;
      }
      if (bounded) character(words, ' ');
      for (; i < length && !is_member(p[i]); ++i) {
        const std::uint32_t c = p[i];
        character(words, lower && c >= 'A' && c <= 'Z' ? c + 32 : c);
      }
      if (!bounded) continue;
      character(words, ' ');
      words.runs.push_back(words.spans.size());
    }
  }

  void keep(CutWords& words, std::size_t begin) const {
    if (stop_.size() > 0 && stop_.find(std::string_view(words.bytes.data() + begin, words.bytes.size() - begin)) >= 0) {
      words.bytes.resize(begin);
      return;
    }
    words.spans.push_back({begin, words.bytes.size()});
    words.bytes.push_back(' ');
  }

  // Where words begin and end is found 64 bytes at a time.
  void cut_ascii(const char* p, Index length, bool lower, CutWords& words) const {
    constexpr std::size_t kStep = 16;  // bytes of a word that are copied at a time
    const Index blocks = (length + 63) / 64, whole = length / 64;
    const std::size_t room = static_cast<std::size_t>(64 * blocks);
    if (words.copy.size() < room + kStep) {
      words.edges.resize(room / 64);
      words.bounds.resize(room + 65);
      words.copy.resize(room + kStep);
      words.close.resize(room + 2 * kStep);
    }
    const auto* const from = reinterpret_cast<const unsigned char*>(p);
    auto* const copy = reinterpret_cast<unsigned char*>(words.copy.data());
    std::uint64_t* const edges = words.edges.data();
    kernels_.ascii_words(from, whole, lower, edges, copy);
    if (whole < blocks) {
      unsigned char last[64] = {};
      std::memcpy(last, from + 64 * whole, static_cast<std::size_t>(length - 64 * whole));
      kernels_.ascii_words(last, 1, lower, edges + whole, copy + 64 * whole);
    }
    std::uint64_t before = 0;
    for (Index b = 0; b < blocks; ++b) {
      const std::uint64_t inside = edges[b];
      edges[b] = inside ^ (inside << 1 | before);
      before = inside >> 63;
    }
    std::uint32_t* const bounds = words.bounds.data();
    Index found = kernels_.bit_positions(edges, blocks, 0, bounds);
    if (before != 0) bounds[found++] = static_cast<std::uint32_t>(64 * blocks);
    const bool alone = options_.max_n == 1;
    char* const close = words.close.data();
    std::size_t at = 0, kept = 0;
    words.spans.resize(static_cast<std::size_t>(found / 2));
    for (Index i = 0; i < found; i += 2) {
      const std::size_t begin = bounds[i], size = bounds[i + 1] - begin;
      if (size < static_cast<std::size_t>(options_.min_length)) continue;
      const char* const word = words.copy.data() + begin;
      if (stop_.size() > 0 && stop_.find(std::string_view(word, size)) >= 0) continue;
      CutWords::Span& span = words.spans[kept++];
      span.begin = alone ? begin : at;
      span.end = span.begin + size;
      if (alone) continue;
      for (std::size_t k = 0; k < size; k += kStep) std::memcpy(close + at + k, word + k, kStep);
      at += size;
      close[at++] = ' ';
    }
    words.spans.resize(kept);
    words.text = alone ? words.copy.data() : close;
  }

  template <class C>
  void cut_wide(const C* p, Index length, bool lower, CutWords& words) const {
    for (Index i = 0; i < length;) {
      if (!is_member(p[i])) {
        ++i;
        continue;
      }
      Index end = i + 1;
      while (end < length && is_member(p[end])) ++end;
      if (end - i >= options_.min_length) {
        const std::size_t begin = words.bytes.size();
        for (Index k = i; k < end; ++k) append_utf8(words.bytes, lower ? static_cast<unsigned char>(ascii_.of[p[k] & 127]) : p[k]);
        keep(words, begin);
      }
      i = end;
    }
  }

  const TermOptions& options_;
  const TermTable& stop_;
  AsciiTable ascii_;
  const TextKernels& kernels_;
};

}  // namespace pyffnn::text
