// x86-64 overrides: SSE2 (no FMA: multiply, then add), AVX2 + FMA, AVX-512.
#pragma once
#include <immintrin.h>

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

#if PYFFNN_VEC_BYTES == 64

constexpr bool kFma = true;

PYFFNN_INLINE VecF fma(VecF a, VecF b, VecF c) { return (VecF)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c); }
PYFFNN_INLINE VecD fma(VecD a, VecD b, VecD c) { return (VecD)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c); }
PYFFNN_INLINE VecF sqrt(VecF a) { return (VecF)_mm512_maskz_sqrt_ps(0xffff, (__m512)a); }
PYFFNN_INLINE VecD sqrt(VecD a) { return (VecD)_mm512_maskz_sqrt_pd(0xff, (__m512d)a); }
// y 2^n for whole n, rounded once
#define PYFFNN_HAS_SCALE 1
PYFFNN_INLINE VecF scale(VecF y, VecF n) { return (VecF)_mm512_maskz_scalef_ps(0xffff, (__m512)y, (__m512)n); }
PYFFNN_INLINE VecD scale(VecD y, VecD n) { return (VecD)_mm512_maskz_scalef_pd(0xff, (__m512d)y, (__m512d)n); }

// a > b ? a : b, a < b ? a : b: so b where either is NaN
PYFFNN_INLINE VecF larger(VecF a, VecF b) { return (VecF)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b); }
PYFFNN_INLINE VecD larger(VecD a, VecD b) { return (VecD)_mm512_maskz_max_pd(0xff, (__m512d)a, (__m512d)b); }
PYFFNN_INLINE VecF smaller(VecF a, VecF b) { return (VecF)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b); }
PYFFNN_INLINE VecD smaller(VecD a, VecD b) { return (VecD)_mm512_maskz_min_pd(0xff, (__m512d)a, (__m512d)b); }

template <class Mask>
PYFFNN_INLINE bool all_lanes(Mask mask) {
  return _mm512_movepi8_mask((__m512i)mask) == ~__mmask64{0};
}

PYFFNN_INLINE VecF lookup8(const float (&table)[8], VecI32 i) {
  return (VecF)_mm512_maskz_permutexvar_ps(0xffff, (__m512i)i, _mm512_maskz_broadcast_f32x8(0xffff, _mm256_loadu_ps(table)));
}

// The 16-byte lanes at p, p + apart, ..., each put in its place by the load.
PYFFNN_INLINE VecF insert_lanes(const float* p, Index apart) {
  __m512 r = _mm512_castps128_ps512(_mm_loadu_ps(p));
  r = _mm512_maskz_insertf32x4(0xffff, r, _mm_loadu_ps(p + apart), 1);
  r = _mm512_maskz_insertf32x4(0xffff, r, _mm_loadu_ps(p + 2 * apart), 2);
  return (VecF)_mm512_maskz_insertf32x4(0xffff, r, _mm_loadu_ps(p + 3 * apart), 3);
}
PYFFNN_INLINE VecD insert_lanes(const double* p, Index apart) {
  __m512d r = _mm512_castpd128_pd512(_mm_loadu_pd(p));
  r = _mm512_maskz_insertf64x2(0xff, r, _mm_loadu_pd(p + apart), 1);
  r = _mm512_maskz_insertf64x2(0xff, r, _mm_loadu_pd(p + 2 * apart), 2);
  return (VecD)_mm512_maskz_insertf64x2(0xff, r, _mm_loadu_pd(p + 3 * apart), 3);
}

// n in [0, lanes]; a masked lane is never touched in memory.
PYFFNN_INLINE VecF load_tail(const float* p, Index n) { return (VecF)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p); }
PYFFNN_INLINE VecD load_tail(const double* p, Index n) { return (VecD)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1u), p); }
PYFFNN_INLINE void store_tail(float* p, VecF v, Index n) { _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), (__m512)v); }
PYFFNN_INLINE void store_tail(double* p, VecD v, Index n) { _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n) - 1u), (__m512d)v); }

// Masked access with the mask made once. The load is written out because the intrinsic, in a loop that also holds a vector of zeros,
// becomes a copy of it and a merge, which costs the micro-kernel a register it does not have.
using LaneMask = __mmask16;
PYFFNN_INLINE LaneMask lane_mask(Index n) { return static_cast<LaneMask>((1u << n) - 1u); }
PYFFNN_INLINE VecF load_masked(const float* p, LaneMask m) {
  VecF v;
  __asm__("vmovups %1, %0%{%2%}%{z%}" : "=v"(v) : "m"(*reinterpret_cast<const VecF*>(p)), "Yk"(m));
  return v;
}
PYFFNN_INLINE VecD load_masked(const double* p, LaneMask m) {
  VecD v;
  __asm__("vmovupd %1, %0%{%2%}%{z%}" : "=v"(v) : "m"(*reinterpret_cast<const VecD*>(p)), "Yk"(m));
  return v;
}
PYFFNN_INLINE void store_masked(float* p, VecF v, LaneMask m) { _mm512_mask_storeu_ps(p, m, (__m512)v); }
PYFFNN_INLINE void store_masked(double* p, VecD v, LaneMask m) { _mm512_mask_storeu_pd(p, static_cast<__mmask8>(m), (__m512d)v); }
// The lanes of m side by side from lane 0 on, zeros behind; and back to the lanes of m, zeros elsewhere; a + b in those lanes, a elsewhere.
PYFFNN_INLINE VecF compress(VecF v, LaneMask m) { return (VecF)_mm512_maskz_compress_ps(m, (__m512)v); }
PYFFNN_INLINE VecD compress(VecD v, LaneMask m) { return (VecD)_mm512_maskz_compress_pd(static_cast<__mmask8>(m), (__m512d)v); }
PYFFNN_INLINE VecF expand(VecF v, LaneMask m) { return (VecF)_mm512_maskz_expand_ps(m, (__m512)v); }
PYFFNN_INLINE VecD expand(VecD v, LaneMask m) { return (VecD)_mm512_maskz_expand_pd(static_cast<__mmask8>(m), (__m512d)v); }
PYFFNN_INLINE VecF add_lanes(VecF a, VecF b, LaneMask m) { return (VecF)_mm512_mask_add_ps((__m512)a, m, (__m512)a, (__m512)b); }
PYFFNN_INLINE VecD add_lanes(VecD a, VecD b, LaneMask m) {
  return (VecD)_mm512_mask_add_pd((__m512d)a, static_cast<__mmask8>(m), (__m512d)a, (__m512d)b);
}

// Half vectors: the rest of a row that a whole vector would mostly waste.
typedef float HalfF __attribute__((vector_size(32)));
typedef double HalfD __attribute__((vector_size(32)));
template <class T>
struct HalfOf;
template <>
struct HalfOf<float> {
  using V = HalfF;
};
template <>
struct HalfOf<double> {
  using V = HalfD;
};
template <class T>
using HalfVec = typename HalfOf<T>::V;
PYFFNN_INLINE HalfF load_masked_half(const float* p, LaneMask m) {
  HalfF v;
  __asm__("vmovups %1, %0%{%2%}%{z%}" : "=v"(v) : "m"(*reinterpret_cast<const HalfF*>(p)), "Yk"(m));
  return v;
}
PYFFNN_INLINE HalfD load_masked_half(const double* p, LaneMask m) {
  HalfD v;
  __asm__("vmovupd %1, %0%{%2%}%{z%}" : "=v"(v) : "m"(*reinterpret_cast<const HalfD*>(p)), "Yk"(m));
  return v;
}
PYFFNN_INLINE void store_masked(float* p, HalfF v, LaneMask m) { _mm256_mask_storeu_ps(p, static_cast<__mmask8>(m), (__m256)v); }
PYFFNN_INLINE void store_masked(double* p, HalfD v, LaneMask m) { _mm256_mask_storeu_pd(p, static_cast<__mmask8>(m), (__m256d)v); }
PYFFNN_INLINE HalfF low_half(VecF a) { return __builtin_shufflevector(a, a, 0, 1, 2, 3, 4, 5, 6, 7); }
PYFFNN_INLINE HalfD low_half(VecD a) { return __builtin_shufflevector(a, a, 0, 1, 2, 3); }
PYFFNN_INLINE HalfF fma_half(HalfF a, HalfF b, HalfF c) { return (HalfF)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
PYFFNN_INLINE HalfD fma_half(HalfD a, HalfD b, HalfD c) { return (HalfD)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }

#elif PYFFNN_VEC_BYTES == 32

constexpr bool kFma = true;

PYFFNN_INLINE VecF fma(VecF a, VecF b, VecF c) { return (VecF)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
PYFFNN_INLINE VecD fma(VecD a, VecD b, VecD c) { return (VecD)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
PYFFNN_INLINE VecF sqrt(VecF a) { return (VecF)_mm256_sqrt_ps((__m256)a); }
PYFFNN_INLINE VecD sqrt(VecD a) { return (VecD)_mm256_sqrt_pd((__m256d)a); }
PYFFNN_INLINE VecF larger(VecF a, VecF b) { return (VecF)_mm256_max_ps((__m256)a, (__m256)b); }
PYFFNN_INLINE VecD larger(VecD a, VecD b) { return (VecD)_mm256_max_pd((__m256d)a, (__m256d)b); }
PYFFNN_INLINE VecF smaller(VecF a, VecF b) { return (VecF)_mm256_min_ps((__m256)a, (__m256)b); }
PYFFNN_INLINE VecD smaller(VecD a, VecD b) { return (VecD)_mm256_min_pd((__m256d)a, (__m256d)b); }

template <class Mask>
PYFFNN_INLINE bool all_lanes(Mask mask) {
  return _mm256_movemask_epi8((__m256i)mask) == -1;
}

PYFFNN_INLINE VecF lookup8(const float (&table)[8], VecI32 i) { return (VecF)_mm256_permutevar8x32_ps(_mm256_loadu_ps(table), (__m256i)i); }

PYFFNN_INLINE __m256i tail_mask32(Index n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
PYFFNN_INLINE __m256i tail_mask64(Index n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
PYFFNN_INLINE VecF load_tail(const float* p, Index n) { return (VecF)_mm256_maskload_ps(p, tail_mask32(n)); }
PYFFNN_INLINE VecD load_tail(const double* p, Index n) { return (VecD)_mm256_maskload_pd(p, tail_mask64(n)); }
// In pieces: a masked store is dozens of micro-operations on AMD, and no later load is forwarded from it.
PYFFNN_INLINE void store_tail(float* p, VecF v, Index n) {
  if (n >= 8) return store(p, v);
  __m128 low = _mm256_castps256_ps128((__m256)v);
  if ((n & 4) != 0) {
    _mm_storeu_ps(p, low);
    low = _mm256_extractf128_ps((__m256)v, 1);
    p += 4;
  }
  if ((n & 2) != 0) {
    _mm_storel_pi(reinterpret_cast<__m64*>(p), low);
    low = _mm_movehl_ps(low, low);
    p += 2;
  }
  if ((n & 1) != 0) _mm_store_ss(p, low);
}
PYFFNN_INLINE void store_tail(double* p, VecD v, Index n) {
  if (n >= 4) return store(p, v);
  __m128d low = _mm256_castpd256_pd128((__m256d)v);
  if ((n & 2) != 0) {
    _mm_storeu_pd(p, low);
    low = _mm256_extractf128_pd((__m256d)v, 1);
    p += 2;
  }
  if ((n & 1) != 0) _mm_store_sd(p, low);
}

#else

constexpr bool kFma = false;

PYFFNN_INLINE VecF fma(VecF a, VecF b, VecF c) { return a * b + c; }
PYFFNN_INLINE VecD fma(VecD a, VecD b, VecD c) { return a * b + c; }
PYFFNN_INLINE VecF sqrt(VecF a) { return (VecF)_mm_sqrt_ps((__m128)a); }
PYFFNN_INLINE VecD sqrt(VecD a) { return (VecD)_mm_sqrt_pd((__m128d)a); }
PYFFNN_INLINE VecF larger(VecF a, VecF b) { return (VecF)_mm_max_ps((__m128)a, (__m128)b); }
PYFFNN_INLINE VecD larger(VecD a, VecD b) { return (VecD)_mm_max_pd((__m128d)a, (__m128d)b); }
PYFFNN_INLINE VecF smaller(VecF a, VecF b) { return (VecF)_mm_min_ps((__m128)a, (__m128)b); }
PYFFNN_INLINE VecD smaller(VecD a, VecD b) { return (VecD)_mm_min_pd((__m128d)a, (__m128d)b); }

template <class Mask>
PYFFNN_INLINE bool all_lanes(Mask mask) {
  return _mm_movemask_epi8((__m128i)mask) == 0xffff;
}

PYFFNN_INLINE VecF lookup8(const float (&table)[8], VecI32 i) {
  return VecF{table[i[0] & 7], table[i[1] & 7], table[i[2] & 7], table[i[3] & 7]};
}

PYFFNN_INLINE VecF load_tail(const float* p, Index n) {
  if (n >= 4) return load(p);
  VecF v{};
  if (n > 0) v[0] = p[0];
  if (n > 1) v[1] = p[1];
  if (n > 2) v[2] = p[2];
  return v;
}
PYFFNN_INLINE VecD load_tail(const double* p, Index n) {
  if (n >= 2) return load(p);
  VecD v{};
  if (n > 0) v[0] = p[0];
  return v;
}
PYFFNN_INLINE void store_tail(float* p, VecF v, Index n) {
  if (n >= 4) return store(p, v);
  if (n > 0) p[0] = v[0];
  if (n > 1) p[1] = v[1];
  if (n > 2) p[2] = v[2];
}
PYFFNN_INLINE void store_tail(double* p, VecD v, Index n) {
  if (n >= 2) return store(p, v);
  if (n > 0) p[0] = v[0];
}

#endif

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
