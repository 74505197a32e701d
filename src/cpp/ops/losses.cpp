#include "ops/losses.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/dispatch.h"

namespace pyffnn::ops {

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

#define PYFFNN_INSTANTIATE(T)                                                                                        \
  template void soft_xent(const T*, Index, const T*, Index, const T*, T*, T*, Index, Index, Index);                  \
  template void squared_loss(const T*, Index, const T*, Index, const T*, T*, T*, Index, Index, Index);               \
  template void weighted_sigmoid_xent(const T*, Index, const T*, Index, const T*, const double*, T*, T*, Index, Index, Index);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
