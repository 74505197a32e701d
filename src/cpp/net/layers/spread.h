// Logits by how far they lie apart (calibration: models/calibration.py): of each example
//   y = z q^(power / 2),   q = mean of (z_j - mean z)^2 + 1e-6.
// It has no parameters. The greatest stays the greatest.
#pragma once
#include "net/layers/layer.h"

namespace pyffnn::net {

template <class T>
class Spread final : public Layer<T> {
 public:
  Spread(Index size, double power) : size_(size), power_(power) {}

  Index width() const override { return size_; }
  void forward(const Pass<T>& pass, LayerState<T>& s) const override;
  void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const override;

 private:
  struct Apart {
    double mean, square;  // q
  };
  Apart apart(const T* z) const;
  Index size_;
  double power_;
};

}  // namespace pyffnn::net
