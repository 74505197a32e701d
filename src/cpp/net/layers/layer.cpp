#include "net/layers/layer.h"

#include <cmath>

#include "core/dispatch.h"

namespace pyffnn::net {

double weight_scale(Index in, Index out, bool before_relu) {
  const auto a = static_cast<double>(in), b = static_cast<double>(out);
  return before_relu ? std::sqrt(6.0 / a) : std::sqrt(6.0 / (a + b));
}

template <class T>
void apply_incoming(const Pass<T>& pass, const Incoming<T>& incoming, View<T> dy, Index cols) {
  if (incoming.act == Act::identity) return;
  const auto& kernels = dispatch::kernels<T>();
  for (Index i = pass.begin; i < pass.end; ++i) kernels.act_backward(incoming.act, dy.row(i), incoming.y.row(i), dy.row(i), cols);
}

template void apply_incoming(const Pass<float>&, const Incoming<float>&, View<float>, Index);
template void apply_incoming(const Pass<double>&, const Incoming<double>&, View<double>, Index);

}  // namespace pyffnn::net
