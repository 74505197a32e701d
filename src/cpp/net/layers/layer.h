// A layer: a plan over parameters, without buffers. To add one: a file here, and a line in layers/stack.cpp that puts it in its place.
#pragma once
#include "net/space.h"

namespace pyffnn::net {

// The derivative that a layer wants to find in dy already: dL/dz in place of dL/dy, where y = act(z). Whoever writes dy multiplies by
// act'(y) on the way, in the epilogue of its product where it has one.
template <class T>
struct Incoming {
  Act act = Act::identity;
  View<T> y{};
};

// Multiplies rows of dy in place; for layers whose dx comes from no product.
template <class T>
void apply_incoming(const Pass<T>& pass, const Incoming<T>& incoming, View<T> dy, Index cols);

// First weights are uniform in [-scale, scale): Glorot and Bengio 2010, before relu He et al. 2015.
double weight_scale(Index in, Index out, bool before_relu);

template <class T>
class Layer {
 public:
  virtual ~Layer() = default;
  virtual Index width() const = 0;  // of y
  // Whether it does anything; else its neighbours meet. Only for layers that are nothing without noise.
  virtual bool active(bool /*noise*/) const { return true; }
  virtual std::unique_ptr<LayerState<T>> make_state() const { return std::make_unique<LayerState<T>>(); }
  // Room for a batch whose input is s.x; says where y and dy will be.
  virtual void plan(LayerState<T>& s, const Plan& plan) const {
    s.y = s.y_rows.fit(plan.m, width());
    if (plan.backward) s.dy = s.dy_rows.fit(plan.m, width());
  }
  // The pass's rows of y from those of x.
  virtual void forward(const Pass<T>& pass, LayerState<T>& s) const = 0;
  // The pass's rows of dx (none: not wanted) from those of dy, with the weights as they are. What update() needs stays as it is.
  virtual void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const = 0;
  virtual Incoming<T> incoming(const LayerState<T>&) const { return {}; }
  // The member's part of the step of the parameters, from all rows of the batch.
  virtual void update(const Pass<T>&, LayerState<T>&, const Sink<T>&) const {}

  // Copies of weights in bf16 tiles, which a training keeps current: their bytes for batches of m examples, and the order to make them.
  virtual Index tile_bytes(Index /*m*/) const { return 0; }
  virtual void keep_tiles(LayerState<T>&, Index /*m*/) const {}
  virtual void forget_tiles(LayerState<T>&) const {}
  // Packed copies that are kept between predictions.
  virtual Index kept_bytes() const { return 0; }
  virtual void drop_kept() const {}
};

template <class T>
using Layers = std::vector<std::unique_ptr<Layer<T>>>;

}  // namespace pyffnn::net
