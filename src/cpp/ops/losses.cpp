#include "ops/losses.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::ops {
namespace {

constexpr double kCost = 20;  // of an exponential, in flops, for the decision to share the work

template <class F>
void over_rows(Index m, Index n, double cost, F f) {
  threads::parallel_for(m, threads::threads_for(static_cast<double>(m) * static_cast<double>(n) * cost), f);
}

}  // namespace

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
  over_rows(m, n, kCost, [&](Index b, Index e) {
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
  over_rows(m, n, kCost * 2, [&](Index b, Index e) {
    k.sigmoid_xent(z + b * n, n, target + b * n, n, weight.data() + b, loss.data() + b, dz == nullptr ? nullptr : dz + b * n, n, e - b, n);
  });
  double sum = 0;
  for (const T l : loss) sum += static_cast<double>(l);
  return sum;
}

template <class T>
void soft_xent(const T* z, Index ldz, const T* t, Index ldt, const T* w, T* loss, T* dz, Index lddz, Index m, Index n) {
  const auto& kernels = dispatch::kernels<T>();
  std::vector<T> log_p(static_cast<std::size_t>(n));
  for (Index i = 0; i < m; ++i) {
    const T* const ti = t + i * ldt;
    kernels.log_softmax(z + i * ldz, ldz, log_p.data(), n, 1, n);
    double sum = 0, all = 0;
    for (Index j = 0; j < n; ++j) {
      all += static_cast<double>(ti[j]);
      // A probability of 0 costs nothing even where the logit is -inf; NaN stays.
      if (ti[j] != T(0) || log_p[static_cast<std::size_t>(j)] != log_p[static_cast<std::size_t>(j)])
        sum -= static_cast<double>(ti[j]) * static_cast<double>(log_p[static_cast<std::size_t>(j)]);
    }
    loss[i] = static_cast<T>(static_cast<double>(w[i]) * sum);
    if (dz == nullptr) continue;
    T* const d = dz + i * lddz;
    kernels.exp_forward(log_p.data(), d, n);
    for (Index j = 0; j < n; ++j) d[j] = w[i] * (d[j] * static_cast<T>(all) - ti[j]);
  }
}

template <class T>
void squared_loss(const T* z, Index ldz, const T* t, Index ldt, const T* w, T* loss, T* dz, Index lddz, Index m, Index n) {
  for (Index i = 0; i < m; ++i) {
    double sum = 0;
    for (Index j = 0; j < n; ++j) {
      const T difference = z[i * ldz + j] - t[i * ldt + j];
      sum += static_cast<double>(difference) * static_cast<double>(difference);
      if (dz != nullptr) dz[i * lddz + j] = w[i] * difference;
    }
    loss[i] = static_cast<T>(0.5 * static_cast<double>(w[i]) * sum);
  }
}

template <class T>
void linear_loss(const T* z, Index ldz, const T* t, Index ldt, const T* w, T* loss, T* dz, Index lddz, Index m, Index n) {
  for (Index i = 0; i < m; ++i) {
    double sum = 0;
    for (Index j = 0; j < n; ++j) {
      sum += static_cast<double>(t[i * ldt + j]) * static_cast<double>(z[i * ldz + j]);
      if (dz != nullptr) dz[i * lddz + j] = w[i] * t[i * ldt + j];
    }
    loss[i] = static_cast<T>(static_cast<double>(w[i]) * sum);
  }
}

template <class T>
void weighted_sigmoid_xent(const T* z, Index ldz, const T* t, Index ldt, const T* w, const double* v, T* loss, T* dz, Index lddz, Index m,
                           Index n) {
  for (Index i = 0; i < m; ++i) {
    double sum = 0;
    for (Index j = 0; j < n; ++j) {
      const auto x = static_cast<double>(z[i * ldz + j]), y = static_cast<double>(t[i * ldt + j]);
      const double e = std::exp(-std::fabs(x));
      sum += v[j] * ((x > 0 ? x : 0.0) + std::log1p(e) - y * x);
      if (x != x) sum = x;
      if (dz == nullptr) continue;
      const double p = x >= 0 ? 1 / (1 + e) : e / (1 + e);
      dz[i * lddz + j] = static_cast<T>(static_cast<double>(w[i]) * v[j] * (p - y));
    }
    loss[i] = static_cast<T>(static_cast<double>(w[i]) * sum);
  }
}

#define PYFFNN_INSTANTIATE(T)                                                                          \
  template double cross_entropy(const T*, const std::int64_t*, const T*, const T*, T*, Index, Index);  \
  template double binary_cross_entropy(const T*, const T*, const T*, T*, Index, Index);                \
  template void soft_xent(const T*, Index, const T*, Index, const T*, T*, T*, Index, Index, Index);    \
  template void squared_loss(const T*, Index, const T*, Index, const T*, T*, T*, Index, Index, Index); \
  template void linear_loss(const T*, Index, const T*, Index, const T*, T*, T*, Index, Index, Index);  \
  template void weighted_sigmoid_xent(const T*, Index, const T*, Index, const T*, const double*, T*, T*, Index, Index, Index);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
