// Square blocks of a matrix transposed on their way into registers.
#pragma once
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Numbers of a 16-byte lane. Moving numbers between lanes is dear on many cores (8 micro-operations on Zen 1; one port on Intel's), so it
// is left to the loads, and shuffles stay within lanes.
template <class T>
constexpr int kLane = sizeof(Vec<T>) < 16 ? kLanes<T> : static_cast<int>(16 / sizeof(T));

// The numbers 0 .. N - 1 as a type.
template <int... I>
struct Lanes {};
template <int N, int... I>
struct CountUp : CountUp<N - 1, N - 1, I...> {};
template <int... I>
struct CountUp<0, I...> {
  using type = Lanes<I...>;
};

template <class V, int... I>
PYFFNN_INLINE auto pick(V a, V b, Lanes<I...>) {
  return __builtin_shufflevector(a, b, I...);
}

// a0 b0 a1 b1 ... from the lower (kUpper 0) or upper halves of each lane.
template <class T, int kUpper, int... I>
PYFFNN_INLINE Vec<T> interleave_lanes(Vec<T> a, Vec<T> b, Lanes<I...>) {
  constexpr int L = kLanes<T>, H = kLane<T>;
  return pick(a, b, Lanes<(I / H * H + kUpper * (H / 2) + I % H / 2 + I % 2 * L)...>{});
}

// A vector of the lanes at p, p + apart, ...
template <class T, int kBytes = sizeof(Vec<T>)>
PYFFNN_INLINE auto load_lanes(const T* p, Index apart) {
#if PYFFNN_VEC_BYTES == 64
  // GCC makes loads of whole vectors and two shuffles a lane of the general form.
  if constexpr (kBytes == 64) return insert_lanes(p, apart);
#endif
  if constexpr (kBytes <= 16) {
    typedef T Lane __attribute__((vector_size(kBytes)));
    Lane r;
    __builtin_memcpy(&r, p, sizeof r);
    return r;
  } else {
    return pick(load_lanes<T, kBytes / 2>(p, apart), load_lanes<T, kBytes / 2>(p + kBytes / 32 * apart, apart),
                typename CountUp<kBytes / static_cast<int>(sizeof(T))>::type{});
  }
}

// Columns [from, from + lane) of L rows, a lane of each: x[i], transposed.
template <class T>
PYFFNN_INLINE void load_lane_of_columns(const T* p, Index ld, Vec<T>* x) {
  constexpr int L = kLanes<T>, H = kLane<T>;
  constexpr typename CountUp<L>::type all{};
  PYFFNN_UNROLL for (int i = 0; i < H; ++i) x[i] = load_lanes<T>(p + i * ld, H * ld);
  PYFFNN_UNROLL for (int stage = 1; stage < H; stage *= 2) {
    Vec<T> s[H];
    PYFFNN_UNROLL for (int i = 0; i < H / 2; ++i) {
      s[2 * i] = interleave_lanes<T, 0>(x[i], x[i + H / 2], all);
      s[2 * i + 1] = interleave_lanes<T, 1>(x[i], x[i + H / 2], all);
    }
    PYFFNN_UNROLL for (int i = 0; i < H; ++i) x[i] = s[i];
  }
}

// L rows from p on, L columns each, transposed: x[j] is column j. Of fewer rows or columns the missing rows are 0, and the missing x[j] are
// not set.
template <class T>
PYFFNN_INLINE void load_transposed(const T* p, Index ld, Index rows, Index cols, Vec<T> (&x)[kLanes<T>]) {
  constexpr Index L = kLanes<T>, H = kLane<T>;
  if (__builtin_expect(rows >= L && cols >= L, 1)) {
    PYFFNN_UNROLL for (Index j = 0; j < L; j += H) load_lane_of_columns<T>(p + j, ld, x + j);
    return;
  }
  alignas(64) T block[L * L];
  for (Index i = 0; i < L; ++i) store(block + i * L, i >= rows ? zero<T>() : cols < L ? load_tail(p + i * ld, cols) : load(p + i * ld));
  for (Index j = 0; j < L && j < cols; j += H) load_lane_of_columns<T>(block + j, L, x + j);
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
