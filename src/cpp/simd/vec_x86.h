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

// n in [0, lanes]; a masked lane is never touched in memory.
PYFFNN_INLINE VecF load_tail(const float* p, Index n) { return (VecF)_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1u), p); }
PYFFNN_INLINE VecD load_tail(const double* p, Index n) { return (VecD)_mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << n) - 1u), p); }
PYFFNN_INLINE void store_tail(float* p, VecF v, Index n) { _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1u), (__m512)v); }
PYFFNN_INLINE void store_tail(double* p, VecD v, Index n) { _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << n) - 1u), (__m512d)v); }

#elif PYFFNN_VEC_BYTES == 32

constexpr bool kFma = true;

PYFFNN_INLINE VecF fma(VecF a, VecF b, VecF c) { return (VecF)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c); }
PYFFNN_INLINE VecD fma(VecD a, VecD b, VecD c) { return (VecD)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c); }
PYFFNN_INLINE VecF sqrt(VecF a) { return (VecF)_mm256_sqrt_ps((__m256)a); }
PYFFNN_INLINE VecD sqrt(VecD a) { return (VecD)_mm256_sqrt_pd((__m256d)a); }

PYFFNN_INLINE __m256i tail_mask32(Index n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
PYFFNN_INLINE __m256i tail_mask64(Index n) { return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3)); }
PYFFNN_INLINE VecF load_tail(const float* p, Index n) { return (VecF)_mm256_maskload_ps(p, tail_mask32(n)); }
PYFFNN_INLINE VecD load_tail(const double* p, Index n) { return (VecD)_mm256_maskload_pd(p, tail_mask64(n)); }
PYFFNN_INLINE void store_tail(float* p, VecF v, Index n) { _mm256_maskstore_ps(p, tail_mask32(n), (__m256)v); }
PYFFNN_INLINE void store_tail(double* p, VecD v, Index n) { _mm256_maskstore_pd(p, tail_mask64(n), (__m256d)v); }

#else

constexpr bool kFma = false;

PYFFNN_INLINE VecF fma(VecF a, VecF b, VecF c) { return a * b + c; }
PYFFNN_INLINE VecD fma(VecD a, VecD b, VecD c) { return a * b + c; }
PYFFNN_INLINE VecF sqrt(VecF a) { return (VecF)_mm_sqrt_ps((__m128)a); }
PYFFNN_INLINE VecD sqrt(VecD a) { return (VecD)_mm_sqrt_pd((__m128d)a); }

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
