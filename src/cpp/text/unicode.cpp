#include "text/unicode.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <vector>

#include "text/unicode_data.h"

namespace pyffnn::text {

namespace {

using Byte = unsigned char;
using Code = std::uint32_t;

struct Decoded {
  Code code;
  int length;  // bytes taken; of an ill-formed sequence its maximal subpart
  bool valid;
};

// Table 3-7 of the Unicode Standard: which second bytes may follow a lead byte.
Decoded decode(const Byte* p, const Byte* end) {
  const Byte lead = *p;
  if (lead < 0x80) return {lead, 1, true};
  if (lead < 0xC2 || lead > 0xF4) return {0, 1, false};
  const int length = utf8_length(lead);
  Byte low = 0x80, high = 0xBF;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  Code code = lead & (0x7Fu >> length);
  for (int i = 1; i < length; ++i) {
    if (p + i == end || p[i] < low || p[i] > high) return {0, i, false};
    code = code << 6 | (p[i] & 0x3Fu);
    low = 0x80;
    high = 0xBF;
  }
  return {code, length, true};
}

void append_utf8(Code c, std::string& out) {
  const auto put = [&out](Code byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 0x3F));
    put(0x80 | (c >> 6 & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

// The index of the range that holds c, or N.
template <class Range, std::size_t N>
constexpr std::size_t find_range(const Range (&ranges)[N], Code c) {
  std::size_t low = 0, high = N;
  while (low < high) {
    const std::size_t mid = (low + high) / 2;
    if (ranges[mid].last < c)
      low = mid + 1;
    else
      high = mid;
  }
  return low < N && ranges[low].first <= c ? low : N;
}
template <class Range, std::size_t N>
constexpr bool in_ranges(const Range (&ranges)[N], Code c) {
  return find_range(ranges, c) != N;
}

constexpr Code search_lower(Code c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  const std::size_t i = find_range(kLowerRanges, c);
  if (i == std::size(kLowerRanges) || (c - kLowerRanges[i].first) % kLowerRanges[i].step != 0) return c;
  return static_cast<Code>(static_cast<std::int32_t>(c) + kLowerRanges[i].delta);
}

// Latin, Greek, Cyrillic and Armenian without a search.
constexpr Code kDirect = 0x590;
constexpr std::array<std::uint16_t, kDirect> kDirectLower = [] {
  std::array<std::uint16_t, kDirect> table{};
  for (Code c = 0; c < kDirect; ++c) table[c] = static_cast<std::uint16_t>(search_lower(c));
  return table;
}();

Code lower(Code c) { return c < kDirect ? kDirectLower[c] : search_lower(c); }

constexpr Code kSigma = 0x3A3, kSmallSigma = 0x3C3, kFinalSigma = 0x3C2, kDottedI = 0x130, kDotAbove = 0x307;

// A sigma is final after a cased letter and before none, case-ignorable characters left aside (Unicode 3.13, Final_Sigma).
bool is_final_sigma(const std::vector<Code>& codes, std::size_t at) {
  const auto cased_from = [&codes](std::size_t i, std::size_t stop, std::size_t step) {
    for (; i != stop; i += step) {
      if (!in_ranges(kCaseIgnorable, codes[i])) return in_ranges(kCased, codes[i]);
    }
    return false;
  };
  constexpr std::size_t kBack = static_cast<std::size_t>(-1);
  return cased_from(at + kBack, kBack, kBack) && !cased_from(at + 1, codes.size(), 1);
}

}  // namespace

Index find_invalid_utf8(std::string_view bytes) {
  const Byte* const begin = reinterpret_cast<const Byte*>(bytes.data());
  const Byte* const end = begin + bytes.size();
  const Byte* p = begin;
  while (p != end) {
    if (end - p >= 64) {
      std::uint64_t x[8];
      std::memcpy(x, p, 64);
      if (((x[0] | x[1] | x[2] | x[3] | x[4] | x[5] | x[6] | x[7]) & 0x8080808080808080u) == 0) {
        p += 64;
        continue;
      }
    }
    if (*p < 0x80) {
      ++p;
      continue;
    }
    const Decoded d = decode(p, end);
    if (!d.valid) return p - begin;
    p += d.length;
  }
  return static_cast<Index>(bytes.size());
}

void repair_utf8(std::string_view bytes, std::string& out) {
  out.clear();
  const Byte* p = reinterpret_cast<const Byte*>(bytes.data());
  const Byte* const end = p + bytes.size();
  while (p != end) {
    const Decoded d = decode(p, end);
    if (d.valid)
      out.append(reinterpret_cast<const char*>(p), static_cast<std::size_t>(d.length));
    else
      append_utf8(0xFFFD, out);
    p += d.length;
  }
}

void append_lower(std::string_view word, std::string& out) {
  const Byte* const begin = reinterpret_cast<const Byte*>(word.data());
  const Byte* const end = begin + word.size();
  std::vector<Code> codes;  // only for a sigma
  std::size_t at = 0;
  for (const Byte* p = begin; p != end; ++at) {
    const Decoded d = decode(p, end);
    p += d.length;
    if (d.code == kDottedI) {
      append_utf8('i', out);
      append_utf8(kDotAbove, out);
    } else if (d.code == kSigma) {
      if (codes.empty()) {
        for (const Byte* q = begin; q != end;) {
          const Decoded other = decode(q, end);
          codes.push_back(other.code);
          q += other.length;
        }
      }
      append_utf8(is_final_sigma(codes, at) ? kFinalSigma : kSmallSigma, out);
    } else {
      append_utf8(lower(d.code), out);
    }
  }
}

}  // namespace pyffnn::text
