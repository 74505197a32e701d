// Inverted dropout (Srivastava et al. 2014): kept units are scaled by 1 / (1 - rate). Each number has a mask of its own, the same forward
// and back: it comes from (seed, step, stream, place).
#pragma once
#include "core/dispatch.h"
#include "core/random.h"
#include "net/layers/layer.h"

namespace pyffnn::net {

// Rows of the pass; `from` may be `to`.
template <class T>
void drop(const Pass<T>& pass, View<T> from, View<T> to, Index cols, double rate, std::uint64_t stream) {
  const auto& kernels = dispatch::kernels<T>();
  const std::uint64_t key = random::key(pass.spec.seed, static_cast<std::uint64_t>(pass.step), stream);
  for (Index i = pass.begin; i < pass.end; ++i)
    kernels.dropout(from.row(i), to.row(i), cols, static_cast<T>(rate), key, static_cast<std::uint64_t>(i * cols));
}

template <class T>
class Dropout final : public Layer<T> {
 public:
  Dropout(Index size, double rate, std::uint64_t stream) : size_(size), rate_(rate), stream_(stream) {}
  Index width() const override { return size_; }
  bool active(bool noise) const override { return noise && rate_ > 0; }

  void forward(const Pass<T>& pass, LayerState<T>& s) const override { drop(pass, s.x, s.y, size_, rate_, stream_); }
  void backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const override {
    if (!dx.exists()) return;
    drop(pass, s.dy, dx, size_, rate_, stream_);
    apply_incoming(pass, below, dx, size_);
  }

 private:
  Index size_;
  double rate_;
  std::uint64_t stream_;
};

}  // namespace pyffnn::net
