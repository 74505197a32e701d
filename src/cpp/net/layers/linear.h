// y = act(x W + b), act in the epilogue of the product.
#pragma once
#include "net/layers/layer.h"
#include "ops/products/tile_weights.h"

namespace pyffnn::net {

template <class T>
class Linear final : public Layer<T> {
 public:
  struct Shape {
    Index in, out;
    bool bias = true;
    Act act = Act::identity;
    double scale = 0;    // of its first weights
    bool first = false;  // what it reads has no gradient
    Index ordinal = 0;   // of the linear layers: small ones are dealt out to the members of a team by it
  };
  Linear(ParamSet<T>& params, const std::string& name, const Shape& shape, Precision precision);

  Index width() const override { return out_; }
  std::unique_ptr<LayerState<T>> make_state() const override;
  void forward(const Pass<T>& pass, LayerState<T>& s) const override;
  void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const override;
  Incoming<T> incoming(const LayerState<T>& s) const override { return {act_, s.y}; }
  void update(const Pass<T>& pass, LayerState<T>& s, const Sink<T>& sink) const override;
  Index tile_bytes(Index m) const override;
  void keep_tiles(LayerState<T>& s, Index m) const override;
  void forget_tiles(LayerState<T>& s) const override;
  Index kept_bytes() const override { return kept_.bytes(); }
  void drop_kept() const override { kept_.drop(); }

  Param<T>* weight() const { return w_; }
  Param<T>* bias() const { return b_; }

 private:
  struct Kept : LayerState<T> {
    ops::TileWeights weights;
  };
  void step_weight(const Pass<T>& pass, Kept& s, const Sink<T>& sink) const;
  void step_bias(const Pass<T>& pass, Kept& s, const Sink<T>& sink) const;

  Index in_, out_, ordinal_;
  Act act_;
  Precision precision_;
  bool first_;
  Param<T>*w_, *b_;
  mutable KeptWeights<T> kept_;  // between predictions
};

}  // namespace pyffnn::net
