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

// Lanes from n on are `fill`; memory past p + n is not touched.
template <class T>
PYFFNN_INLINE Pack<T> pack_load_tail(const T* p, Index n, T fill) {
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
PYFFNN_INLINE void pack_store_tail(T* p, Pack<T> x, Index n) {
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

// The fixed tree: lanes i and i + 8, then + 4, + 2, + 1.
template <class T, class F>
PYFFNN_INLINE T pack_reduce(Pack<T> x, F f) {
  alignas(64) T t[kWide];
  pack_store(t, x);
  PYFFNN_UNROLL for (int half = kWide / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) t[i] = f(t[i], t[i + half]);
  }
  return t[0];
}
template <class T>
PYFFNN_INLINE T pack_sum(Pack<T> x) {
  return pack_reduce<T>(x, [](T a, T b) { return a + b; });
}
template <class T>
PYFFNN_INLINE T pack_max(Pack<T> x) {
  return pack_reduce<T>(x, [](T a, T b) { return (a > b || a != a) ? a : b; });
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
