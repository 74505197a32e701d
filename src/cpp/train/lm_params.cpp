#include "train/lm_params.h"

#include <cmath>
#include <cstring>

#include "core/thread_pool.h"

namespace pyffnn::train::lm {
namespace {

template <class T>
T* zeroed(Buffer& buffer, Index count) {
  T* p = buffer.reserve_of<T>(count);
  std::memset(p, 0, static_cast<std::size_t>(count) * sizeof(T));
  return p;
}

}  // namespace

template <class T>
Param<T>::Param(std::string n, Index r, Index c, bool d, Optim optim) : name(std::move(n)), rows(r), cols(c), ld(padded<T>(c)), decays(d) {
  w = zeroed<T>(w_, size());
  if (optim != Optim::sgd) s1 = zeroed<T>(s1_, size());
  if (optim == Optim::adam) s2 = zeroed<T>(s2_, size());
}

template <class T>
T* Param<T>::reserve_gradient() {
  if (g == nullptr) g = zeroed<T>(g_, size());
  return g;
}

template <class T>
Update<T> Update<T>::of(const Config& c, double lr, std::int64_t step, double scale) {
  Update u;
  OptimStep<T>& o = u.plain;
  o.kind = c.optim;
  o.lr = static_cast<T>(lr);
  o.beta1 = static_cast<T>(c.beta1);
  o.beta2 = static_cast<T>(c.beta2);
  o.eps = static_cast<T>(c.eps);
  o.scale = static_cast<T>(scale);
  if (c.optim == Optim::adam) {
    const double t = static_cast<double>(step);
    o.lr_over_c1 = static_cast<T>(lr / (1 - std::pow(c.beta1, t)));
    o.rsqrt_c2 = static_cast<T>(1 / std::sqrt(1 - std::pow(c.beta2, t)));
  }
  u.decayed = u.plain;
  u.decayed.l2 = static_cast<T>(c.l2);
  u.decayed.decay = static_cast<T>(lr * c.decay);
  return u;
}

template <class T>
void Update<T>::apply(Param<T>& p, Index row, Index count, const T* g, Index ldg) const {
  if (store) {
    T* out = p.reserve_gradient() + row * p.ld;
    for (Index i = 0; i < count; ++i) std::memcpy(out + i * p.ld, g + i * ldg, static_cast<std::size_t>(p.cols) * sizeof(T));
    return;
  }
  const auto& kernels = dispatch::kernels<T>();
  const OptimStep<T>& opt = rule(p);
  for (Index i = 0; i < count; ++i) {
    const Index at = (row + i) * p.ld;
    kernels.optim_step(opt, g + i * ldg, p.w + at, p.s1 == nullptr ? nullptr : p.s1 + at, p.s2 == nullptr ? nullptr : p.s2 + at, p.cols);
  }
}

template <class T>
void Update<T>::apply_zero(Param<T>& p) const {
  const std::vector<T> zero(static_cast<std::size_t>(p.cols), T(0));
  for (Index row = 0; row < p.rows; ++row) apply(p, row, 1, zero.data(), p.cols);
}

template <class T>
double square_sum(const std::vector<Param<T>*>& params) {
  const auto& kernels = dispatch::kernels<T>();
  double total = 0;
  std::vector<double> squares;
  for (const Param<T>* p : params) {
    if (!p->squares.empty()) {
      for (const double s : p->squares) total += s;
      continue;
    }
    squares.assign(static_cast<std::size_t>(p->rows), 0.0);
    const int parts = threads::threads_for(static_cast<double>(p->size()) * 2);
    threads::parallel_for(p->rows, parts, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        squares[static_cast<std::size_t>(i)] = static_cast<double>(kernels.dot(p->g + i * p->ld, p->g + i * p->ld, p->cols));
    });
    for (const double s : squares) total += s;
  }
  return total;
}

#define PYFFNN_INSTANTIATE(T) \
  template struct Param<T>;   \
  template class ParamSet<T>; \
  template struct Update<T>;  \
  template double square_sum(const std::vector<Param<T>*>&);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::train::lm
