// One optimizer step on a vector of weights: the only place where the update rules of core/types.h OptimStep stand.
#pragma once
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// s1, s2 are read and written only by the kinds that use them.
template <class T, Optim Kind>
PYFFNN_INLINE Vec<T> optim_update(const OptimStep<T>& o, Vec<T> w, Vec<T> g, Vec<T>& s1, Vec<T>& s2) {
  const Vec<T> lr = set1<T>(o.lr);
  g = fma(w, set1<T>(o.l2), g * set1<T>(o.scale));
  w = w - w * set1<T>(o.decay);
  if constexpr (Kind == Optim::sgd) {
    return fma(-lr, g, w);
  } else if constexpr (Kind == Optim::momentum) {
    s1 = fma(set1<T>(o.beta1), s1, g);
    return fma(-lr, s1, w);
  } else if constexpr (Kind == Optim::adagrad) {
    s1 = fma(g, g, s1);
    return w - lr * g / (sqrt(s1) + set1<T>(o.eps));
  } else {
    s1 = fma(set1<T>(o.beta1), s1, set1<T>(T(1) - o.beta1) * g);
    s2 = fma(set1<T>(o.beta2), s2, set1<T>(T(1) - o.beta2) * (g * g));
    return w - set1<T>(o.lr_over_c1) * s1 / fma(sqrt(s2), set1<T>(o.rsqrt_c2), set1<T>(o.eps));
  }
}

constexpr bool uses_s1(Optim kind) { return kind != Optim::sgd; }
constexpr bool uses_s2(Optim kind) { return kind == Optim::adam; }

// Calls f(std::integral_constant-like tag) with the kind as a compile-time constant.
template <Optim K>
struct OptimTag {
  static constexpr Optim kind = K;
};
template <class F>
PYFFNN_INLINE void with_optim(Optim kind, F f) {
  switch (kind) {
    case Optim::sgd:
      return f(OptimTag<Optim::sgd>{});
    case Optim::momentum:
      return f(OptimTag<Optim::momentum>{});
    case Optim::adagrad:
      return f(OptimTag<Optim::adagrad>{});
    case Optim::adam:
      return f(OptimTag<Optim::adam>{});
  }
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
