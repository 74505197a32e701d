#include "kernels/act_math.h"
#include "kernels/instantiate.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// f changes an array of vectors in place: y = f(x), N vectors at a time.
template <int N, class T, class F>
PYFFNN_INLINE void map_n(const T* x, T* y, Index n, F f) {
  constexpr Index L = kLanes<T>;
  Index i = 0;
  for (; i + N * L <= n; i += N * L) {
    Vec<T> v[N];
    PYFFNN_UNROLL for (int k = 0; k < N; ++k) v[k] = load(x + i + k * L);
    f(v);
    PYFFNN_UNROLL for (int k = 0; k < N; ++k) store(y + i + k * L, v[k]);
  }
  for (; i < n; i += L) {
    const Index lanes = clamp_lanes(n - i, L);
    Vec<T> v[1] = {load_tail(x + i, lanes)};
    f(v);
    store_tail(y + i, v[0], lanes);
  }
}
// y_i = f(x_i); two vectors in flight hide the latency of the polynomial.
template <class T, class F>
PYFFNN_INLINE void map1(const T* x, T* y, Index n, F f) {
  map_n<2>(x, y, n, [=](auto& v) PYFFNN_LAMBDA_INLINE { PYFFNN_UNROLL for (auto& each : v) each = f(each); });
}
// Of tanh four where there are registers for them and for the table's rows.
constexpr int kTanhsAtOnce = kVecBytes == 64 ? 4 : 2;
// Of log four: long chains, few registers.
constexpr int kLogsAtOnce = 4;

template <class T>
void act_forward_impl(Act act, const T* x, T* y, Index n) {
  if (act == Act::tanh) return map_n<kTanhsAtOnce>(x, y, n, [](auto& v) PYFFNN_LAMBDA_INLINE { vtanh(v); });
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
  static PYFFNN_INLINE Vec<T> u(Vec<T> x) { return set1(scale) * x * fma(set1(cubic), x * x, set1<T>(1)); }
};

template <class T>
void gelu_forward_impl(const T* x, T* y, Index n) {
  map_n<kTanhsAtOnce>(x, y, n, [](auto& v) PYFFNN_LAMBDA_INLINE {
    constexpr int N = sizeof v / sizeof v[0];
    Vec<T> t[N];
    PYFFNN_UNROLL for (int k = 0; k < N; ++k) t[k] = Gelu<T>::u(v[k]);
    vtanh(t);
    PYFFNN_UNROLL for (int k = 0; k < N; ++k) v[k] = set1(T(0.5)) * v[k] * (set1<T>(1) + t[k]);
  });
}

template <class T>
void gelu_backward_impl(const T* dy, const T* x, T* dx, Index n) {
  constexpr Index L = kLanes<T>;
  auto grad = [](Vec<T> d, Vec<T> v) PYFFNN_LAMBDA_INLINE {
    const Vec<T> t = vtanh(Gelu<T>::u(v)), half = set1(T(0.5)), one = set1<T>(1);
    const Vec<T> du = set1(Gelu<T>::scale) * fma(set1(T(3) * Gelu<T>::cubic), v * v, one);
    return d * (half * (one + t) + half * v * (one - t * t) * du);
  };
  Index i = 0;
  for (; i + L <= n; i += L) store(dx + i, grad(load(dy + i), load(x + i)));
  if (i < n) store_tail(dx + i, grad(load_tail(dy + i, n - i), load_tail(x + i, n - i)), n - i);
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                                                        \
  void act_forward(Act act, const T* x, T* y, Index n) { act_forward_impl(act, x, y, n); }                      \
  void act_backward(Act act, const T* dy, const T* y, T* dx, Index n) { act_backward_impl(act, dy, y, dx, n); } \
  void gelu_forward(const T* x, T* y, Index n) { gelu_forward_impl(x, y, n); }                                  \
  void gelu_backward(const T* dy, const T* x, T* dx, Index n) { gelu_backward_impl(dy, x, dx, n); }             \
  void exp_forward(const T* x, T* y, Index n) {                                                                 \
    map1(x, y, n, [](Vec<T> v) PYFFNN_LAMBDA_INLINE { return vexp<T>(v); });                                    \
  }                                                                                                             \
  void log_forward(const T* x, T* y, Index n) {                                                                 \
    map_n<kLogsAtOnce>(x, y, n, [](auto& v) PYFFNN_LAMBDA_INLINE { vlog<T>(v); });                              \
  }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
