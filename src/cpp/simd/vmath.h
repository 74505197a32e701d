// exp, log, tanh, sigmoid: one polynomial for every vector width, so all FMA ISAs give the same bits. Measured bounds: docs/kernels.md.
#pragma once
#include "simd/tanh_table.h"
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

template <class T>
struct ExpConst;
template <>
struct ExpConst<float> {
  static constexpr float log2e = 1.44269504088896341f, ln2_hi = 0.693145751953125f, ln2_lo = 1.42860682030941723e-6f;
  static constexpr float lo = -104.0f, hi = 89.0f;  // beyond these e^x is 0 or inf in any case
  static constexpr float sigmoid_one = 17.5f;       // from here on the sigmoid rounds to 1
  static constexpr int bias = 127, mantissa = 23;
  // Adding 1.5 * 2^23 rounds to an integer n and leaves it in the low bits; twice the bias on top makes those n + 2 bias, the sum of the
  // exponents of two factors of 2^n.
  static constexpr float magic = 12582912.0f + 2 * bias;
};
template <>
struct ExpConst<double> {
  static constexpr double log2e = 1.44269504088896340736, ln2_hi = 0.693147180369123816490, ln2_lo = 1.90821492927058770002e-10;
  static constexpr double lo = -746.0, hi = 710.0;
  static constexpr double sigmoid_one = 38.0;
  static constexpr int bias = 1023, mantissa = 52;
  static constexpr double magic = 6755399441055744.0 + 2 * bias;  // 1.5 * 2^52
};

template <class T>
PYFFNN_INLINE Vec<T> horner(Vec<T>, Vec<T> acc) {
  return acc;
}
template <class T, class... Rest>
PYFFNN_INLINE Vec<T> horner(Vec<T> x, Vec<T> acc, T next, Rest... rest) {
  return horner<T>(x, fma(acc, x, set1<T>(next)), rest...);
}

// (e^r - 1 - r) / r^2 on |r| <= ln2/2. float: minimax of r^2 times it, relative to e^r (3e-9); double: Taylor.
PYFFNN_INLINE VecF exp_poly(VecF r) {
  return horner<float>(r, set1<float>(1.382005168e-03f), 8.368683048e-03f, 4.166827351e-02f, 1.666652113e-01f, 4.999999404e-01f);
}
PYFFNN_INLINE VecD exp_poly(VecD r) {
  return horner<double>(r, set1<double>(1.0 / 6227020800.0), 1.0 / 479001600.0, 1.0 / 39916800.0, 1.0 / 3628800.0, 1.0 / 362880.0,
                        1.0 / 40320.0, 1.0 / 5040.0, 1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5);
}
// e^r - 1 without cancellation.
template <class T>
PYFFNN_INLINE Vec<T> expm1_reduced(Vec<T> r) {
  return fma(exp_poly(r), r * r, r);
}

// 2^n for whole n in [-2 bias, 2 bias), as a factor: y * 2^n is rounded once, whether it overflows, is subnormal or neither.
template <class T>
struct Power2 {
  Vec<T> n;
#if !PYFFNN_HAS_SCALE
  Vec<T> a, b;  // 2^n = a b: 2^n alone overflows at n = 128 and has no subnormal form
#endif

  // From x log2(e) + magic: n to the nearest.
  static PYFFNN_INLINE Power2 of_shifted(Vec<T> shifted) {
    using C = ExpConst<T>;
    Power2 p;
    p.n = shifted - set1<T>(C::magic);
#if !PYFFNN_HAS_SCALE
    const UVec<T> code = bits<UVec<T>>(shifted), half = code >> 1;
    p.a = bits<Vec<T>>(half << C::mantissa);
    p.b = bits<Vec<T>>((code - half) << C::mantissa);
#endif
    return p;
  }
#if PYFFNN_HAS_SCALE
  PYFFNN_INLINE Vec<T> times(Vec<T> y) const { return scale(y, n); }
  PYFFNN_INLINE Vec<T> quotient(Vec<T> d) const { return scale(set1<T>(1) / d, n); }
  PYFFNN_INLINE Vec<T> value() const { return scale(set1<T>(1), n); }
#else
  PYFFNN_INLINE Vec<T> times(Vec<T> y) const { return y * a * b; }
  PYFFNN_INLINE Vec<T> quotient(Vec<T> d) const { return a / d * b; }
  PYFFNN_INLINE Vec<T> value() const { return a * b; }
#endif
};

// x = n ln2 + r with r in [-ln2/2, ln2/2]; x must lie in [lo, hi].
template <class T>
PYFFNN_INLINE Power2<T> exp_reduce(Vec<T> x, Vec<T>* r) {
  using C = ExpConst<T>;
  const Power2<T> p = Power2<T>::of_shifted(fma(x, set1<T>(C::log2e), set1<T>(C::magic)));
  *r = fma(p.n, set1<T>(-C::ln2_lo), fma(p.n, set1<T>(-C::ln2_hi), x));
  return p;
}

// x within [lo, hi]; NaN stays NaN.
template <class T>
PYFFNN_INLINE Vec<T> clamp(Vec<T> x, T lo, T hi) {
  return smaller(set1<T>(hi), larger(set1<T>(lo), x));
}

// Overflows to inf, underflows through the subnormals to 0; NaN stays NaN.
template <class T>
PYFFNN_INLINE Vec<T> vexp(Vec<T> x) {
  using C = ExpConst<T>;
  Vec<T> r;
  const Power2<T> p = exp_reduce<T>(clamp<T>(x, C::lo, C::hi), &r);
  return p.times(expm1_reduced<T>(r) + set1<T>(1));
}

// The same bits. Where no 2^n overflows or has a subnormal product, which is nearly always, it is one factor, and nothing is clamped.
template <class T, int N>
PYFFNN_INLINE void vexp(Vec<T> (&x)[N]) {
#if !PYFFNN_HAS_SCALE
  using C = ExpConst<T>;
  constexpr T kNear = T(0.69) * (C::bias - 2);
  IVec<T> near = IVec<T>{} - 1;
  PYFFNN_UNROLL for (int v = 0; v < N; ++v) near &= (x[v] > set1<T>(-kNear)) & (x[v] < set1<T>(kNear));
  if (__builtin_expect(all_lanes(near), 1)) {
    PYFFNN_UNROLL for (int v = 0; v < N; ++v) {
      Vec<T> r;
      const Vec<T> n = exp_reduce<T>(x[v], &r).n;
      // `magic` less a bias leaves n + bias in the low bits, which is the exponent of 2^n.
      const Vec<T> power = bits<Vec<T>>(bits<UVec<T>>(n + set1<T>(C::magic - C::bias)) << C::mantissa);
      x[v] = (expm1_reduced<T>(r) + set1<T>(1)) * power;
    }
    return;
  }
#endif
  PYFFNN_UNROLL for (int v = 0; v < N; ++v) x[v] = vexp<T>(x[v]);
}

// e^x - 1 for 0 <= x <= 40 or so (tanh): no cancellation, since e^r - 1 is formed without the 1.
template <class T>
PYFFNN_INLINE Vec<T> vexpm1_positive(Vec<T> x) {
  Vec<T> r;
  const Vec<T> s = exp_reduce<T>(x, &r).value();
  return fma(s, expm1_reduced<T>(r), s - set1<T>(1));
}

template <class T>
PYFFNN_INLINE Vec<T> vabs(Vec<T> x) {
  return bits<Vec<T>>(bits<UVec<T>>(x) & ~bits<UVec<T>>(set1<T>(T(-0.0))));
}
template <class T>
PYFFNN_INLINE Vec<T> with_sign(Vec<T> magnitude, Vec<T> sign) {
  return bits<Vec<T>>(bits<UVec<T>>(magnitude) | (bits<UVec<T>>(sign) & bits<UVec<T>>(set1<T>(T(-0.0)))));
}

// num / (a + b) for positive a >= b, the quotient corrected by the division's remainder and by what the sum lost. Plainly divided,
// tanh is off by up to 2.6 ULP.
template <class T>
PYFFNN_INLINE Vec<T> divide_by_sum(Vec<T> num, Vec<T> a, Vec<T> b) {
  const Vec<T> d = a + b, lost = b - (d - a);
  if constexpr (!kFma) {
    const Vec<T> rounded = num / d;
    return rounded - rounded * lost / d;
  }
  const Vec<T> inv = set1<T>(1) / d, q = num * inv;
  return fma(fma(-q, lost, fma(-q, d, num)), inv, q);
}

// tanh of N vectors side by side: each is one long chain. double: (e^2x - 1) / (e^2x + 1).
template <int N>
PYFFNN_INLINE void vtanh(VecD (&x)[N]) {
  PYFFNN_UNROLL for (int v = 0; v < N; ++v) {
    const VecD t = smaller(set1(20.0), vabs<double>(x[v]));  // tanh rounds to 1 from 19.06 on
    const VecD e = vexpm1_positive<double>(t + t);
    const VecD y = with_sign<double>(divide_by_sum<double>(e, set1(2.0), e), x[v]);
    x[v] = x[v] != x[v] ? x[v] : y;
  }
}
// float: one of seven polynomials, which the exponent chooses (tools/make_tanh_table.py), and no division.
template <int N>
PYFFNN_INLINE void vtanh(VecF (&x)[N]) {
  VecF t[N], y[N];
  VecI32 column[N];
  PYFFNN_UNROLL for (int v = 0; v < N; ++v) {
    const VecF a = smaller(set1(kTanhTop), vabs<float>(x[v]));
    column[v] = bits<VecI32>(larger(set1(0.125f), a)) >> ExpConst<float>::mantissa;
    t[v] = a - lookup8(kTanhTable[0], column[v]);
    y[v] = lookup8(kTanhTable[kTanhDegree + 1], column[v]);
  }
  PYFFNN_UNROLL for (int k = kTanhDegree; k >= 1; --k) {
    PYFFNN_UNROLL for (int v = 0; v < N; ++v) y[v] = fma(y[v], t[v], lookup8(kTanhTable[k], column[v]));
  }
  PYFFNN_UNROLL for (int v = 0; v < N; ++v) x[v] = with_sign<float>(y[v], x[v]);
}

template <class V>
PYFFNN_INLINE V vtanh(V x) {
  V one[1] = {x};
  vtanh(one);
  return one[0];
}

// With x = n ln2 - r: 2^n / (2^n + e^r), a division of a power of two by a sum that is rounded once (what 1 + 2^n loses goes to the small
// term e^r - 1): no overflow, and full relative accuracy in the left tail.
template <class T>
PYFFNN_INLINE Vec<T> vsigmoid(Vec<T> x) {
  using C = ExpConst<T>;
  const Vec<T> t = clamp<T>(x, C::lo, C::sigmoid_one), one = set1<T>(1);
  const Power2<T> p = Power2<T>::of_shifted(fma(t, set1<T>(C::log2e), set1<T>(C::magic)));
  const Vec<T> r = fma(p.n, set1<T>(C::ln2_lo), fma(p.n, set1<T>(C::ln2_hi), -t));
  const Vec<T> q = p.value(), sum = one + q, lost = q - (sum - one);
  return p.quotient(sum + (expm1_reduced<T>(r) + lost));
}

template <class T>
struct LogConst;
template <>
struct LogConst<float> {
  static constexpr std::int32_t sqrt_half = 0x3f3504f3, mask = 0x007fffff;
  static constexpr float subnormal = 1.17549435e-38f, scale = 8388608.0f, scale_log2 = 23.0f;
  static constexpr float ln2_hi = 0.693359375f, ln2_lo = -2.12194440054690583e-4f;
};
template <>
struct LogConst<double> {
  static constexpr std::int64_t sqrt_half = 0x3fe6a09e667f3bcd, mask = 0x000fffffffffffff;
  static constexpr double subnormal = 2.2250738585072014e-308, scale = 4503599627370496.0, scale_log2 = 52.0;
  static constexpr double ln2_hi = 6.93147180369123816490e-01, ln2_lo = 1.90821492927058770002e-10;
};

// log(1+f) for f in [sqrt(1/2) - 1, sqrt(2) - 1], plus e ln2 in two parts, of which the larger has few enough bits for the product to be
// exact. float: f + f^2 Q(f), Q minimax of the relative error (4e-9). A division would take as long as all of it.
PYFFNN_INLINE VecF log_of(VecF f, VecF e) {
  using C = LogConst<float>;
  const VecF q = horner<float>(f, set1(-7.622861862e-02f), 1.290849894e-01f, -1.324468851e-01f, 1.418121904e-01f, -1.660876274e-01f,
                               2.000200003e-01f, -2.500160038e-01f, 3.333332539e-01f, -4.999998808e-01f);
  return fma(e, set1(C::ln2_hi), f + fma(f * f, q, e * set1(C::ln2_lo)));
}
// double: log(1+f) - f + f^2/2 = s (f^2/2 + R(s^2)) with s = f / (2 + f): the series of 2 atanh(s), last terms adjusted.
PYFFNN_INLINE VecD log_of(VecD f, VecD e) {
  using C = LogConst<double>;
  const VecD s = f / (set1(2.0) + f), half = set1(0.5) * f * f, z = s * s;
  const VecD r = z * horner<double>(z, set1(1.479819860511658591e-01), 1.531383769920937332e-01, 1.818357216161805012e-01,
                                    2.222219843214978396e-01, 2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01);
  return fma(e, set1(C::ln2_hi), f - (half - fma(s, half + r, e * set1(C::ln2_lo))));
}
// x = 2^(e + scaled) (1 + f), for normal positive x.
template <class T>
PYFFNN_INLINE Vec<T> log_of_normal(Vec<T> x, Vec<T> scaled) {
  using C = LogConst<T>;
  const IVec<T> above = bits<IVec<T>>(x) - (IVec<T>{} + C::sqrt_half);
  const Vec<T> one_f = bits<Vec<T>>(bits<IVec<T>>(x) - (above & (IVec<T>{} + ~C::mask)));
  return log_of(one_f - set1<T>(1), __builtin_convertvector(above >> ExpConst<T>::mantissa, Vec<T>) - scaled);
}

// log(0) = -inf, log(negative) = NaN, log(inf) = inf. Where all are normal and positive, which is nearly always, nothing is chosen a lane.
template <class T, int N>
PYFFNN_INLINE void vlog(Vec<T> (&x)[N]) {
  using C = LogConst<T>;
  const Vec<T> inf = set1<T>(T(__builtin_inf())), subnormal = set1<T>(C::subnormal);
  IVec<T> normal = IVec<T>{} - 1;
  PYFFNN_UNROLL for (int v = 0; v < N; ++v) normal &= (x[v] >= subnormal) & (x[v] < inf);
  if (__builtin_expect(all_lanes(normal), 1)) {
    PYFFNN_UNROLL for (int v = 0; v < N; ++v) x[v] = log_of_normal<T>(x[v], zero<T>());
    return;
  }
  PYFFNN_UNROLL for (int v = 0; v < N; ++v) {
    const auto tiny = x[v] < subnormal, usual = (x[v] > zero<T>()) & (x[v] < inf);
    const Vec<T> positive = usual ? x[v] : set1<T>(1);
    const Vec<T> y = log_of_normal<T>(tiny ? positive * set1<T>(C::scale) : positive, tiny ? set1<T>(C::scale_log2) : zero<T>());
    const Vec<T> special = x[v] == zero<T>() ? -inf : (x[v] == inf ? inf : x[v] - x[v] + set1<T>(T(__builtin_nan(""))));
    x[v] = usual ? y : special;
  }
}
template <class T>
PYFFNN_INLINE Vec<T> vlog(Vec<T> x) {
  Vec<T> one[1] = {x};
  vlog<T>(one);
  return one[0];
}

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
