// 64 bytes at a time: comparisons give a mask of 64 bits, byte i at bit i.
#pragma once
#include <cstring>

#include "simd/vec.h"
#if defined(__SSE2__) && !PYFFNN_ISA_IS_reference
#include <immintrin.h>
#endif

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

#if PYFFNN_VEC_BYTES == 64

struct Bytes64 {
  __m512i x;
};
PYFFNN_INLINE Bytes64 load_bytes(const unsigned char* p) { return {_mm512_loadu_si512(p)}; }
PYFFNN_INLINE std::uint64_t at_most(Bytes64 b, unsigned char v) {
  return _mm512_cmple_epu8_mask(b.x, _mm512_set1_epi8(static_cast<char>(v)));
}
PYFFNN_INLINE std::uint64_t equal_to(Bytes64 b, unsigned char v) {
  return _mm512_cmpeq_epi8_mask(b.x, _mm512_set1_epi8(static_cast<char>(v)));
}
PYFFNN_INLINE std::uint64_t in_range(Bytes64 b, unsigned char low, unsigned char high) {
  return _mm512_cmple_epu8_mask(_mm512_sub_epi8(b.x, _mm512_set1_epi8(static_cast<char>(low))),
                                _mm512_set1_epi8(static_cast<char>(high - low)));
}

// base + the number of each bit set, appended; up to 16 more are written behind. Returns the new end.
PYFFNN_INLINE std::uint32_t* append_positions(std::uint64_t bits, std::uint32_t base, std::uint32_t* out) {
  const __m512i lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  PYFFNN_UNROLL for (int part = 0; part < 4; ++part) {
    const auto mask = static_cast<__mmask16>(bits >> (16 * part));
    const __m512i position = _mm512_add_epi32(lanes, _mm512_set1_epi32(static_cast<int>(base + 16u * static_cast<std::uint32_t>(part))));
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi32(mask, position));
    out += __builtin_popcount(mask);
  }
  return out;
}

#else

#if PYFFNN_VEC_BYTES == 32

struct Bytes64 {
  __m256i x[2];
};
PYFFNN_INLINE Bytes64 load_bytes(const unsigned char* p) {
  return {{_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)), _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32))}};
}
template <class F>
PYFFNN_INLINE std::uint64_t mask_of(Bytes64 b, F f) {
  const auto low = static_cast<std::uint32_t>(_mm256_movemask_epi8(f(b.x[0]))),
             high = static_cast<std::uint32_t>(_mm256_movemask_epi8(f(b.x[1])));
  return static_cast<std::uint64_t>(high) << 32 | low;
}
PYFFNN_INLINE std::uint64_t at_most(Bytes64 b, unsigned char v) {
  const __m256i limit = _mm256_set1_epi8(static_cast<char>(v));
  return mask_of(b, [limit](__m256i x) PYFFNN_LAMBDA_INLINE { return _mm256_cmpeq_epi8(_mm256_min_epu8(x, limit), x); });
}
PYFFNN_INLINE std::uint64_t equal_to(Bytes64 b, unsigned char v) {
  const __m256i value = _mm256_set1_epi8(static_cast<char>(v));
  return mask_of(b, [value](__m256i x) PYFFNN_LAMBDA_INLINE { return _mm256_cmpeq_epi8(x, value); });
}
PYFFNN_INLINE std::uint64_t in_range(Bytes64 b, unsigned char low, unsigned char high) {
  const __m256i first = _mm256_set1_epi8(static_cast<char>(low));
  return at_most({{_mm256_sub_epi8(b.x[0], first), _mm256_sub_epi8(b.x[1], first)}}, static_cast<unsigned char>(high - low));
}

#elif defined(__SSE2__) && !PYFFNN_ISA_IS_reference

struct Bytes64 {
  __m128i x[4];
};
PYFFNN_INLINE Bytes64 load_bytes(const unsigned char* p) {
  Bytes64 b;
  PYFFNN_UNROLL for (int i = 0; i < 4; ++i) b.x[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 16 * i));
  return b;
}
template <class F>
PYFFNN_INLINE std::uint64_t mask_of(Bytes64 b, F f) {
  std::uint64_t mask = 0;
  PYFFNN_UNROLL for (int i = 0; i < 4; ++i) mask |= static_cast<std::uint64_t>(static_cast<std::uint32_t>(_mm_movemask_epi8(f(b.x[i]))))
                                                    << (16 * i);
  return mask;
}
PYFFNN_INLINE std::uint64_t at_most(Bytes64 b, unsigned char v) {
  const __m128i limit = _mm_set1_epi8(static_cast<char>(v));
  return mask_of(b, [limit](__m128i x) PYFFNN_LAMBDA_INLINE { return _mm_cmpeq_epi8(_mm_min_epu8(x, limit), x); });
}
PYFFNN_INLINE std::uint64_t equal_to(Bytes64 b, unsigned char v) {
  const __m128i value = _mm_set1_epi8(static_cast<char>(v));
  return mask_of(b, [value](__m128i x) PYFFNN_LAMBDA_INLINE { return _mm_cmpeq_epi8(x, value); });
}
PYFFNN_INLINE std::uint64_t in_range(Bytes64 b, unsigned char low, unsigned char high) {
  const __m128i first = _mm_set1_epi8(static_cast<char>(low));
  PYFFNN_UNROLL for (int i = 0; i < 4; ++i) b.x[i] = _mm_sub_epi8(b.x[i], first);
  return at_most(b, static_cast<unsigned char>(high - low));
}

#else

// Eight words of eight bytes: the high bit of each byte is the answer, gathered by a multiplication.
struct Bytes64 {
  std::uint64_t x[8];
};
constexpr std::uint64_t kByteOnes = 0x0101010101010101u, kByteHigh = 0x8080808080808080u;
PYFFNN_INLINE Bytes64 load_bytes(const unsigned char* p) {
  Bytes64 b;
  for (int i = 0; i < 8; ++i) {
    std::memcpy(&b.x[i], p + 8 * i, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    b.x[i] = __builtin_bswap64(b.x[i]);
#endif
  }
  return b;
}
template <class F>
PYFFNN_INLINE std::uint64_t mask_of(Bytes64 b, F f) {
  std::uint64_t mask = 0;
  for (int i = 0; i < 8; ++i) mask |= ((f(b.x[i]) & kByteHigh) >> 7) * 0x0102040810204080u >> 56 << (8 * i);
  return mask;
}
// v below 0x7F.
PYFFNN_INLINE std::uint64_t at_most(Bytes64 b, unsigned char v) {
  return mask_of(b, [v](std::uint64_t x) { return ~(((x & ~kByteHigh) + kByteOnes * (0x7Fu - v)) | x); });
}
PYFFNN_INLINE std::uint64_t equal_to(Bytes64 b, unsigned char v) {
  return mask_of(b, [v](std::uint64_t x) {
    const std::uint64_t y = x ^ kByteOnes * v;
    return ~(((y & ~kByteHigh) + ~kByteHigh) | y);
  });
}
PYFFNN_INLINE std::uint64_t in_range(Bytes64 b, unsigned char low, unsigned char high) {
  std::uint64_t mask = 0;
  for (unsigned v = low; v <= high; ++v) mask |= equal_to(b, static_cast<unsigned char>(v));
  return mask;
}

#endif

PYFFNN_INLINE int count_bits(std::uint64_t x) {
  x -= x >> 1 & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
  return static_cast<int>(((x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu) * 0x0101010101010101u >> 56);
}

// base + the number of each bit set, appended; up to 8 more are written behind. Returns the new end.
PYFFNN_INLINE std::uint32_t* append_positions(std::uint64_t bits, std::uint32_t base, std::uint32_t* out) {
  std::uint32_t* const end = out + count_bits(bits);
  // Eight at a time, the surplus overwritten later: how many there are in 64 is not predictable.
  for (; bits != 0; out += 8) {
    PYFFNN_UNROLL for (int i = 0; i < 8; ++i) {
      out[i] = base + static_cast<std::uint32_t>(__builtin_ctzll(bits | std::uint64_t{1} << 63));
      bits &= bits - 1;
    }
  }
  return end;
}

#endif

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
