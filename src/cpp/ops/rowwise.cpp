#include "ops/rowwise.h"

#include <cstring>
#include <vector>

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
double cross_entropy(const T* z, const std::int64_t* target, const T* class_weight, const T* sample_weight, T* dz, Index m, Index n) {
  if (m == 0) return 0;
  const auto& k = dispatch::kernels<T>();
  std::vector<T> weight(static_cast<std::size_t>(m)), loss(static_cast<std::size_t>(m));
  double total = 0;
  for (Index i = 0; i < m; ++i) {
    const T w = (class_weight != nullptr ? class_weight[target[i]] : T(1)) * (sample_weight != nullptr ? sample_weight[i] : T(1));
    weight[static_cast<std::size_t>(i)] = w;
    total += static_cast<double>(w);
  }
  if (total == 0) {
    if (dz != nullptr) std::memset(dz, 0, static_cast<std::size_t>(m * n) * sizeof(T));
    return 0;
  }
  for (T& w : weight) w = static_cast<T>(static_cast<double>(w) / total);
  rows(m, n, kTranscendental, [&](Index b, Index e) {
    k.softmax_xent(z + b * n, n, target + b, weight.data() + b, loss.data() + b, dz == nullptr ? nullptr : dz + b * n, n, e - b, n);
  });
  double sum = 0;
  for (const T l : loss) sum += static_cast<double>(l);
  return sum;
}

template <class T>
double binary_cross_entropy(const T* z, const T* target, const T* sample_weight, T* dz, Index m, Index n) {
  if (m == 0 || n == 0) return 0;
  const auto& k = dispatch::kernels<T>();
  std::vector<T> weight(static_cast<std::size_t>(m)), loss(static_cast<std::size_t>(m));
  double total = 0;
  for (Index i = 0; i < m; ++i) total += sample_weight != nullptr ? static_cast<double>(sample_weight[i]) : 1.0;
  total *= static_cast<double>(n);
  if (total == 0) {
    if (dz != nullptr) std::memset(dz, 0, static_cast<std::size_t>(m * n) * sizeof(T));
    return 0;
  }
  for (Index i = 0; i < m; ++i)
    weight[static_cast<std::size_t>(i)] = static_cast<T>((sample_weight != nullptr ? static_cast<double>(sample_weight[i]) : 1.0) / total);
  rows(m, n, kTranscendental * 2, [&](Index b, Index e) {
    k.sigmoid_xent(z + b * n, n, target + b * n, n, weight.data() + b, loss.data() + b, dz == nullptr ? nullptr : dz + b * n, n, e - b, n);
  });
  double sum = 0;
  for (const T l : loss) sum += static_cast<double>(l);
  return sum;
}

#define PYFFNN_INSTANTIATE(T)                                                                         \
  template void activation(Act, const T*, T*, Index);                                                 \
  template void activation_backward(Act, const T*, const T*, T*, Index);                              \
  template void exp(const T*, T*, Index);                                                             \
  template void log(const T*, T*, Index);                                                             \
  template void softmax(const T*, T*, Index, Index);                                                  \
  template void log_softmax(const T*, T*, Index, Index);                                              \
  template void softmax_backward(const T*, const T*, T*, Index, Index);                               \
  template double cross_entropy(const T*, const std::int64_t*, const T*, const T*, T*, Index, Index); \
  template double binary_cross_entropy(const T*, const T*, const T*, T*, Index, Index);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
