// bf16: the upper half of a float32, 8 significant bits. Rounding is to the nearest, ties to even; subnormal numbers count as zero (with
// their sign); NaN stays a (quiet) NaN; from 2^127 (2 - 2^-8) on a number becomes infinite. So does the instruction vcvtne2ps2bf16.
//
// A pair is two bf16 numbers in 32 bits, the first in the lower half: what a tile product multiplies and adds at a time.
#pragma once
#include "simd/pack.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

constexpr std::uint32_t kUpper = 0xffff0000u, kExponent = 0x7f800000u;

// Sixteen pairs.
struct Pairs {
  VecU32 v[kWide / kLanes<float>];
};

// The first `Parts` of x = x0 + x1 + x2: x0 is x in bf16, x1 is x - x0 in bf16, and so on, with |x - x0 - x1| <= 2^-17 times the power of
// two at or below |x|. Three parts leave no rest, but of what is subnormal in bf16. The others are 0 where x0 is not finite, so that an
// infinity is one (inf - inf would be NaN).
template <int Parts>
struct PartsOfPairs {
  Pairs part[Parts];
};

#if PYFFNN_ISA_IS_amx

PYFFNN_INLINE VecU32 to_bf16(VecF first, VecF second) { return (VecU32)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first); }

PYFFNN_INLINE VecF below(VecF x, VecU32 hi) {
  const __mmask16 finite = _mm512_cmpneq_epi32_mask(_mm512_and_si512((__m512i)hi, _mm512_set1_epi32(static_cast<int>(kExponent))),
                                                    _mm512_set1_epi32(static_cast<int>(kExponent)));
  return (VecF)_mm512_maskz_sub_ps(finite, (__m512)x, (__m512)hi);
}

// Words from[i] of the 32 words of x, where bit i of `mask` is set, else 0. (With a mask because the compiler warns of the intrinsic
// without.)
PYFFNN_INLINE VecU32 pick_words(VecU32 x, __m512i from, __mmask32 mask) {
  return (VecU32)_mm512_maskz_permutexvar_epi16(mask, from, (__m512i)x);
}

// Pairs of neighbours: lane r is (x_2r, x_2r+1) of the 32 numbers x0 x1.
template <int Parts>
PYFFNN_INLINE void pairs_along(const Pack<float>& x0, const Pack<float>& x1, PartsOfPairs<Parts>& out) {
  // word i to the upper half of lane i: the float32 that it stands for
  const __m512i lower =
      _mm512_set_epi16(15, 15, 14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 9, 9, 8, 8, 7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
  const __m512i upper = _mm512_add_epi16(lower, _mm512_set1_epi16(16));
  constexpr __mmask32 kOdd = 0xaaaaaaaau;
  VecF rest0 = x0.v[0], rest1 = x1.v[0];
  PYFFNN_UNROLL for (int q = 0; q < Parts; ++q) {
    const VecU32 part = to_bf16(rest0, rest1);
    out.part[q].v[0] = part;
    if (q + 1 == Parts) break;
    rest0 = below(rest0, pick_words(part, lower, kOdd));
    rest1 = below(rest1, pick_words(part, upper, kOdd));
  }
}

// Pairs across: lane i is (x0_i, x1_i).
template <int Parts>
PYFFNN_INLINE void pairs_across(const Pack<float>& x0, const Pack<float>& x1, PartsOfPairs<Parts>& out) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3,
                                         18, 2, 17, 1, 16, 0);
  constexpr __mmask32 kAll = 0xffffffffu;
  VecF rest0 = x0.v[0], rest1 = x1.v[0];
  PYFFNN_UNROLL for (int q = 0; q < Parts; ++q) {
    const VecU32 part = pick_words(to_bf16(rest0, rest1), order, kAll);
    out.part[q].v[0] = part;
    if (q + 1 == Parts) break;
    rest0 = below(rest0, part << 16);
    rest1 = below(rest1, part & kUpper);
  }
}

// In each quarter of a vector: the lower or upper two lanes of a and b in turn; the lower or upper half of a, then of b. And quarters 0 and
// 2, or 1 and 3, of a, then of b. (With masks for the sake of the warnings, as above. Of __builtin_shufflevector GCC 12 makes instructions
// that need a table of indices.)
constexpr __mmask16 kLanes32 = 0xffff;
constexpr __mmask8 kLanes64 = 0xff;
PYFFNN_INLINE VecU32 zip_low(VecU32 a, VecU32 b) { return (VecU32)_mm512_maskz_unpacklo_epi32(kLanes32, (__m512i)a, (__m512i)b); }
PYFFNN_INLINE VecU32 zip_high(VecU32 a, VecU32 b) { return (VecU32)_mm512_maskz_unpackhi_epi32(kLanes32, (__m512i)a, (__m512i)b); }
PYFFNN_INLINE VecU32 halves_low(VecU32 a, VecU32 b) { return (VecU32)_mm512_maskz_unpacklo_epi64(kLanes64, (__m512i)a, (__m512i)b); }
PYFFNN_INLINE VecU32 halves_high(VecU32 a, VecU32 b) { return (VecU32)_mm512_maskz_unpackhi_epi64(kLanes64, (__m512i)a, (__m512i)b); }
PYFFNN_INLINE VecU32 even_quarters(VecU32 a, VecU32 b) {
  return (VecU32)_mm512_maskz_shuffle_i32x4(kLanes32, (__m512i)a, (__m512i)b, 0x88);
}
PYFFNN_INLINE VecU32 odd_quarters(VecU32 a, VecU32 b) { return (VecU32)_mm512_maskz_shuffle_i32x4(kLanes32, (__m512i)a, (__m512i)b, 0xdd); }

// Lane j of row i and lane i of row j change places. None of the shuffles needs a table of indices, so the rows stay in registers.
PYFFNN_INLINE void transpose(Pairs (&rows)[kWide]) {
  VecU32 r[kWide];
  PYFFNN_UNROLL for (int i = 0; i < kWide; i += 4) {
    const VecU32 low = zip_low(rows[i].v[0], rows[i + 1].v[0]), high = zip_high(rows[i].v[0], rows[i + 1].v[0]);
    const VecU32 next_low = zip_low(rows[i + 2].v[0], rows[i + 3].v[0]), next_high = zip_high(rows[i + 2].v[0], rows[i + 3].v[0]);
    // r[i + c], quarter q: lane 4 q + c of rows i .. i + 3
    r[i] = halves_low(low, next_low);
    r[i + 1] = halves_high(low, next_low);
    r[i + 2] = halves_low(high, next_high);
    r[i + 3] = halves_high(high, next_high);
  }
  PYFFNN_UNROLL for (int c = 0; c < 4; ++c) {
    const VecU32 even = even_quarters(r[c], r[4 + c]), odd = odd_quarters(r[c], r[4 + c]);
    const VecU32 next_even = even_quarters(r[8 + c], r[12 + c]), next_odd = odd_quarters(r[8 + c], r[12 + c]);
    rows[c].v[0] = even_quarters(even, next_even);
    rows[4 + c].v[0] = even_quarters(odd, next_odd);
    rows[8 + c].v[0] = odd_quarters(even, next_even);
    rows[12 + c].v[0] = odd_quarters(odd, next_odd);
  }
}

#else

// The same by integers, one number at a time.
PYFFNN_INLINE std::uint32_t to_bf16(float x) {
  const std::uint32_t u = bits<std::uint32_t>(x), magnitude = u & 0x7fffffffu;
  if (magnitude > kExponent) return (u >> 16) | 0x40u;
  if (magnitude < 0x00800000u) return (u >> 16) & 0x8000u;
  return (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
}
PYFFNN_INLINE float below(float x, std::uint32_t hi) {
  const std::uint32_t u = hi << 16;
  return (u & kExponent) == kExponent ? 0.0f : x - bits<float>(u);
}

template <int Parts>
PYFFNN_INLINE void make_pairs(const float (&x)[2 * kWide], int first, int second, int step, PartsOfPairs<Parts>& out) {
  std::uint32_t pairs[Parts][kWide];
  for (int i = 0; i < kWide; ++i) {
    float a = x[first + i * step], b = x[second + i * step];
    for (int q = 0; q < Parts; ++q) {
      const std::uint32_t pa = to_bf16(a), pb = to_bf16(b);
      pairs[q][i] = pa | (pb << 16);
      a = below(a, pa);
      b = below(b, pb);
    }
  }
  __builtin_memcpy(&out, pairs, sizeof pairs);
}

template <int Parts>
PYFFNN_INLINE void pairs_along(const Pack<float>& x0, const Pack<float>& x1, PartsOfPairs<Parts>& out) {
  float x[2 * kWide];
  pack_store(x, x0);
  pack_store(x + kWide, x1);
  make_pairs(x, 0, 1, 2, out);
}

template <int Parts>
PYFFNN_INLINE void pairs_across(const Pack<float>& x0, const Pack<float>& x1, PartsOfPairs<Parts>& out) {
  float x[2 * kWide];
  pack_store(x, x0);
  pack_store(x + kWide, x1);
  make_pairs(x, 0, kWide, 1, out);
}

PYFFNN_INLINE void transpose(Pairs (&rows)[kWide]) {
  std::uint32_t t[kWide][kWide], u[kWide][kWide];
  __builtin_memcpy(t, rows, sizeof t);
  for (int i = 0; i < kWide; ++i)
    for (int j = 0; j < kWide; ++j) u[i][j] = t[j][i];
  __builtin_memcpy(rows, u, sizeof u);
}

#endif

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
