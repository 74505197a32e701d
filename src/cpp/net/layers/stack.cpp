#include "net/layers/stack.h"

#include <cstring>

#include "core/dispatch.h"

namespace pyffnn::net {

template <class T>
typename Stack<T>::States Stack<T>::make_states() const {
  States s;
  for (const auto& layer : layers_) s.of.push_back(layer->make_state());
  return s;
}

template <class T>
void Stack<T>::plan(States& s, View<T> x, View<T> dx, const Plan& plan) const {
  s.active.clear();
  s.y = x;
  s.dy = dx;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (!layers_[i]->active(plan.noise)) continue;
    s.active.push_back(i);
    LayerState<T>& state = *s.of[i];
    state.x = s.y;
    layers_[i]->plan(state, plan);
    layers_[i]->forget_tiles(state);
    s.y = state.y;
    s.dy = state.dy;
  }
}

template <class T>
void Stack<T>::forward(const Pass<T>& pass, States& s) const {
  for (const std::size_t i : s.active) layers_[i]->forward(pass, *s.of[i]);
}

template <class T>
void Stack<T>::backward(const Pass<T>& pass, States& s, View<T> dx, const Incoming<T>& below) const {
  for (std::size_t at = s.active.size(); at-- > 0;) {
    LayerState<T>& state = *s.of[s.active[at]];
    const Layer<T>& layer = *layers_[s.active[at]];
    if (at == 0) return layer.backward(pass, state, dx, below);
    const LayerState<T>& under = *s.of[s.active[at - 1]];
    layer.backward(pass, state, under.dy, layers_[s.active[at - 1]]->incoming(under));
  }
}

template <class T>
Incoming<T> Stack<T>::incoming(const States& s, const Incoming<T>& below) const {
  return s.active.empty() ? below : layers_[s.active.back()]->incoming(*s.of[s.active.back()]);
}

template <class T>
void Stack<T>::update(const Pass<T>& pass, States& s, const Sink<T>& sink) const {
  for (const std::size_t i : s.active) layers_[i]->update(pass, *s.of[i], sink);
}

template <class T>
std::unique_ptr<LayerState<T>> Residual<T>::make_state() const {
  auto s = std::make_unique<Inner>();
  s->states = inner_.make_states();
  return s;
}

template <class T>
void Residual<T>::plan(LayerState<T>& s, const Plan& plan) const {
  auto& own = static_cast<Inner&>(s);
  inner_.plan(own.states, s.x, {}, plan);
  // The last layer inside gives its result where the sum will be, and has the sum's gradient.
  s.y = own.states.y;
  s.dy = own.states.dy;
}

template <class T>
void Residual<T>::forward(const Pass<T>& pass, LayerState<T>& s) const {
  inner_.forward(pass, static_cast<Inner&>(s).states);
  for (Index i = pass.begin; i < pass.end; ++i) dispatch::kernels<T>().axpy(T(1), s.x.row(i), s.y.row(i), size_);
}

template <class T>
void Residual<T>::backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const {
  inner_.backward(pass, static_cast<Inner&>(s).states, dx, {});
  if (!dx.exists()) return;
  for (Index i = pass.begin; i < pass.end; ++i) dispatch::kernels<T>().axpy(T(1), s.dy.row(i), dx.row(i), size_);
  apply_incoming(pass, below, dx, size_);
}

template <class T>
void Residual<T>::update(const Pass<T>& pass, LayerState<T>& s, const Sink<T>& sink) const {
  inner_.update(pass, static_cast<Inner&>(s).states, sink);
}

template <class T>
Index Residual<T>::tile_bytes(Index m) const {
  Index sum = 0;
  for (const auto& layer : inner_.layers()) sum += layer->tile_bytes(m);
  return sum;
}
template <class T>
void Residual<T>::keep_tiles(LayerState<T>& s, Index m) const {
  for (std::size_t i = 0; i < inner_.layers().size(); ++i) inner_.layers()[i]->keep_tiles(*static_cast<Inner&>(s).states.of[i], m);
}
template <class T>
Index Residual<T>::kept_bytes() const {
  Index sum = 0;
  for (const auto& layer : inner_.layers()) sum += layer->kept_bytes();
  return sum;
}
template <class T>
void Residual<T>::drop_kept() const {
  for (const auto& layer : inner_.layers()) layer->drop_kept();
}

template <class T>
void Direct<T>::forward(const Pass<T>& pass, LayerState<T>& s) const {
  for (Index i = pass.begin; i < pass.end; ++i) {
    std::memcpy(s.y.row(i), s.x.row(i), static_cast<std::size_t>(size_) * sizeof(T));
    std::memcpy(s.y.row(i) + size_, pass.space.x.row(i), static_cast<std::size_t>(input_) * sizeof(T));
  }
}

template <class T>
void Direct<T>::backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const {
  if (!dx.exists()) return;
  for (Index i = pass.begin; i < pass.end; ++i) std::memcpy(dx.row(i), s.dy.row(i), static_cast<std::size_t>(size_) * sizeof(T));
  apply_incoming(pass, below, dx, size_);
}

template <class T>
void Direct<T>::add_direct(const Pass<T>& pass, const LayerState<T>& s, View<T> dx) const {
  for (Index i = pass.begin; i < pass.end; ++i) dispatch::kernels<T>().axpy(T(1), s.dy.row(i) + size_, dx.row(i), input_);
}

template class Stack<float>;
template class Stack<double>;
template class Residual<float>;
template class Residual<double>;
template class Direct<float>;
template class Direct<double>;

}  // namespace pyffnn::net
