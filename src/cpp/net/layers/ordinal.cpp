#include "net/layers/ordinal.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pyffnn::net {
namespace {

double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }

double sigmoid(double x) {
  const double e = std::exp(-std::fabs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

template <class T>
typename Ordinal<T>::Cuts Ordinal<T>::cuts() const {
  Cuts c;
  c.threshold.assign(at(classes_ - 1), 0.0);
  for (Index k = 1; k < classes_ - 1; ++k) {
    c.distance.push_back(softplus(static_cast<double>(gaps_->w()[k - 1])));
    c.threshold[at(k)] = c.threshold[at(k - 1)] + c.distance.back();
  }
  const double mean = std::accumulate(c.threshold.begin(), c.threshold.end(), 0.0) / static_cast<double>(classes_ - 1);
  for (double& t : c.threshold) t -= mean;
  return c;
}

// sigmoid(u) - sigmoid(l) = sigmoid(u) sigmoid(-l) (1 - exp(l - u)), whose logarithm loses nothing far from the thresholds.
template <class T>
void Ordinal<T>::forward(const Pass<T>& pass, LayerState<T>& s) const {
  const Cuts c = cuts();
  const Index last = classes_ - 1;
  for (Index i = pass.begin; i < pass.end; ++i) {
    const auto score = static_cast<double>(s.x.row(i)[0]);
    T* const y = s.y.row(i);
    for (Index k = 0; k <= last; ++k) {
      double log_p = 0;
      if (k < last) log_p -= softplus(score - c.threshold[at(k)]);
      if (k > 0) log_p -= softplus(c.threshold[at(k - 1)] - score);
      if (k > 0 && k < last) log_p += std::log(-std::expm1(-c.distance[at(k - 1)]));
      y[k] = static_cast<T>(log_p);
    }
  }
}

template <class T>
void Ordinal<T>::backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const {
  if (!dx.exists()) return;
  const Cuts c = cuts();
  for (Index i = pass.begin; i < pass.end; ++i) {
    const auto score = static_cast<double>(s.x.row(i)[0]);
    const T* const dy = s.dy.row(i);
    double sum = 0, lower = 0;
    for (Index k = 0; k < classes_; ++k) {
      const double upper = k + 1 < classes_ ? sigmoid(c.threshold[at(k)] - score) : 1.0;
      sum += static_cast<double>(dy[k]) * (lower + upper - 1);
      lower = upper;
    }
    dx.row(i)[0] = static_cast<T>(sum);
  }
  apply_incoming(pass, below, dx, 1);
}

template <class T>
void Ordinal<T>::update(const Pass<T>& pass, LayerState<T>& s, const Sink<T>& sink) const {
  // Sums over all rows in turn are one member's work.
  if (gaps_ == nullptr || !pass.crew.leads()) return;
  const Cuts c = cuts();
  const Index n = classes_ - 1;
  std::vector<double> d(at(n), 0.0);
  for (Index i = 0; i < pass.m; ++i) {
    const auto score = static_cast<double>(s.x.row(i)[0]);
    const T* const dy = s.dy.row(i);
    for (Index k = 0; k < n; ++k) {
      const double p = sigmoid(c.threshold[at(k)] - score);
      d[at(k)] += static_cast<double>(dy[k]) * (1 - p) - static_cast<double>(dy[k + 1]) * p;
    }
    for (Index k = 1; k < n; ++k) {  // of the class between two thresholds
      const double by_distance = static_cast<double>(dy[k]) / std::expm1(c.distance[at(k - 1)]);
      d[at(k)] += by_distance;
      d[at(k - 1)] -= by_distance;
    }
  }
  const double mean = std::accumulate(d.begin(), d.end(), 0.0) / static_cast<double>(n);
  T* const gradient = pass.member.room.template reserve_of<T>(padded_row(n));
  double behind = 0;  // what all thresholds from here on want
  for (Index k = n - 1; k > 0; --k) {
    behind += d[at(k)] - mean;
    gradient[k - 1] = static_cast<T>(behind * sigmoid(static_cast<double>(gaps_->w()[k - 1])));
  }
  sink.take(*gaps_, 0, 1, gradient, n - 1);
}

template class Ordinal<float>;
template class Ordinal<double>;

}  // namespace pyffnn::net
