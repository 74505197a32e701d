// Activations of networks that other libraries build, each from its input: forward, and the gradient.
#include "kernels/instantiate.h"
#include "simd/vmath.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// Within [lo, hi]; NaN stays NaN.
template <class T>
PYFFNN_INLINE Vec<T> within(Vec<T> x, Vec<T> lo, Vec<T> hi) {
  const Vec<T> up = x < lo ? lo : x;
  return up > hi ? hi : up;
}

// erf to 1.5e-7 (Abramowitz & Stegun, 7.1.26).
template <class T>
PYFFNN_INLINE Vec<T> verf(Vec<T> x) {
  const Vec<T> a = vabs<T>(x), one = set1<T>(1);
  const Vec<T> t = one / fma(set1(T(0.3275911)), a, one);
  const Vec<T> poly = horner<T>(t, set1(T(1.061405429)), T(-1.453152027), T(1.421413741), T(-0.284496736), T(0.254829592));
  return with_sign<T>(one - poly * t * vexp<T>(-a * a), x);
}

template <class T, Curve C>
PYFFNN_INLINE Vec<T> curve(const CurveArgs<T>& f, Vec<T> x) {
  const Vec<T> half = set1(T(0.5)), one = set1<T>(1);
  if constexpr (C == Curve::clipped) return within<T>(fma(x, set1(f.slope), set1(f.offset)), set1(f.low), set1(f.high));
  if constexpr (C == Curve::swish) return x * vsigmoid<T>(x);
  if constexpr (C == Curve::hard_swish) return x * within<T>(fma(x, set1(T(0.2)), half), zero<T>(), one);
  if constexpr (C == Curve::hard_swish_mobilenet) return x * (within<T>(x + set1<T>(3), zero<T>(), set1<T>(6)) * set1(T(1) / T(6)));
  if constexpr (C == Curve::dish) return half * x * (x / sqrt(fma(x, x, one)) + one);
  if constexpr (C == Curve::gelu) return x * (half * (one + verf<T>(x * set1(T(0.70710678118654752440)))));
  if constexpr (C == Curve::mish) {  // x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2)
    const Vec<T> e = vexp<T>(smaller(set1<T>(40), x)), n = e * (e + set1<T>(2));
    return (x >= set1(f.high)) ? x : x * (n / (n + set1<T>(2)));
  }
  return x;
}

template <class T, Curve C>
PYFFNN_INLINE Vec<T> slope(const CurveArgs<T>& f, Vec<T> x) {
  const Vec<T> half = set1(T(0.5)), one = set1<T>(1), nought = zero<T>();
  if constexpr (C == Curve::clipped) {
    const Vec<T> z = fma(x, set1(f.slope), set1(f.offset));
    const auto inside = (z > set1(f.low)) & (z < set1(f.high));
    return (inside | (z != z)) ? set1(f.slope) : nought;
  }
  if constexpr (C == Curve::swish) {
    const Vec<T> s = vsigmoid<T>(x);
    return fma(x * s, one - s, s);
  }
  if constexpr (C == Curve::hard_swish) {
    const Vec<T> d = fma(x, set1(T(0.4)), half);
    return x > set1(T(2.5)) ? one : (x < set1(T(-2.5)) ? nought : d);
  }
  if constexpr (C == Curve::hard_swish_mobilenet) {
    const Vec<T> d = fma(x, set1<T>(2), set1<T>(3)) * set1(T(1) / T(6));
    return x > set1<T>(3) ? one : (x < set1<T>(-3) ? nought : d);
  }
  if constexpr (C == Curve::dish) {  // 1/2 (1 + x/s + x/s^3) with s^2 = 1 + x^2
    const Vec<T> q = fma(x, x, one), r = x / sqrt(q);
    return half * (one + r + r / q);
  }
  if constexpr (C == Curve::gelu) {
    const Vec<T> cdf = half * (one + verf<T>(x * set1(T(0.70710678118654752440))));
    return fma(x * set1(T(0.39894228040143267794)), vexp<T>(-half * x * x), cdf);
  }
  if constexpr (C == Curve::mish) {
    const Vec<T> e = vexp<T>(smaller(set1<T>(40), x)), n = e * (e + set1<T>(2)), d = n + set1<T>(2);
    const Vec<T> t = n / d, falls = set1<T>(4) * (n + one) / (d * d);  // 1 - t^2
    return (x >= set1(f.high)) ? one : fma(x * (e / (e + one)), falls, t);
  }
  return one;
}

template <Curve C>
struct CurveTag {
  static constexpr Curve curve = C;
};
template <class F>
PYFFNN_INLINE void with_curve(Curve kind, F f) {
  switch (kind) {
    case Curve::clipped:
      return f(CurveTag<Curve::clipped>{});
    case Curve::swish:
      return f(CurveTag<Curve::swish>{});
    case Curve::hard_swish:
      return f(CurveTag<Curve::hard_swish>{});
    case Curve::hard_swish_mobilenet:
      return f(CurveTag<Curve::hard_swish_mobilenet>{});
    case Curve::dish:
      return f(CurveTag<Curve::dish>{});
    case Curve::gelu:
      return f(CurveTag<Curve::gelu>{});
    case Curve::mish:
      return f(CurveTag<Curve::mish>{});
  }
}

template <class T>
void curve_forward_impl(const CurveArgs<T>& given, const T* x, T* y, Index n) {
  constexpr Index L = kLanes<T>;
  with_curve(given.kind, [=](auto tag) {
    constexpr Curve C = decltype(tag)::curve;
    const CurveArgs<T> f = given;
    Index i = 0;
    for (; i + L <= n; i += L) store(y + i, curve<T, C>(f, load(x + i)));
    if (i < n) store_tail(y + i, curve<T, C>(f, load_tail(x + i, n - i)), n - i);
  });
}

template <class T>
void curve_backward_impl(const CurveArgs<T>& given, const T* dy, const T* x, T* dx, Index n) {
  constexpr Index L = kLanes<T>;
  with_curve(given.kind, [=](auto tag) {
    constexpr Curve C = decltype(tag)::curve;
    const CurveArgs<T> f = given;
    Index i = 0;
    for (; i + L <= n; i += L) store(dx + i, load(dy + i) * slope<T, C>(f, load(x + i)));
    if (i < n) store_tail(dx + i, load_tail(dy + i, n - i) * slope<T, C>(f, load_tail(x + i, n - i)), n - i);
  });
}

template <class T>
void column_best_impl(const T* x, Index ldx, Index m, Index n, T* best, std::int32_t* which) {
  constexpr Index L = kLanes<T>;
  for (Index j = 0; j < n; j += L) {
    const Index left = n - j < L ? n - j : L;
    Vec<T> top = load_tail(x + j, left);
    IVec<T> at{};
    for (Index i = 1; i < m; ++i) {
      const T* const row = x + i * ldx + j;
      const Vec<T> v = left == L ? load(row) : load_tail(row, left);
      const IVec<T> wins = (v > top) | ((v != v) & (top == top));
      top = wins ? v : top;
      at = wins ? IVec<T>{} + static_cast<LaneInt<T>>(i) : at;
    }
    store_tail(best + j, top, left);
    for (Index c = 0; c < left; ++c) which[j + c] = static_cast<std::int32_t>(at[c]);
  }
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                                                                        \
  void curve_forward(const CurveArgs<T>& f, const T* x, T* y, Index n) { curve_forward_impl(f, x, y, n); }                      \
  void curve_backward(const CurveArgs<T>& f, const T* dy, const T* x, T* dx, Index n) { curve_backward_impl(f, dy, x, dx, n); } \
  void column_best(const T* x, Index ldx, Index m, Index n, T* best, std::int32_t* which) { column_best_impl(x, ldx, m, n, best, which); }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
