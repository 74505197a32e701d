// y = act(x), apart from a product: after a normalisation, and GELU (its tanh form), whose derivative needs x.
#pragma once
#include "core/dispatch.h"
#include "net/layers/layer.h"

namespace pyffnn::net {

template <class T>
class Activation final : public Layer<T> {
 public:
  Activation(Nonlinearity act, Index size) : act_(act), size_(size) {}
  Index width() const override { return size_; }

  void forward(const Pass<T>& pass, LayerState<T>& s) const override {
    const auto& kernels = dispatch::kernels<T>();
    for (Index i = pass.begin; i < pass.end; ++i) {
      if (act_ == Nonlinearity::gelu)
        kernels.gelu_forward(s.x.row(i), s.y.row(i), size_);
      else
        kernels.act_forward(flat(act_), s.x.row(i), s.y.row(i), size_);
    }
  }

  void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const override {
    if (!dx.exists()) return;
    const auto& kernels = dispatch::kernels<T>();
    for (Index i = pass.begin; i < pass.end; ++i) {
      if (act_ == Nonlinearity::gelu)
        kernels.gelu_backward(s.dy.row(i), s.x.row(i), dx.row(i), size_);
      else
        kernels.act_backward(flat(act_), s.dy.row(i), s.y.row(i), dx.row(i), size_);
    }
    apply_incoming(pass, below, dx, size_);
  }

 private:
  Nonlinearity act_;
  Index size_;
};

}  // namespace pyffnn::net
