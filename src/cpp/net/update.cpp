#include "net/update.h"

#include <cmath>
#include <cstring>

#include "core/dispatch.h"

namespace pyffnn::net {
namespace {

template <class T>
T* moved(T* base, Index by) {
  return base == nullptr ? nullptr : base + by;
}

}  // namespace

template <class T>
Rules<T> rules_of(const Spec& s, double lr, std::int64_t step, double scale) {
  const double t = static_cast<double>(step);
  const auto make = [&](double rate, double l2, double decay) {
    OptimStep<T> o{};
    o.kind = s.optimizer;
    o.lr = static_cast<T>(rate);
    o.beta1 = static_cast<T>(s.beta1);
    o.beta2 = static_cast<T>(s.beta2);
    o.eps = static_cast<T>(s.eps);
    if (s.optimizer == Optim::adam) {
      o.lr_over_c1 = static_cast<T>(rate / (1 - std::pow(s.beta1, t)));
      o.rsqrt_c2 = static_cast<T>(1 / std::sqrt(1 - std::pow(s.beta2, t)));
    }
    o.scale = static_cast<T>(scale);
    o.l2 = static_cast<T>(l2);
    o.decay = static_cast<T>(rate * decay);
    return o;
  };
  return {make(lr, s.l2, s.weight_decay), make(lr, 0, 0), make(lr * s.embedding_lr, s.l2, s.weight_decay)};
}

template <class T>
void Gradients<T>::plan(const ParamSet<T>& params, const std::vector<char>& wanted) {
  slots_.resize(params.all().size());
  for (const auto& p : params.all()) {
    Slot& slot = slots_[p->index];
    slot.wanted = wanted[p->index] != 0;
    if (!slot.wanted) continue;
    const Index bytes = std::max<Index>(p->size(), 1) * static_cast<Index>(sizeof(T));
    // Padding is read with the rows, so it is zero from the start.
    slot.memory.reserve_zeros(bytes);
    slot.squares.assign(static_cast<std::size_t>(p->rows), 0.0);
  }
}

template <class T>
double squares_of(const T* g, Index n) {
  const auto fast = static_cast<double>(dispatch::kernels<T>().dot(g, g, n));
  if (std::isfinite(fast)) return fast;
  double sum = 0;
  for (Index i = 0; i < n; ++i) sum += static_cast<double>(g[i]) * static_cast<double>(g[i]);
  return sum;
}

template <class T>
void Gradients<T>::measure(const Param<T>& p, Index begin, Index end) {
  const T* const g = of(p);
  for (Index i = begin; i < end; ++i) slots_[p.index].squares[static_cast<std::size_t>(i)] = squares_of(g + i * p.ld, p.cols);
}

template <class T>
void Gradients<T>::clear(const Param<T>& p, Index begin, Index end) {
  std::memset(of(p) + begin * p.ld, 0, static_cast<std::size_t>((end - begin) * p.ld) * sizeof(T));
  for (Index i = begin; i < end; ++i) slots_[p.index].squares[static_cast<std::size_t>(i)] = 0;
}

template <class T>
double Gradients<T>::square_sum(const ParamSet<T>& params) const {
  double total = 0;
  for (const auto& p : params.all()) {
    if (!at(*p).wanted) continue;
    for (const double s : at(*p).squares) total += s;
  }
  return total;
}

template <class T>
void Sink<T>::take(Param<T>& p, Index row, Index count, const T* g, Index ldg) const {
  if (store != nullptr) {
    if (!store->has(p)) return;
    T* const out = store->of(p) + row * p.ld;
    for (Index i = 0; i < count; ++i) std::memcpy(out + i * p.ld, g + i * ldg, static_cast<std::size_t>(p.cols) * sizeof(T));
    store->measure(p, row, row + count);
    return;
  }
  const auto& kernels = dispatch::kernels<T>();
  const OptimStep<T>& opt = rules.of(p);
  for (Index i = 0; i < count; ++i) {
    const Index at = (row + i) * p.ld;
    kernels.optim_step(opt, g + i * ldg, p.w() + at, moved(p.s1(), at), moved(p.s2(), at), p.cols);
  }
}

template <class T>
void step_stored(const Rules<T>& rules, Param<T>& p, const T* g, Index begin, Index end) {
  const Index at = begin * p.ld;
  dispatch::kernels<T>().optim_step(rules.of(p), g + at, p.w() + at, moved(p.s1(), at), moved(p.s2(), at), (end - begin) * p.ld);
}

#define PYFFNN_INSTANTIATE(T)                                            \
  template Rules<T> rules_of(const Spec&, double, std::int64_t, double); \
  template class Gradients<T>;                                           \
  template double squares_of(const T*, Index);                           \
  template struct Sink<T>;                                               \
  template void step_stored(const Rules<T>&, Param<T>&, const T*, Index, Index);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::net
