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

template <class T>
PYFFNN_INLINE void prefetch(const T* p) {
  __builtin_prefetch(p, 0, 3);
}
template <class T>
PYFFNN_INLINE void prefetch_l2(const T* p) {
  __builtin_prefetch(p, 0, 2);
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
