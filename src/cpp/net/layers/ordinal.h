// Classes in an order (McCullagh 1980): from a score s to the log-probabilities of all K classes,
//   P(class <= k) = sigmoid(t_k - s),   t_0 < ... < t_{K-2}.
// The thresholds have mean 0, since the score has a bias, and distances softplus(d_k): these d are the parameters.
#pragma once
#include "net/layers/layer.h"

namespace pyffnn::net {

template <class T>
class Ordinal final : public Layer<T> {
 public:
  Ordinal(ParamSet<T>& params, Index classes)
      : classes_(classes), gaps_(classes > 2 ? params.add("output.gaps", 1, classes - 2, Role::vector) : nullptr) {
    if (gaps_ != nullptr) gaps_->start = static_cast<T>(kUnit);
  }

  Index width() const override { return classes_; }
  void forward(const Pass<T>& pass, LayerState<T>& s) const override;
  void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const override;
  void update(const Pass<T>& pass, LayerState<T>& s, const Sink<T>& sink) const override;

 private:
  static constexpr double kUnit = 0.5413248546129181;  // its softplus is 1
  struct Cuts {
    std::vector<double> threshold;  // K - 1
    std::vector<double> distance;   // from each to the next, K - 2
  };
  Cuts cuts() const;
  Index classes_;
  Param<T>* gaps_;
};

}  // namespace pyffnn::net
