#include "net/layers/norm.h"

#include "core/dispatch.h"

namespace pyffnn::net {

template <class T>
std::unique_ptr<LayerState<T>> LayerNorm<T>::make_state() const {
  return std::make_unique<Moments>();
}

template <class T>
void LayerNorm<T>::plan(LayerState<T>& s, const Plan& plan) const {
  Layer<T>::plan(s, plan);
  auto& own = static_cast<Moments&>(s);
  own.mean.resize(static_cast<std::size_t>(plan.m));
  own.rstd.resize(static_cast<std::size_t>(plan.m));
}

template <class T>
void LayerNorm<T>::forward(const Pass<T>& pass, LayerState<T>& s) const {
  auto& own = static_cast<Moments&>(s);
  const Index at = pass.begin;
  dispatch::kernels<T>().layer_norm(s.x.row(at), s.x.ld, gain_->w(), shift_->w(), static_cast<T>(kEps), s.y.row(at), s.y.ld,
                                    own.mean.data() + at, own.rstd.data() + at, pass.size(), size_);
}

template <class T>
void LayerNorm<T>::backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const {
  if (!dx.exists()) return;
  const auto& own = static_cast<const Moments&>(s);
  const Index at = pass.begin;
  dispatch::kernels<T>().layer_norm_backward(s.dy.row(at), s.dy.ld, s.x.row(at), s.x.ld, gain_->w(), own.mean.data() + at,
                                             own.rstd.data() + at, dx.row(at), dx.ld, pass.size(), size_);
  apply_incoming(pass, below, dx, size_);
}

template <class T>
void LayerNorm<T>::update(const Pass<T>& pass, LayerState<T>& s, const Sink<T>& sink) const {
  // Sums over all rows in turn are one member's work.
  if (!pass.crew.leads()) return;
  const auto& own = static_cast<const Moments&>(s);
  T* const d_gain = pass.member.room.template reserve_of<T>(2 * padded_row(size_));
  T* const d_shift = d_gain + padded_row(size_);
  dispatch::kernels<T>().layer_norm_sums(s.dy.p, s.dy.ld, s.x.p, s.x.ld, own.mean.data(), own.rstd.data(), d_gain, d_shift, pass.m, size_);
  sink.take(*gain_, 0, 1, d_gain, size_);
  sink.take(*shift_, 0, 1, d_shift, size_);
}

template class LayerNorm<float>;
template class LayerNorm<double>;

}  // namespace pyffnn::net
