// Layers one after the other, and the composites made of them.
#pragma once
#include "net/layers/layer.h"

namespace pyffnn::net {

// The layers that do something with or without noise, one after the other, over states of their own.
template <class T>
class Stack {
 public:
  explicit Stack(Layers<T> layers) : layers_(std::move(layers)) {}
  Stack() = default;

  struct States {
    std::vector<std::unique_ptr<LayerState<T>>> of;
    std::vector<std::size_t> active;
    View<T> y, dy;  // of the last active layer, else of what comes in
  };
  bool empty() const { return layers_.empty(); }
  Layers<T>& layers() { return layers_; }
  const Layers<T>& layers() const { return layers_; }
  States make_states() const;
  // dx: gradient of x, where the caller has one (else an empty view).
  void plan(States& s, View<T> x, View<T> dx, const Plan& plan) const;
  void forward(const Pass<T>& pass, States& s) const;
  // From s.dy, which the caller has filled as incoming() says, to dx.
  void backward(const Pass<T>& pass, States& s, View<T> dx, const Incoming<T>& below) const;
  // What the last active layer wants to find in s.dy, else `below`.
  Incoming<T> incoming(const States& s, const Incoming<T>& below) const;
  void update(const Pass<T>& pass, States& s, const Sink<T>& sink) const;

 private:
  Layers<T> layers_;
};

// y = x + f(x): a residual connection (He et al. 2016) around other layers.
template <class T>
class Residual final : public Layer<T> {
 public:
  Residual(Layers<T> inner, Index size) : inner_(std::move(inner)), size_(size) {}
  Index width() const override { return size_; }
  std::unique_ptr<LayerState<T>> make_state() const override;
  void plan(LayerState<T>& s, const Plan& plan) const override;
  void forward(const Pass<T>& pass, LayerState<T>& s) const override;
  void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const override;
  void update(const Pass<T>& pass, LayerState<T>& s, const Sink<T>& sink) const override;
  Index tile_bytes(Index m) const override;
  void keep_tiles(LayerState<T>& s, Index m) const override;
  Index kept_bytes() const override;
  void drop_kept() const override;

 private:
  struct Inner : LayerState<T> {
    typename Stack<T>::States states;
  };
  Stack<T> inner_;
  Index size_;
};

// y = [x, what the input gave]: direct connections to the output (Bengio et al. 2003).
template <class T>
class Direct final : public Layer<T> {
 public:
  Direct(Index size, Index input) : size_(size), input_(input) {}
  Index width() const override { return size_ + input_; }
  void forward(const Pass<T>& pass, LayerState<T>& s) const override;
  // The input's share of dy waits in dy; the network adds it to the gradient of the input (add_direct).
  void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const override;
  void add_direct(const Pass<T>& pass, const LayerState<T>& s, View<T> dx) const;

 private:
  Index size_, input_;
};

}  // namespace pyffnn::net
