#include "net/layers/column_dropout.h"

#include "core/dispatch.h"
#include "core/random.h"

namespace pyffnn::net {

template <class T>
void ColumnDropout<T>::plan(LayerState<T>& s, const Plan& plan) const {
  Layer<T>::plan(s, plan);
  auto& own = static_cast<Masks&>(s);
  if (own.of_member.size() < static_cast<std::size_t>(plan.members)) own.of_member.resize(static_cast<std::size_t>(plan.members));
}

template <class T>
void ColumnDropout<T>::apply(const Pass<T>& pass, const Mask& mask, View<T> from, View<T> to) const {
  for (Index i = pass.begin; i < pass.end; ++i) {
    const T* const factors = mask.factors.data() + i / KeptColumns::kBlock * size_;
    const T* const x = from.row(i);
    T* const y = to.row(i);
    for (Index j = 0; j < size_; ++j) y[j] = x[j] * factors[j];
  }
}

template <class T>
void ColumnDropout<T>::forward(const Pass<T>& pass, LayerState<T>& s) const {
  Mask& mask = static_cast<Masks&>(s).of_member[static_cast<std::size_t>(pass.crew.member())];
  const Index blocks = ceil_div(pass.m, KeptColumns::kBlock);
  const std::uint64_t key = random::key(pass.spec.seed, static_cast<std::uint64_t>(pass.step), random::kOutputColumns);
  mask.factors.assign(static_cast<std::size_t>(blocks * size_), T(1));
  dispatch::kernels<T>().dropout(mask.factors.data(), mask.factors.data(), blocks * size_, static_cast<T>(rate_), key, 0);
  mask.kept.index.clear();
  mask.kept.first.assign(1, 0);
  for (Index b = 0; b < blocks; ++b) {
    for (Index j = 0; j < columns_; ++j)
      if (j >= size_ || mask.factors[static_cast<std::size_t>(b * size_ + j)] != T(0))
        mask.kept.index.push_back(static_cast<std::int32_t>(j));
    mask.kept.first.push_back(static_cast<Index>(mask.kept.index.size()));
  }
  apply(pass, mask, s.x, s.y);
}

template <class T>
void ColumnDropout<T>::backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const {
  if (!dx.exists()) return;
  apply(pass, static_cast<Masks&>(s).of_member[static_cast<std::size_t>(pass.crew.member())], s.dy, dx);
  apply_incoming(pass, below, dx, size_);
}

template <class T>
const KeptColumns& ColumnDropout<T>::kept(const Pass<T>& pass, const LayerState<T>& s) const {
  return static_cast<const Masks&>(s).of_member[static_cast<std::size_t>(pass.crew.member())].kept;
}

template class ColumnDropout<float>;
template class ColumnDropout<double>;

}  // namespace pyffnn::net
