// Forward pass, loss, backward pass and update of one batch.
#include <algorithm>
#include <cstring>

#include "core/dispatch.h"
#include "ops/products/dense.h"
#include "ops/products/tile_gemm.h"
#include "train/ffnn.h"
#include "train/ffnn_random.h"

namespace pyffnn::train {
namespace {

// As gemm(), with B's packed copy where there is one.
template <class T>
void multiply(Index m, Index n, Index k, ops::ConstMat<T> a, ops::ConstMat<T> b, ops::TileOperand packed_b, T* c, Index ldc,
              const ops::Fuse<T>& fuse, Precision precision) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (packed_b.p != nullptr) return ops::tile_gemm(m, n, k, a, packed_b, c, ldc, fuse);
  }
  ops::gemm<T>(m, n, k, a, b, c, ldc, fuse, false, precision);
}

}  // namespace

template <class T>
void Network<T>::forward(Space& w, const Slice& s) {
  const Spec& spec = parameters_.spec();
  const auto& kernels = dispatch::kernels<T>();
  input(w, s);
  const Rows<T>* x = &w.x;
  for (Index l = 0; l < spec.layers(); ++l) {
    typename Space::Layer& layer = w.layers[static_cast<std::size_t>(l)];
    const bool last = l + 1 == spec.layers();
    const Act act = last ? Act::identity : spec.activation;
    const Index n = spec.layer_outputs(l);
    const T* const bias = parameters_.bias(l).value.p();
    if (l == 0 && spec.input == InputKind::sparse) {
      pool(s, parameters_.weight(0).value, s.member.batch.values.data(), nullptr, layer.y);
      for (Index i = s.begin; i < s.end; ++i) {
        T* const row = layer.y.p + i * layer.y.ld;
        kernels.axpy(T(1), bias, row, n);
        kernels.act_forward(act, row, row, n);
      }
    } else {
      const Matrix<T>& weight = parameters_.weight(l).value;
      const Index k = spec.layer_inputs(l);
      const Precision precision = ops::choose(spec.precision, s.whole, n, k, !s.training);
      const ops::ConstMat<T> a{x->p + s.begin * x->ld, x->ld, 1}, b{weight.p(), n, 1};
      T* const y = layer.y.p + s.begin * layer.y.ld;
      const auto fuse = ops::Fuse<T>::linear(bias, act);
      const auto kept = s.training ? nullptr : kept_[static_cast<std::size_t>(l)].current(s.size(), n, k, b, precision, *weight.version);
      if (kept != nullptr)
        ops::gemm<T>(s.size(), a, *kept, y, layer.y.ld, fuse);
      else
        multiply<T>(s.size(), n, k, a, b, layer.weights.plain(precision), y, layer.y.ld, fuse, precision);
    }
    x = &layer.y;
    if (s.training && !last && spec.dropout > 0) {
      drop(layer.y, layer.dropped, s, n, spec.dropout, kLayerStream + static_cast<std::uint64_t>(l) + 1);
      x = &layer.dropped;
    }
  }
}

// Losses of the slice, weighted by weight / total, and with `gradient` dz of the last layer.
template <class T>
void Network<T>::loss(Space& w, const Targets<T>& targets, const std::int64_t* batch, double total, const Slice& s, bool gradient) const {
  const auto& kernels = dispatch::kernels<T>();
  const Index n = spec().n_outputs, m = s.size();
  const double scale = total > 0 ? 1 / total : 0;
  T* const weight = static_cast<T*>(w.weight.data()) + s.begin;
  T* const losses = static_cast<T*>(w.loss.data()) + s.begin;
  const typename Space::Layer& last = w.layers.back();
  const T* const z = last.y.p + s.begin * last.y.ld;
  T* const dz = gradient ? last.dz.p + s.begin * last.dz.ld : nullptr;
  const std::int64_t* const examples = batch + s.begin;
  for (Index i = 0; i < m; ++i) weight[i] = static_cast<T>(targets.weight_of(examples[i]) * scale);
  if (spec().loss == LossKind::softmax) {
    auto* const classes = static_cast<std::int64_t*>(s.member.classes.data());
    for (Index i = 0; i < m; ++i) classes[i] = targets.classes[examples[i]];
    kernels.softmax_xent(z, last.y.ld, classes, weight, losses, dz, last.dz.ld, m, n);
  } else {
    T* const values = static_cast<T*>(s.member.values.data());
    for (Index i = 0; i < m; ++i) std::memcpy(values + i * n, targets.values + examples[i] * n, static_cast<std::size_t>(n) * sizeof(T));
    kernels.sigmoid_xent(z, last.y.ld, values, n, weight, losses, dz, last.dz.ld, m, n);
  }
}

// The slice's dz of every layer and its gradient by the embedding; all with the weights as they are.
template <class T>
void Network<T>::backward(Space& w, const Slice& s) {
  const Spec& spec = parameters_.spec();
  const auto& kernels = dispatch::kernels<T>();
  const bool dropped = s.training && spec.dropout > 0;
  for (Index l = spec.layers() - 1; l >= 0; --l) {
    if (l == 0 && (!spec.has_table() || spec.freeze_embeddings)) return;
    const Rows<T>& dz = w.layers[static_cast<std::size_t>(l)].dz;
    const Index n = spec.layer_outputs(l), k = spec.layer_inputs(l);
    const ops::ConstMat<T> a{dz.p + s.begin * dz.ld, dz.ld, 1}, b{parameters_.weight(l).value.p(), 1, n};
    const Precision precision = ops::choose(spec.precision, s.whole, k, n);
    const ops::TileOperand kept = w.layers[static_cast<std::size_t>(l)].weights.transposed(precision);
    if (l == 0) {
      multiply<T>(s.size(), k, n, a, b, kept, w.dx.p + s.begin * w.dx.ld, w.dx.ld, {}, precision);
      if (dropped) drop(w.dx, w.dx, s, k, spec.dropout, kLayerStream);
      break;
    }
    typename Space::Layer& below = w.layers[static_cast<std::size_t>(l) - 1];
    const T* const y = below.y.p + s.begin * below.y.ld;
    multiply<T>(s.size(), k, n, a, b, kept, below.dz.p + s.begin * below.dz.ld, below.dz.ld,
                dropped ? ops::Fuse<T>{} : ops::Fuse<T>::dact(spec.activation, y, below.y.ld), precision);
    if (!dropped) continue;
    drop(below.dz, below.dz, s, k, spec.dropout, kLayerStream + static_cast<std::uint64_t>(l));
    for (Index i = s.begin; i < s.end; ++i) {
      T* const row = below.dz.p + i * below.dz.ld;
      kernels.act_backward(spec.activation, row, below.y.p + i * below.y.ld, row, k);
    }
  }
  if (spec.input != InputKind::mean) return;
  const T* const scale = static_cast<const T*>(s.member.scale.data());
  for (Index i = 0; i < s.size(); ++i) kernels.scal(scale[i], w.dx.p + (s.begin + i) * w.dx.ld, spec.dim);
}

// Member `member` of `size` updates its part of the parameters with the gradient of the whole batch of m examples.
template <class T>
void Network<T>::update(Space& w, Index m, int member, int size, bool training, const Sink& sink) {
  const Spec& spec = parameters_.spec();
  const auto& kernels = dispatch::kernels<T>();
  const auto grad_of = [&](const Matrix<T>& p) -> T* {
    const auto found = sink.grads->find(p.name);
    return found == sink.grads->end() ? nullptr : found->second;
  };
  for (Index l = 0; l < spec.layers(); ++l) {
    const Index n = spec.layer_outputs(l);
    const Rows<T>& dz = w.layers[static_cast<std::size_t>(l)].dz;
    Parameter<T>&weight = parameters_.weight(l), &bias = parameters_.bias(l);
    if (l % size == member) {
      if (sink.grads != nullptr) {
        if (T* const db = grad_of(bias.value); db != nullptr) ops::col_sum<T>(dz.p, dz.ld, m, n, db);
      } else {
        T* const db = static_cast<T*>(w.members[static_cast<std::size_t>(member)].bias_gradient.data());
        kernels.col_sum(dz.p, dz.ld, m, n, false, db);
        kernels.optim_step(sink.biases, db, bias.value.p(), bias.s1.p(), bias.s2.p(), n);
      }
    }
    if (l == 0 && spec.input == InputKind::sparse) {
      update_rows(w, m, member, size, weight, dz.p, dz.ld, sink.weights, sink);
      continue;
    }
    const typename Space::Layer* const below = l > 0 ? &w.layers[static_cast<std::size_t>(l) - 1] : nullptr;
    const Rows<T>& x = below == nullptr ? w.x : training && spec.dropout > 0 ? below->dropped : below->y;
    step_weight(w, l, m, x, member, size, sink);
  }
  if (!spec.has_table() || spec.freeze_embeddings) return;
  update_rows(w, m, member, size, parameters_.table(), w.dx.p, spec.input == InputKind::concat ? spec.dim : w.dx.ld, sink.table, sink);
}

// grad: rows of ldg, one a bag of the batch, or one a position of a concatenation.
template <class T>
void Network<T>::update_rows(Space& w, Index m, int member, int size, Parameter<T>& table, const T* grad, Index ldg,
                             const OptimStep<T>& opt, const Sink& sink) {
  const Spec& spec = parameters_.spec();
  const bool concat = spec.input == InputKind::concat;
  RowGrads<T>* const segments = w.segments.data() + static_cast<std::ptrdiff_t>(member) * size;
  for (int i = 0; i < size; ++i) {
    const Index begin = m * i / size, bags = m * (i + 1) / size - begin;
    const Batch<T>& batch = w.members[static_cast<std::size_t>(i)].batch;
    RowGrads<T>& s = segments[i];
    s = {};
    s.ids = batch.ids.data();
    s.offsets = concat ? nullptr : batch.offsets.data();
    s.bags = concat ? bags * spec.max_tokens : bags;
    s.weight = spec.input == InputKind::sparse ? batch.values.data() : nullptr;
    s.grad = grad + begin * (concat ? spec.width() : ldg);
    s.ldg = ldg;
    s.skip = concat ? static_cast<std::int32_t>(spec.rows) : -1;
  }
  const Matrix<T>& v = table.value;
  if (sink.grads == nullptr) {
    w.stepper.step({v.p(), table.s1.p(), table.s2.p(), v.ld, v.cols, spec.has_table() && spec.embedding_by_row}, segments, size, opt,
                   member, size);
    return;
  }
  const auto found = sink.grads->find(v.name);
  if (found == sink.grads->end()) return;
  // A step of rate -1 from zero leaves the gradient itself.
  Rows<T> zero;
  zero.plan(v.rows, v.cols);
  std::memset(zero.p, 0, static_cast<std::size_t>(v.rows * v.ld) * sizeof(T));
  OptimStep<T> store{};
  store.kind = Optim::sgd;
  store.lr = -1;
  store.scale = 1;
  w.stepper.step({zero.p, nullptr, nullptr, v.ld, v.cols, false}, segments, size, store, member, size);
  for (Index r = 0; r < v.rows; ++r)
    std::memcpy(found->second + r * v.cols, zero.p + r * v.ld, static_cast<std::size_t>(v.cols) * sizeof(T));
}

#define PYFFNN_INSTANTIATE(T)                                                                                       \
  template void Network<T>::forward(Space&, const Slice&);                                                          \
  template void Network<T>::loss(Space&, const Targets<T>&, const std::int64_t*, double, const Slice&, bool) const; \
  template void Network<T>::backward(Space&, const Slice&);                                                         \
  template void Network<T>::update(Space&, Index, int, int, bool, const Sink&);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::train
