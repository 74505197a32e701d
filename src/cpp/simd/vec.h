// One native vector, on GCC/Clang vector types. Everything here lives in this ISA's namespace and is always inlined, so no vector crosses
// a function boundary. Arithmetic, compares and `mask ? a : b` are the compiler's own operators; the operations that it does not
// guarantee (fma, sqrt, masked tails, broadcast, lookup8: table[i mod 8] in each lane, all_lanes: is a compare true in every lane) are
// overridden in vec_x86.h and vec_neon.h.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "core/types.h"

#define PYFFNN_INLINE inline __attribute__((always_inline))
#define PYFFNN_LAMBDA_INLINE __attribute__((always_inline))
#if PYFFNN_ISA_IS_reference || PYFFNN_ISA_IS_amx_emulated
#define PYFFNN_UNROLL  // sixteen scalar lanes unrolled cost a tenfold compile time and gain nothing there
#else
#define PYFFNN_UNROLL _Pragma("GCC unroll 16")
#endif

#if PYFFNN_ISA_IS_avx512 || PYFFNN_ISA_IS_amx
#define PYFFNN_VEC_BYTES 64
#elif PYFFNN_ISA_IS_avx2
#define PYFFNN_VEC_BYTES 32
#elif PYFFNN_ISA_IS_sse2 || PYFFNN_ISA_IS_neon
#define PYFFNN_VEC_BYTES 16
#endif

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

#ifdef PYFFNN_VEC_BYTES
constexpr bool kScalar = false;
constexpr int kVecBytes = PYFFNN_VEC_BYTES;
typedef float VecF __attribute__((vector_size(PYFFNN_VEC_BYTES)));
typedef double VecD __attribute__((vector_size(PYFFNN_VEC_BYTES)));
typedef std::int32_t VecI32 __attribute__((vector_size(PYFFNN_VEC_BYTES)));
typedef std::int64_t VecI64 __attribute__((vector_size(PYFFNN_VEC_BYTES)));
typedef std::uint32_t VecU32 __attribute__((vector_size(PYFFNN_VEC_BYTES)));
typedef std::uint64_t VecU64 __attribute__((vector_size(PYFFNN_VEC_BYTES)));
#else
// The reference ISA: the same kernels on vectors of one lane, with the C library's correctly rounded fma.
constexpr bool kScalar = true;
constexpr int kVecBytes = 0;
typedef float VecF __attribute__((vector_size(4)));
typedef double VecD __attribute__((vector_size(8)));
typedef std::int32_t VecI32 __attribute__((vector_size(4)));
typedef std::int64_t VecI64 __attribute__((vector_size(8)));
typedef std::uint32_t VecU32 __attribute__((vector_size(4)));
typedef std::uint64_t VecU64 __attribute__((vector_size(8)));
#endif

template <class T>
struct VecOf;
template <>
struct VecOf<float> {
  using V = VecF;
  using I = VecI32;
  using U = VecU32;
  using Int = std::int32_t;
};
template <>
struct VecOf<double> {
  using V = VecD;
  using I = VecI64;
  using U = VecU64;
  using Int = std::int64_t;
};
template <class T>
using Vec = typename VecOf<T>::V;
template <class T>
using IVec = typename VecOf<T>::I;
template <class T>
using UVec = typename VecOf<T>::U;
template <class T>
using LaneInt = typename VecOf<T>::Int;
template <class T>
constexpr int kLanes = static_cast<int>(sizeof(Vec<T>) / sizeof(T));

template <class To, class From>
PYFFNN_INLINE To bits(From v) {
  static_assert(sizeof(To) == sizeof(From), "same size");
  To r;
  __builtin_memcpy(&r, &v, sizeof r);
  return r;
}

template <class T>
PYFFNN_INLINE Vec<T> load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T>
PYFFNN_INLINE void store(T* p, Vec<T> v) {
  __builtin_memcpy(p, &v, sizeof v);
}

// Broadcast. Not `zero + x`: that costs a real addition in the inner loop (x + 0 changes -0), while x - zero folds away.
template <class T>
PYFFNN_INLINE Vec<T> set1(T x) {
  return x - Vec<T>{};
}
template <class T>
PYFFNN_INLINE Vec<T> zero() {
  return Vec<T>{};
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn

#if defined(__x86_64__) && defined(PYFFNN_VEC_BYTES)
#include "simd/vec_x86.h"
#elif defined(__aarch64__) && defined(PYFFNN_VEC_BYTES)
#include "simd/vec_neon.h"
#else
#include "simd/vec_scalar.h"
#endif

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// NaN in either argument gives NaN (maxps would drop one).
template <class T>
PYFFNN_INLINE Vec<T> max_nan(Vec<T> a, Vec<T> b) {
  return ((a > b) | (a != a)) ? a : b;
}

PYFFNN_INLINE Index clamp_lanes(Index n, Index lanes) { return n < 0 ? 0 : (n < lanes ? n : lanes); }

// Lane numbers 0, 1, 2, ...
template <class T>
PYFFNN_INLINE IVec<T> iota() {
  if constexpr (kScalar) return IVec<T>{};
  IVec<T> r{};
  PYFFNN_UNROLL for (int i = 0; i < kLanes<T>; ++i) r[i] = i;
  return r;
}

// a0 b0 a1 b1 ... from the lower and the upper halves.
template <class T>
PYFFNN_INLINE Vec<T> interleave_low(Vec<T> a, Vec<T> b) {
  constexpr int L = kLanes<T>;
  if constexpr (L == 16) return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  if constexpr (L == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  if constexpr (L == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
  if constexpr (L == 2) return __builtin_shufflevector(a, b, 0, 2);
  return a;
}
template <class T>
PYFFNN_INLINE Vec<T> interleave_high(Vec<T> a, Vec<T> b) {
  constexpr int L = kLanes<T>;
  if constexpr (L == 16) return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  if constexpr (L == 8) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  if constexpr (L == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
  if constexpr (L == 2) return __builtin_shufflevector(a, b, 1, 3);
  return b;
}

// Two 16-byte lanes: moving numbers between them is dear on many cores (8 micro-operations on Zen 1), so it is left to loads where it can
// be.
template <class T>
constexpr bool kTwoLanes = sizeof(Vec<T>) == 32;

// The lower halves of a and b, and their upper halves.
template <class T>
PYFFNN_INLINE Vec<T> lower_halves(Vec<T> a, Vec<T> b) {
  if constexpr (kLanes<T> == 8) return __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11);
  if constexpr (kLanes<T> == 4) return __builtin_shufflevector(a, b, 0, 1, 4, 5);
  return a;
}
template <class T>
PYFFNN_INLINE Vec<T> upper_halves(Vec<T> a, Vec<T> b) {
  if constexpr (kLanes<T> == 8) return __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15);
  if constexpr (kLanes<T> == 4) return __builtin_shufflevector(a, b, 2, 3, 6, 7);
  return b;
}
// A vector of the half a vector at p and that at q.
template <class T>
PYFFNN_INLINE Vec<T> load_halves(const T* p, const T* q) {
  typedef T Half __attribute__((vector_size(16)));
  Half a, b;
  __builtin_memcpy(&a, p, sizeof a);
  __builtin_memcpy(&b, q, sizeof b);
  if constexpr (kLanes<T> == 8) return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
  if constexpr (kLanes<T> == 4) return __builtin_shufflevector(a, b, 0, 1, 2, 3);
  return Vec<T>{};
}

// As interleave_low and interleave_high, within each of two lanes.
template <class T>
PYFFNN_INLINE Vec<T> interleave_low_of_lanes(Vec<T> a, Vec<T> b) {
  if constexpr (kLanes<T> == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 4, 12, 5, 13);
  if constexpr (kLanes<T> == 4) return __builtin_shufflevector(a, b, 0, 4, 2, 6);
  return a;
}
template <class T>
PYFFNN_INLINE Vec<T> interleave_high_of_lanes(Vec<T> a, Vec<T> b) {
  if constexpr (kLanes<T> == 8) return __builtin_shufflevector(a, b, 2, 10, 3, 11, 6, 14, 7, 15);
  if constexpr (kLanes<T> == 4) return __builtin_shufflevector(a, b, 1, 5, 3, 7);
  return b;
}

// Of two lanes: each half of the vectors holds two square blocks side by side, a lane each, which are transposed where they are.
template <class T>
PYFFNN_INLINE void transpose_lanes(Vec<T> (&r)[kLanes<T>]) {
  constexpr int L = kLanes<T>, H = L / 2;
  PYFFNN_UNROLL for (int stage = 1; stage < H; stage *= 2) {
    Vec<T> s[L];
    PYFFNN_UNROLL for (int half = 0; half < L; half += H) {
      PYFFNN_UNROLL for (int i = 0; i < H / 2; ++i) {
        s[half + 2 * i] = interleave_low_of_lanes<T>(r[half + i], r[half + i + H / 2]);
        s[half + 2 * i + 1] = interleave_high_of_lanes<T>(r[half + i], r[half + i + H / 2]);
      }
    }
    PYFFNN_UNROLL for (int i = 0; i < L; ++i) r[i] = s[i];
  }
}

// An L x L block in registers, transposed by log2 L perfect shuffles.
template <class T>
PYFFNN_INLINE void transpose(Vec<T> (&r)[kLanes<T>]) {
  constexpr int L = kLanes<T>;
  if constexpr (kTwoLanes<T>) {
    PYFFNN_UNROLL for (int i = 0; i < L / 2; ++i) {
      const Vec<T> a = r[i], b = r[i + L / 2];
      r[i] = lower_halves<T>(a, b);
      r[i + L / 2] = upper_halves<T>(a, b);
    }
    transpose_lanes<T>(r);
    return;
  }
  PYFFNN_UNROLL for (int stage = 1; stage < L; stage *= 2) {
    Vec<T> s[L];
    PYFFNN_UNROLL for (int i = 0; i < L / 2; ++i) {
      s[2 * i] = interleave_low<T>(r[i], r[i + L / 2]);
      s[2 * i + 1] = interleave_high<T>(r[i], r[i + L / 2]);
    }
    PYFFNN_UNROLL for (int i = 0; i < L; ++i) r[i] = s[i];
  }
}

template <class T>
PYFFNN_INLINE void prefetch(const T* p) {
  __builtin_prefetch(p, 0, 3);
}
PYFFNN_INLINE void prefetch_l2(const char* p) { __builtin_prefetch(p, 0, 2); }

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
