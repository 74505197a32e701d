// Layer normalisation (Ba et al. 2016): y = (x - mean) / sqrt(variance + 1e-5) gain + shift.
#pragma once
#include "net/layers/layer.h"

namespace pyffnn::net {

template <class T>
class LayerNorm final : public Layer<T> {
 public:
  LayerNorm(ParamSet<T>& params, const std::string& name, Index size)
      : size_(size), gain_(params.add(name + ".gain", 1, size, Role::vector)), shift_(params.add(name + ".shift", 1, size, Role::vector)) {
    gain_->start = T(1);
  }

  Index width() const override { return size_; }
  std::unique_ptr<LayerState<T>> make_state() const override;
  void plan(LayerState<T>& s, const Plan& plan) const override;
  void forward(const Pass<T>& pass, LayerState<T>& s) const override;
  void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const override;
  void update(const Pass<T>& pass, LayerState<T>& s, const Sink<T>& sink) const override;

 private:
  static constexpr double kEps = 1e-5;
  struct Moments : LayerState<T> {
    std::vector<T> mean, rstd;  // of each example
  };
  Index size_;
  Param<T>*gain_, *shift_;
};

}  // namespace pyffnn::net
