// The activations of a layer on one vector: forward, and the gradient from the saved output.
#pragma once
#include "core/types.h"
#include "simd/vmath.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

template <Act A>
struct ActTag {
  static constexpr Act act = A;
};

template <class F>
PYFFNN_INLINE void with_act(Act act, F f) {
  switch (act) {
    case Act::identity:
      return f(ActTag<Act::identity>{});
    case Act::sigmoid:
      return f(ActTag<Act::sigmoid>{});
    case Act::tanh:
      return f(ActTag<Act::tanh>{});
    case Act::relu:
      return f(ActTag<Act::relu>{});
  }
}

template <class T, Act A>
PYFFNN_INLINE Vec<T> act_vec(Vec<T> x) {
  if constexpr (A == Act::sigmoid) return vsigmoid<T>(x);
  if constexpr (A == Act::tanh) return vtanh(x);
  if constexpr (A == Act::relu) return x < zero<T>() ? zero<T>() : x;  // NaN stays NaN
  return x;
}

// dy * act'(z), with act' written in the output y: y (1 - y), 1 - y^2, [y > 0] (the subgradient of relu at 0 is 0).
template <class T, Act A>
PYFFNN_INLINE Vec<T> dact_vec(Vec<T> dy, Vec<T> y) {
  if constexpr (A == Act::sigmoid) return dy * (y * (set1<T>(1) - y));
  if constexpr (A == Act::tanh) return dy * (set1<T>(1) - y * y);
  if constexpr (A == Act::relu) return y != y ? y : (y > zero<T>() ? dy : zero<T>());
  return dy;
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
