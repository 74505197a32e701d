#include "ops/rowwise.h"

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::ops {
namespace {

// Rough cost of one element in flops or bytes, for the decision to share the work.
constexpr double kCheap = 8, kTranscendental = 20;

template <class F>
void flat(Index n, double cost, F f) {
  threads::parallel_for(n, threads::threads_for(static_cast<double>(n) * cost), f, 64);
}
template <class F>
void rows(Index m, Index n, double cost, F f) {
  threads::parallel_for(m, threads::threads_for(static_cast<double>(m) * static_cast<double>(n) * cost), f);
}

}  // namespace

template <class T>
void activation(Act act, const T* x, T* y, Index n) {
  const auto& k = dispatch::kernels<T>();
  const bool cheap = act == Act::relu || act == Act::identity;
  flat(n, cheap ? kCheap : kTranscendental, [&](Index b, Index e) { k.act_forward(act, x + b, y + b, e - b); });
}

template <class T>
void activation_backward(Act act, const T* dy, const T* y, T* dx, Index n) {
  const auto& k = dispatch::kernels<T>();
  flat(n, kCheap, [&](Index b, Index e) { k.act_backward(act, dy + b, y + b, dx + b, e - b); });
}

template <class T>
void exp(const T* x, T* y, Index n) {
  const auto& k = dispatch::kernels<T>();
  flat(n, kTranscendental, [&](Index b, Index e) { k.exp_forward(x + b, y + b, e - b); });
}

template <class T>
void log(const T* x, T* y, Index n) {
  const auto& k = dispatch::kernels<T>();
  flat(n, kTranscendental, [&](Index b, Index e) { k.log_forward(x + b, y + b, e - b); });
}

template <class T>
void curve(const CurveArgs<T>& f, const T* x, T* y, Index n) {
  const auto& k = dispatch::kernels<T>();
  flat(n, kTranscendental, [&](Index b, Index e) { k.curve_forward(f, x + b, y + b, e - b); });
}

template <class T>
void curve_backward(const CurveArgs<T>& f, const T* dy, const T* x, T* dx, Index n) {
  const auto& k = dispatch::kernels<T>();
  flat(n, kTranscendental, [&](Index b, Index e) { k.curve_backward(f, dy + b, x + b, dx + b, e - b); });
}

template <class T>
void gelu_tanh(const T* x, T* y, Index n) {
  const auto& k = dispatch::kernels<T>();
  flat(n, kTranscendental, [&](Index b, Index e) { k.gelu_forward(x + b, y + b, e - b); });
}

template <class T>
void gelu_tanh_backward(const T* dy, const T* x, T* dx, Index n) {
  const auto& k = dispatch::kernels<T>();
  flat(n, kTranscendental, [&](Index b, Index e) { k.gelu_backward(dy + b, x + b, dx + b, e - b); });
}

template <class T>
void softmax(const T* x, T* y, Index m, Index n) {
  const auto& k = dispatch::kernels<T>();
  rows(m, n, kTranscendental, [&](Index b, Index e) { k.softmax(x + b * n, n, y + b * n, n, e - b, n); });
}

template <class T>
void log_softmax(const T* x, T* y, Index m, Index n) {
  const auto& k = dispatch::kernels<T>();
  rows(m, n, kTranscendental, [&](Index b, Index e) { k.log_softmax(x + b * n, n, y + b * n, n, e - b, n); });
}

template <class T>
void softmax_backward(const T* dy, const T* y, T* dx, Index m, Index n) {
  const auto& k = dispatch::kernels<T>();
  rows(m, n, kCheap * 2, [&](Index b, Index e) { k.softmax_backward(dy + b * n, n, y + b * n, n, dx + b * n, n, e - b, n); });
}

template <class T>
void layer_norm(const T* x, const T* gamma, const T* beta, T eps, T* y, T* mean, T* rstd, Index m, Index n) {
  const auto& k = dispatch::kernels<T>();
  rows(m, n, kCheap, [&](Index b, Index e) { k.layer_norm(x + b * n, n, gamma, beta, eps, y + b * n, n, mean + b, rstd + b, e - b, n); });
}

template <class T>
void layer_norm_backward(const T* dy, const T* x, const T* gamma, const T* mean, const T* rstd, T* dx, T* dgamma, T* dbeta, Index m,
                         Index n) {
  const auto& k = dispatch::kernels<T>();
  // Columns are shared out for the sums, so that each sum has one owner.
  const int parts = threads::threads_for(static_cast<double>(m) * static_cast<double>(n) * kCheap);
  threads::parallel_for(
      n, parts, [&](Index b, Index e) { k.layer_norm_sums(dy + b, n, x + b, n, mean, rstd, dgamma + b, dbeta + b, m, e - b); }, 64);
  rows(m, n, kCheap,
       [&](Index b, Index e) { k.layer_norm_backward(dy + b * n, n, x + b * n, n, gamma, mean + b, rstd + b, dx + b * n, n, e - b, n); });
}

#define PYFFNN_INSTANTIATE(T)                                                                                    \
  template void activation(Act, const T*, T*, Index);                                                            \
  template void activation_backward(Act, const T*, const T*, T*, Index);                                         \
  template void exp(const T*, T*, Index);                                                                        \
  template void log(const T*, T*, Index);                                                                        \
  template void curve(const CurveArgs<T>&, const T*, T*, Index);                                                 \
  template void curve_backward(const CurveArgs<T>&, const T*, const T*, T*, Index);                              \
  template void layer_norm(const T*, const T*, const T*, T, T*, T*, T*, Index, Index);                           \
  template void layer_norm_backward(const T*, const T*, const T*, const T*, const T*, T*, T*, T*, Index, Index); \
  template void gelu_tanh(const T*, T*, Index);                                                                  \
  template void gelu_tanh_backward(const T*, const T*, T*, Index);                                               \
  template void softmax(const T*, T*, Index, Index);                                                             \
  template void log_softmax(const T*, T*, Index, Index);                                                         \
  template void softmax_backward(const T*, const T*, T*, Index, Index);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
