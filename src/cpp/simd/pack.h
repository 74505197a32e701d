// A virtual vector of 16 lanes on every ISA (one zmm, two ymm, four xmm, sixteen scalars; twice that for double). Row reductions keep
// 16 partial sums and fold them by one fixed tree, so every FMA ISA gives the same bits.
#pragma once
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

constexpr int kWide = 16;

template <class T>
struct Pack {
  static constexpr int kParts = kWide / kLanes<T>;
  Vec<T> v[kParts];
};

template <class T>
PYFFNN_INLINE Pack<T> pack_set1(T x) {
  Pack<T> r;
  PYFFNN_UNROLL for (int i = 0; i < Pack<T>::kParts; ++i) r.v[i] = set1<T>(x);
  return r;
}

template <class T>
PYFFNN_INLINE Pack<T> pack_load(const T* p) {
  Pack<T> r;
  PYFFNN_UNROLL for (int i = 0; i < Pack<T>::kParts; ++i) r.v[i] = load(p + i * kLanes<T>);
  return r;
}

// Four or eight vectors, each of which may be a part, are a long piece of code: of SSE2 it is there once.
#if defined(PYFFNN_VEC_BYTES) && PYFFNN_VEC_BYTES == 16 && !defined(__aarch64__)
#define PYFFNN_PACK_TAIL __attribute__((noinline))
#else
#define PYFFNN_PACK_TAIL PYFFNN_INLINE
#endif

// Lanes from n on are `fill`; memory past p + n is not touched.
template <class T>
PYFFNN_PACK_TAIL Pack<T> pack_load_tail(const T* p, Index n, T fill) {
  Pack<T> r;
  constexpr int L = kLanes<T>;
  PYFFNN_UNROLL for (int i = 0; i < Pack<T>::kParts; ++i) {
    const Index left = clamp_lanes(n - i * L, L);
    const Vec<T> v = left == L ? load(p + i * L) : (left > 0 ? load_tail(p + i * L, left) : zero<T>());
    r.v[i] = iota<T>() < IVec<T>{} + static_cast<LaneInt<T>>(left) ? v : set1(fill);
  }
  return r;
}

template <class T>
PYFFNN_INLINE void pack_store(T* p, Pack<T> x) {
  PYFFNN_UNROLL for (int i = 0; i < Pack<T>::kParts; ++i) store(p + i * kLanes<T>, x.v[i]);
}
template <class T>
PYFFNN_PACK_TAIL void pack_store_tail(T* p, Pack<T> x, Index n) {
  constexpr int L = kLanes<T>;
  PYFFNN_UNROLL for (int i = 0; i < Pack<T>::kParts; ++i) {
    const Index left = clamp_lanes(n - i * L, L);
    if (left == L)
      store(p + i * L, x.v[i]);
    else if (left > 0)
      store_tail(p + i * L, x.v[i], left);
  }
}

// Lanewise f over one, two or three packs.
template <class T, class F>
PYFFNN_INLINE Pack<T> pack_map(F f, Pack<T> a) {
  PYFFNN_UNROLL for (int i = 0; i < Pack<T>::kParts; ++i) a.v[i] = f(a.v[i]);
  return a;
}
template <class T, class F>
PYFFNN_INLINE Pack<T> pack_map(F f, Pack<T> a, Pack<T> b) {
  PYFFNN_UNROLL for (int i = 0; i < Pack<T>::kParts; ++i) a.v[i] = f(a.v[i], b.v[i]);
  return a;
}
template <class T, class F>
PYFFNN_INLINE Pack<T> pack_map(F f, Pack<T> a, Pack<T> b, Pack<T> c) {
  PYFFNN_UNROLL for (int i = 0; i < Pack<T>::kParts; ++i) a.v[i] = f(a.v[i], b.v[i], c.v[i]);
  return a;
}

// Lanes i and i + L/2 of a vector folded by f, then + L/4 and so on, to one number.
template <class T, int L, class V, class F>
PYFFNN_INLINE T fold_lanes(V v, F f) {
  static_assert(sizeof(V) == L * sizeof(T), "L lanes");
  if constexpr (L == 16) {
    return fold_lanes<T, 8>(
        f(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15)), f);
  } else if constexpr (L == 8) {
    return fold_lanes<T, 4>(f(__builtin_shufflevector(v, v, 0, 1, 2, 3), __builtin_shufflevector(v, v, 4, 5, 6, 7)), f);
  } else if constexpr (L == 4 && sizeof(V) > 16) {
    return fold_lanes<T, 2>(f(__builtin_shufflevector(v, v, 0, 1), __builtin_shufflevector(v, v, 2, 3)), f);
  } else if constexpr (L == 4) {
    // below 16 bytes the width stays, the upper lanes are of no account
    const V two = f(v, __builtin_shufflevector(v, v, 2, 3, 0, 1));
    return f(two, __builtin_shufflevector(two, two, 1, 0, 3, 2))[0];
  } else if constexpr (L == 2) {
    return f(v, __builtin_shufflevector(v, v, 1, 0))[0];
  } else {
    return v[0];
  }
}

// The fixed tree: lanes i and i + 8, then + 4, + 2, + 1. f takes two vectors of one width.
template <class T, class F>
PYFFNN_INLINE T pack_reduce(Pack<T> x, F f) {
  PYFFNN_UNROLL for (int half = Pack<T>::kParts / 2; half > 0; half /= 2) {
    PYFFNN_UNROLL for (int i = 0; i < half; ++i) x.v[i] = f(x.v[i], x.v[i + half]);
  }
  return fold_lanes<T, kLanes<T>>(x.v[0], f);
}
template <class T>
PYFFNN_INLINE T pack_sum(Pack<T> x) {
  return pack_reduce<T>(x, [](auto a, auto b) PYFFNN_LAMBDA_INLINE { return a + b; });
}
// f(pack of x[i..i+16), i, lanes) over a row; the last call may have fewer lanes, the others of its pack hold `fill`.
template <class T, class F>
PYFFNN_INLINE void for_packs(const T* x, Index n, T fill, F f) {
  Index i = 0;
  for (; i + kWide <= n; i += kWide) f(pack_load(x + i), i, Index{kWide});
  if (i < n) f(pack_load_tail(x + i, n - i, fill), i, n - i);
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
