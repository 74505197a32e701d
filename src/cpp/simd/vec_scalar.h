// Overrides for the reference ISA: one lane, so a tail is empty or whole.
#pragma once

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

constexpr bool kFma = true;

PYFFNN_INLINE VecF fma(VecF a, VecF b, VecF c) { return VecF{__builtin_fmaf(a[0], b[0], c[0])}; }
PYFFNN_INLINE VecD fma(VecD a, VecD b, VecD c) { return VecD{__builtin_fma(a[0], b[0], c[0])}; }
PYFFNN_INLINE VecF sqrt(VecF a) { return VecF{__builtin_sqrtf(a[0])}; }
PYFFNN_INLINE VecD sqrt(VecD a) { return VecD{__builtin_sqrt(a[0])}; }

template <class V>
PYFFNN_INLINE V larger(V a, V b) {
  return a > b ? a : b;
}
template <class V>
PYFFNN_INLINE V smaller(V a, V b) {
  return a < b ? a : b;
}

template <class Mask>
PYFFNN_INLINE bool all_lanes(Mask mask) {
  return mask[0] != 0;
}

PYFFNN_INLINE VecF lookup8(const float (&table)[8], VecI32 i) { return VecF{table[i[0] & 7]}; }

template <class T>
PYFFNN_INLINE Vec<T> load_tail(const T* p, Index n) {
  return n > 0 ? load(p) : zero<T>();
}
template <class T>
PYFFNN_INLINE void store_tail(T* p, Vec<T> v, Index n) {
  if (n > 0) store(p, v);
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
