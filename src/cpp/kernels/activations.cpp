#include "kernels/act_math.h"
#include "kernels/instantiate.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// y_i = f(x_i); two vectors in flight hide the latency of the polynomial.
template <class T, class F>
PYFFNN_INLINE void map1(const T* x, T* y, Index n, F f) {
  constexpr Index L = kLanes<T>;
  Index i = 0;
  for (; i + 2 * L <= n; i += 2 * L) {
    const Vec<T> a = f(load(x + i)), b = f(load(x + i + L));
    store(y + i, a);
    store(y + i + L, b);
  }
  for (; i + L <= n; i += L) store(y + i, f(load(x + i)));
  if (i < n) store_tail(y + i, f(load_tail(x + i, n - i)), n - i);
}

template <class T>
void act_forward_impl(Act act, const T* x, T* y, Index n) {
  with_act(act, [=](auto tag) { map1(x, y, n, [](Vec<T> v) PYFFNN_LAMBDA_INLINE { return act_vec<T, decltype(tag)::act>(v); }); });
}

template <class T>
void act_backward_impl(Act act, const T* dy, const T* y, T* dx, Index n) {
  constexpr Index L = kLanes<T>;
  with_act(act, [=](auto tag) {
    constexpr Act A = decltype(tag)::act;
    Index i = 0;
    for (; i + L <= n; i += L) store(dx + i, dact_vec<T, A>(load(dy + i), load(y + i)));
    if (i < n) store_tail(dx + i, dact_vec<T, A>(load_tail(dy + i, n - i), load_tail(y + i, n - i)), n - i);
  });
}

// gelu(x) = x/2 (1 + tanh u), u = sqrt(2/pi) (x + 0.044715 x^3) (Hendrycks & Gimpel 2016).
template <class T>
struct Gelu {
  static constexpr T scale = T(0.79788456080286535588), cubic = T(0.044715);
  static PYFFNN_INLINE Vec<T> tanh_u(Vec<T> x) { return vtanh<T>(set1(scale) * x * fma(set1(cubic), x * x, set1<T>(1))); }
};

template <class T>
void gelu_backward_impl(const T* dy, const T* x, T* dx, Index n) {
  constexpr Index L = kLanes<T>;
  auto grad = [](Vec<T> d, Vec<T> v) PYFFNN_LAMBDA_INLINE {
    const Vec<T> t = Gelu<T>::tanh_u(v), half = set1(T(0.5)), one = set1<T>(1);
    const Vec<T> du = set1(Gelu<T>::scale) * fma(set1(T(3) * Gelu<T>::cubic), v * v, one);
    return d * (half * (one + t) + half * v * (one - t * t) * du);
  };
  Index i = 0;
  for (; i + L <= n; i += L) store(dx + i, grad(load(dy + i), load(x + i)));
  if (i < n) store_tail(dx + i, grad(load_tail(dy + i, n - i), load_tail(x + i, n - i)), n - i);
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                                                               \
  void act_forward(Act act, const T* x, T* y, Index n) { act_forward_impl(act, x, y, n); }                             \
  void act_backward(Act act, const T* dy, const T* y, T* dx, Index n) { act_backward_impl(act, dy, y, dx, n); }        \
  void gelu_forward(const T* x, T* y, Index n) {                                                                       \
    map1(x, y, n, [](Vec<T> v) PYFFNN_LAMBDA_INLINE { return set1(T(0.5)) * v * (set1<T>(1) + Gelu<T>::tanh_u(v)); }); \
  }                                                                                                                    \
  void gelu_backward(const T* dy, const T* x, T* dx, Index n) { gelu_backward_impl(dy, x, dx, n); }                    \
  void exp_forward(const T* x, T* y, Index n) {                                                                        \
    map1(x, y, n, [](Vec<T> v) PYFFNN_LAMBDA_INLINE { return vexp<T>(v); });                                           \
  }                                                                                                                    \
  void log_forward(const T* x, T* y, Index n) {                                                                        \
    map1(x, y, n, [](Vec<T> v) PYFFNN_LAMBDA_INLINE { return vlog<T>(v); });                                           \
  }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
