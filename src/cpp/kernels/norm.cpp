#include "kernels/instantiate.h"
#include "simd/pack.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

// sum of f(pack, index) over a row, in the fixed order of pack.h.
template <class T, class F>
PYFFNN_INLINE T row_sum(Index n, F f) {
  Pack<T> sum = pack_set1<T>(0);
  for (Index j = 0; j < n; j += kWide) {
    const Pack<T> v = f(j, n - j);
    sum = pack_map<T>([](Vec<T> a, Vec<T> b) PYFFNN_LAMBDA_INLINE { return a + b; }, sum, v);
  }
  return pack_sum(sum);
}

template <class T>
void layer_norm_impl(const T* x, Index ldx, const T* gamma, const T* beta, T eps, T* y, Index ldy, T* mean, T* rstd, Index m, Index n) {
  constexpr Index L = kLanes<T>;
  const T count = static_cast<T>(n);
  for (Index i = 0; i < m; ++i, x += ldx, y += ldy) {
    const T mu = row_sum<T>(n, [x](Index j, Index left) PYFFNN_LAMBDA_INLINE { return pack_load_tail(x + j, left, T(0)); }) / count;
    const T var = row_sum<T>(n,
                             [x, mu](Index j, Index left) PYFFNN_LAMBDA_INLINE {
                               return pack_map<T>(
                                   [mu](Vec<T> v) PYFFNN_LAMBDA_INLINE {
                                     const Vec<T> d = v - set1(mu);
                                     return d * d;
                                   },
                                   pack_load_tail(x + j, left, mu));
                             }) /
                  count;
    const T r = T(1) / sqrt(set1(var + eps))[0];
    mean[i] = mu;
    rstd[i] = r;
    for (Index j = 0; j < n; j += L) {
      const Index left = n - j;
      if (left >= L)
        store(y + j, fma((load(x + j) - set1(mu)) * set1(r), load(gamma + j), load(beta + j)));
      else
        store_tail(y + j, fma((load_tail(x + j, left) - set1(mu)) * set1(r), load_tail(gamma + j, left), load_tail(beta + j, left)), left);
    }
  }
}

// With g = dy gamma and h = (x - mean) rstd: dx = rstd (g - mean(g) - h mean(g h)).
template <class T>
void layer_norm_backward_impl(const T* dy, Index lddy, const T* x, Index ldx, const T* gamma, const T* mean, const T* rstd, T* dx,
                              Index lddx, Index m, Index n) {
  constexpr Index L = kLanes<T>;
  const T count = static_cast<T>(n);
  for (Index i = 0; i < m; ++i, dy += lddy, x += ldx, dx += lddx) {
    const T mu = mean[i], r = rstd[i];
    auto mul = [](Vec<T> a, Vec<T> b) PYFFNN_LAMBDA_INLINE { return a * b; };
    auto g_of = [=](Index j, Index left) PYFFNN_LAMBDA_INLINE {
      return pack_map<T>(mul, pack_load_tail(dy + j, left, T(0)), pack_load_tail(gamma + j, left, T(0)));
    };
    const T g_mean = row_sum<T>(n, g_of) / count;
    const T gh_mean =
        row_sum<T>(n,
                   [=](Index j, Index left) PYFFNN_LAMBDA_INLINE {
                     return pack_map<T>([mu, r](Vec<T> g, Vec<T> v) PYFFNN_LAMBDA_INLINE { return g * ((v - set1(mu)) * set1(r)); },
                                        g_of(j, left), pack_load_tail(x + j, left, mu));
                   }) /
        count;
    auto one = [=](Vec<T> d, Vec<T> v, Vec<T> w) PYFFNN_LAMBDA_INLINE {
      const Vec<T> h = (v - set1(mu)) * set1(r);
      return set1(r) * (d * w - set1(g_mean) - h * set1(gh_mean));
    };
    for (Index j = 0; j < n; j += L) {
      const Index left = n - j;
      if (left >= L)
        store(dx + j, one(load(dy + j), load(x + j), load(gamma + j)));
      else
        store_tail(dx + j, one(load_tail(dy + j, left), load_tail(x + j, left), load_tail(gamma + j, left)), left);
    }
  }
}

template <class T>
void layer_norm_sums_impl(const T* dy, Index lddy, const T* x, Index ldx, const T* mean, const T* rstd, T* dgamma, T* dbeta, Index m,
                          Index n) {
  constexpr Index L = kLanes<T>;
  for (Index j = 0; j < n; j += L) {
    const Index left = n - j;
    const bool tail = left < L;
    Vec<T> g = zero<T>(), b = zero<T>();
    for (Index i = 0; i < m; ++i) {
      const T *dp = dy + i * lddy + j, *xp = x + i * ldx + j;
      const Vec<T> d = tail ? load_tail(dp, left) : load(dp), v = tail ? load_tail(xp, left) : load(xp);
      g = fma(d, (v - set1(mean[i])) * set1(rstd[i]), g);
      b = b + d;
    }
    if (tail) {
      store_tail(dgamma + j, g, left);
      store_tail(dbeta + j, b, left);
    } else {
      store(dgamma + j, g);
      store(dbeta + j, b);
    }
  }
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                                                                              \
  void layer_norm(const T* x, Index ldx, const T* gamma, const T* beta, T eps, T* y, Index ldy, T* mean, T* rstd, Index m, Index n) { \
    layer_norm_impl(x, ldx, gamma, beta, eps, y, ldy, mean, rstd, m, n);                                                              \
  }                                                                                                                                   \
  void layer_norm_backward(const T* dy, Index lddy, const T* x, Index ldx, const T* gamma, const T* mean, const T* rstd, T* dx,       \
                           Index lddx, Index m, Index n) {                                                                            \
    layer_norm_backward_impl(dy, lddy, x, ldx, gamma, mean, rstd, dx, lddx, m, n);                                                    \
  }                                                                                                                                   \
  void layer_norm_sums(const T* dy, Index lddy, const T* x, Index ldx, const T* mean, const T* rstd, T* dgamma, T* dbeta, Index m,    \
                       Index n) {                                                                                                     \
    layer_norm_sums_impl(dy, lddy, x, ldx, mean, rstd, dgamma, dbeta, m, n);                                                          \
  }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
