#include "net/layers/spread.h"

#include <cmath>

namespace pyffnn::net {
namespace {

// Equal logits have no direction that a power could stretch.
constexpr double kLeast = 1e-6;

}  // namespace

template <class T>
typename Spread<T>::Apart Spread<T>::apart(const T* z) const {
  const auto n = static_cast<double>(size_);
  double sum = 0, square = 0;
  for (Index j = 0; j < size_; ++j) sum += static_cast<double>(z[j]);
  const double mean = sum / n;
  for (Index j = 0; j < size_; ++j) {
    const double c = static_cast<double>(z[j]) - mean;
    square += c * c;
  }
  return {mean, square / n + kLeast};
}

template <class T>
void Spread<T>::forward(const Pass<T>& pass, LayerState<T>& s) const {
  for (Index i = pass.begin; i < pass.end; ++i) {
    const T* const z = s.x.row(i);
    T* const y = s.y.row(i);
    const double factor = std::pow(apart(z).square, power_ / 2);
    for (Index j = 0; j < size_; ++j) y[j] = static_cast<T>(static_cast<double>(z[j]) * factor);
  }
}

// dz_j = f dy_j + (dy . z) f power (z_j - mean) / (n q), f = q^(power / 2).
template <class T>
void Spread<T>::backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const {
  if (!dx.exists()) return;
  for (Index i = pass.begin; i < pass.end; ++i) {
    const T* const z = s.x.row(i);
    const T* const dy = s.dy.row(i);
    T* const dz = dx.row(i);
    const Apart a = apart(z);
    const double factor = std::pow(a.square, power_ / 2);
    double along = 0;
    for (Index j = 0; j < size_; ++j) along += static_cast<double>(dy[j]) * static_cast<double>(z[j]);
    const double pull = along * power_ / (static_cast<double>(size_) * a.square);
    for (Index j = 0; j < size_; ++j)
      dz[j] = static_cast<T>(factor * (static_cast<double>(dy[j]) + pull * (static_cast<double>(z[j]) - a.mean)));
  }
  apply_incoming(pass, below, dx, size_);
}

template class Spread<float>;
template class Spread<double>;

}  // namespace pyffnn::net
