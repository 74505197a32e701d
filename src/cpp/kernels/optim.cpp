#include "kernels/instantiate.h"
#include "simd/optim_math.h"
#include "simd/pack.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

template <class T>
void optim_step_impl(const OptimStep<T>& o, const T* g, T* w, T* s1, T* s2, Index n) {
  constexpr Index L = kLanes<T>;
  with_optim(o.kind, [=, &o](auto tag) {
    constexpr Optim kind = decltype(tag)::kind;
    for (Index i = 0; i < n; i += L) {
      const Index left = n - i;
      const bool tail = left < L;
      Vec<T> a{}, b{};
      if constexpr (uses_s1(kind)) a = tail ? load_tail(s1 + i, left) : load(s1 + i);
      if constexpr (uses_s2(kind)) b = tail ? load_tail(s2 + i, left) : load(s2 + i);
      const Vec<T> wi = tail ? load_tail(w + i, left) : load(w + i), gi = tail ? load_tail(g + i, left) : load(g + i);
      const Vec<T> r = optim_update<T, kind>(o, wi, gi, a, b);
      auto put = [=](T* p, Vec<T> v) {
        if (tail)
          store_tail(p, v, left);
        else
          store(p, v);
      };
      put(w + i, r);
      if constexpr (uses_s1(kind)) put(s1 + i, a);
      if constexpr (uses_s2(kind)) put(s2 + i, b);
    }
  });
}

template <class T>
void adagrad_row_impl(const OptimStep<T>& o, const T* g, T* w, T* s, Index n) {
  constexpr Index L = kLanes<T>;
  if (n <= 0) return;
  auto gradient = [&o](Vec<T> gi, Vec<T> wi) PYFFNN_LAMBDA_INLINE { return fma(wi, set1(o.l2), gi * set1(o.scale)); };
  Pack<T> sum = pack_set1<T>(0);
  for (Index i = 0; i < n; i += kWide) {
    const Pack<T> gi = pack_load_tail(g + i, n - i, T(0)), wi = pack_load_tail(w + i, n - i, T(0));
    PYFFNN_UNROLL for (int p = 0; p < Pack<T>::kParts; ++p) {
      const Vec<T> v = gradient(gi.v[p], wi.v[p]);
      sum.v[p] = fma(v, v, sum.v[p]);
    }
  }
  *s += pack_sum(sum) / static_cast<T>(n);
  const T step = o.lr / (sqrt(set1(*s))[0] + o.eps);
  const Vec<T> vstep = set1(-step), keep = set1(o.decay);
  for (Index i = 0; i < n; i += L) {
    const Index left = n - i;
    const bool tail = left < L;
    Vec<T> wi = tail ? load_tail(w + i, left) : load(w + i);
    const Vec<T> gi = gradient(tail ? load_tail(g + i, left) : load(g + i), wi);
    wi = fma(vstep, gi, wi - wi * keep);
    if (tail)
      store_tail(w + i, wi, left);
    else
      store(w + i, wi);
  }
}

}  // namespace

#define PYFFNN_DEFINE(T)                                                                                                       \
  void optim_step(const OptimStep<T>& opt, const T* g, T* w, T* s1, T* s2, Index n) { optim_step_impl(opt, g, w, s1, s2, n); } \
  void adagrad_row(const OptimStep<T>& opt, const T* g, T* w, T* s, Index n) { adagrad_row_impl(opt, g, w, s, n); }
PYFFNN_DEFINE(float)
PYFFNN_DEFINE(double)

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
