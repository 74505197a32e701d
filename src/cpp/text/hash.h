// Hashes of words and n-grams. They are part of the model format: a change of any constant here makes old models useless.
// fold(a, b) is the low half xor the high half of the 128-bit product a * b.
#pragma once
#include <cstring>

#include "core/types.h"

namespace pyffnn::text {

constexpr std::uint64_t kHashA = 0x9E3779B97F4A7C15u;
constexpr std::uint64_t kHashB = 0xD6E8FEB86659FD93u;
constexpr std::uint64_t kHashC = 0xA0761D6478BD642Fu;

inline std::uint64_t multiply_high(std::uint64_t a, std::uint64_t b) {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(a) * b >> 64);
}
inline std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 p = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(p) ^ static_cast<std::uint64_t>(p >> 64);
}
// A hash spread over [0, n) by its high bits.
inline std::uint64_t reduce(std::uint64_t hash, std::uint64_t n) { return multiply_high(hash, n); }

inline std::uint64_t load_word(const char* p) {
  std::uint64_t x;
  std::memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  x = __builtin_bswap64(x);
#endif
  return x;
}

// Eight ASCII bytes in lower case; bytes beyond ASCII stay.
inline std::uint64_t lower_word(std::uint64_t x) {
  constexpr std::uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
  const std::uint64_t low7 = x & ~high;
  const std::uint64_t upper = (low7 + ones * (0x80 - 'A')) & ~(low7 + ones * (0x80 - 'Z' - 1)) & ~x & high;
  return x | upper >> 2;
}

// The same where all eight are ASCII.
inline std::uint64_t lower_ascii(std::uint64_t x) {
  constexpr std::uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;
  return x | ((x + ones * (0x80 - 'A')) & ~(x + ones * (0x80 - 'Z' - 1)) & high) >> 2;
}

// What identifies a word, 16 bytes that are compared as two integers.
//   up to 15 bytes: the word itself, its bytes from the low end of lo on, then of hi, and size + 1 in the top byte of hi: equal keys are
//   equal words; 16 and more: lo a hash, hi the size with 255 in its top byte. The hash: h = size * A; for each whole 16 bytes (x, y)
//   before the last 16, h = fold(x ^ h, y ^ B); then fold(x ^ h ^ C, y ^ B) of the last 16.
struct Key {
  std::uint64_t lo, hi;
};
constexpr std::uint64_t kLongKey = std::uint64_t{255} << 56;
inline bool is_long(const Key& key) { return key.hi >= kLongKey; }
inline std::uint64_t hash(const Key& key) { return fold(key.lo ^ kHashA, key.hi ^ kHashB); }

struct KeyMasks {
  Key of[16];  // of a word of so many bytes
};
constexpr KeyMasks kKeyMasks = [] {
  KeyMasks m{};
  for (int n = 0; n < 16; ++n) {
    m.of[n].lo = n >= 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * n)) - 1;
    m.of[n].hi = n > 8 ? (std::uint64_t{1} << (8 * (n - 8))) - 1 : 0;
  }
  return m;
}();

template <bool Lower>
inline Key long_key(const char* p, std::size_t n) {
  const auto at = [p](std::size_t i) { return Lower ? lower_word(load_word(p + i)) : load_word(p + i); };
  std::uint64_t h = static_cast<std::uint64_t>(n) * kHashA;
  for (std::size_t i = 0; i + 16 < n; i += 16) h = fold(at(i) ^ h, at(i + 8) ^ kHashB);
  return {fold(at(n - 16) ^ h ^ kHashC, at(n - 8) ^ kHashB), kLongKey | static_cast<std::uint64_t>(n)};
}

// `Lower` takes the word as if its ASCII letters were in lower case. Words of up to 15 bytes are read as 16: p[0..16) must be readable.
template <bool Lower>
inline Key word_key(const char* p, std::size_t n) {
  if (__builtin_expect(n > 15, 0)) return long_key<Lower>(p, n);
  const Key mask = kKeyMasks.of[n];
  std::uint64_t lo = load_word(p) & mask.lo, hi = load_word(p + 8) & mask.hi;
  if (Lower) {
    lo = lower_word(lo);
    hi = lower_word(hi);
  }
  return {lo, hi | static_cast<std::uint64_t>(n + 1) << 56};
}

// Word n-grams hash the ids of their words: g(w) = (w + 1) * A mod 2^64; a chain starts with g(w1) and takes each next word by extend().
inline std::uint64_t gram_start(std::uint32_t word) { return (std::uint64_t{word} + 1) * kHashA; }
inline std::uint64_t gram_extend(std::uint64_t chain, std::uint32_t word) { return fold(chain ^ kHashB, gram_start(word) ^ kHashC); }

}  // namespace pyffnn::text
