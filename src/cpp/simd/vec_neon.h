// aarch64 overrides.
#pragma once
#include <arm_neon.h>

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

constexpr bool kFma = true;

PYFFNN_INLINE VecF fma(VecF a, VecF b, VecF c) { return (VecF)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b); }
PYFFNN_INLINE VecD fma(VecD a, VecD b, VecD c) { return (VecD)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b); }
PYFFNN_INLINE VecF sqrt(VecF a) { return (VecF)vsqrtq_f32((float32x4_t)a); }
PYFFNN_INLINE VecD sqrt(VecD a) { return (VecD)vsqrtq_f64((float64x2_t)a); }

template <class V>
PYFFNN_INLINE V larger(V a, V b) {
  return a > b ? a : b;
}
template <class V>
PYFFNN_INLINE V smaller(V a, V b) {
  return a < b ? a : b;
}

// By bytes: four of each number.
template <class Mask>
PYFFNN_INLINE bool all_lanes(Mask mask) {
  return vminvq_u8((uint8x16_t)mask) == 0xff;
}

PYFFNN_INLINE VecF lookup8(const float (&table)[8], VecI32 i) {
  const uint8x16x2_t bytes = {{vreinterpretq_u8_f32(vld1q_f32(table)), vreinterpretq_u8_f32(vld1q_f32(table + 4))}};
  const VecU32 at = (bits<VecU32>(i) & 7) * 0x04040404u + 0x03020100u;
  return bits<VecF>(vqtbl2q_u8(bytes, bits<uint8x16_t>(at)));
}

// n in [0, lanes]; touches no byte past p + n.
template <class T>
PYFFNN_INLINE Vec<T> load_tail(const T* p, Index n) {
  Vec<T> v{};
  for (int i = 0; i < kLanes<T>; ++i)
    if (i < n) v[i] = p[i];
  return v;
}
template <class T>
PYFFNN_INLINE void store_tail(T* p, Vec<T> v, Index n) {
  for (int i = 0; i < kLanes<T>; ++i)
    if (i < n) p[i] = v[i];
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
