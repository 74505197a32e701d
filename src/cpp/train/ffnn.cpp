#include "train/ffnn.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <mutex>
#include <stdexcept>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "ops/dense.h"
#include "train/ffnn_random.h"

namespace pyffnn::train {
namespace {

// Examples of a prediction are independent; a few hundred at a time fill the register tiles and stay in L2.
constexpr Index kPredictBatch = 256;

}  // namespace

template <class T>
void Network<T>::initialise(std::uint64_t seed) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  parameters_.initialise(seed);
  step_ = 0;
}

template <class T>
void Network<T>::grow(Index rows, Index n_outputs) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  parameters_.grow(rows, n_outputs);
}

template <class T>
void Network<T>::plan(Space& w, const Source<T>& source, const std::int64_t* order, Index count, Index batch_size, bool backward) const {
  Index most = 0;
  for (Index at = 0; at < count; at += batch_size) {
    Index entries = 0;
    for (Index i = at; i < std::min(count, at + batch_size); ++i) entries += source.max_entries(order[i]);
    most = std::max(most, entries);
  }
  if (most > std::int64_t{UINT32_MAX} - 1)
    throw std::invalid_argument("batch_size is too large: a batch has " + std::to_string(most) + " ids");
  w.plan(spec(), std::min(count, batch_size), most, backward);
}

template <class T>
typename Network<T>::Sink Network<T>::optimizer_step(double lr) const {
  const Spec& s = spec();
  const double t = static_cast<double>(step_ + 1);
  const auto make = [&](double rate, double l2, double decay) {
    OptimStep<T> o{};
    o.kind = s.optimizer;
    o.lr = static_cast<T>(rate);
    o.beta1 = static_cast<T>(s.beta1);
    o.beta2 = static_cast<T>(s.beta2);
    o.eps = static_cast<T>(s.eps);
    o.lr_over_c1 = static_cast<T>(rate / (1 - std::pow(s.beta1, t)));
    o.rsqrt_c2 = static_cast<T>(1 / std::sqrt(1 - std::pow(s.beta2, t)));
    o.scale = 1;
    o.l2 = static_cast<T>(l2);
    o.decay = static_cast<T>(rate * decay);
    return o;
  };
  return {make(lr, s.l2, s.weight_decay), make(lr, 0, 0), make(lr * s.embedding_lr, s.l2, s.weight_decay), nullptr};
}

template <class T>
Progress Network<T>::train(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count, Index batch_size,
                           const double* lr) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  WorkspaceLease<T> lease(workspaces_);
  Space& w = *lease;
  plan(w, source, order, count, batch_size, true);
  Progress progress;
  for (Index at = 0; at < count; at += batch_size) {
    const Index m = std::min(batch_size, count - at);
    source.load(order + at, m, w.batch);
    Input first{};
    forward(w, m, true, first);
    double total = 0;
    const double mean = loss(w, targets, order + at, m, true, total);
    if (!std::isfinite(mean)) {
      progress.finite = false;
      break;
    }
    if (total > 0) backward(w, m, true, first, optimizer_step(lr[progress.steps]));
    progress.loss += mean * total;
    progress.weight += total;
    ++progress.steps;
    ++step_;
  }
  return progress;
}

template <class T>
Progress Network<T>::evaluate(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count) {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  WorkspaceLease<T> lease(workspaces_);
  Space& w = *lease;
  plan(w, source, order, count, kPredictBatch, false);
  Progress progress;
  const Index n = spec().n_outputs;
  for (Index at = 0; at < count; at += kPredictBatch) {
    const Index m = std::min(kPredictBatch, count - at);
    source.load(order + at, m, w.batch);
    Input first{};
    forward(w, m, false, first);
    double total = 0;
    const double mean = loss(w, targets, order + at, m, false, total);
    progress.loss += mean * total;
    progress.weight += total;
    progress.finite &= std::isfinite(mean);
    const Rows<T>& z = w.layers.back().y;
    for (Index i = 0; i < m; ++i) {
      const Index example = order[at + i];
      const double weight = targets.weight != nullptr ? static_cast<double>(targets.weight[example]) : 1.0;
      const T* row = z.p + i * z.ld;
      if (targets.classes != nullptr) {
        if (std::max_element(row, row + n) - row == targets.classes[example]) progress.correct += weight;
      } else {
        Index right = 0;
        for (Index j = 0; j < n; ++j) right += (row[j] > 0) == (targets.values[example * n + j] > T(0.5));
        progress.correct += weight * static_cast<double>(right) / static_cast<double>(n);
      }
    }
    ++progress.steps;
  }
  return progress;
}

template <class T>
void Network<T>::predict(const Source<T>& source, const std::int64_t* order, Index count, T* out) {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  WorkspaceLease<T> lease(workspaces_);
  Space& w = *lease;
  plan(w, source, order, count, kPredictBatch, false);
  const auto& kernels = dispatch::kernels<T>();
  const Index n = spec().n_outputs;
  for (Index at = 0; at < count; at += kPredictBatch) {
    const Index m = std::min(kPredictBatch, count - at);
    source.load(order + at, m, w.batch);
    Input first{};
    forward(w, m, false, first);
    const Rows<T>& z = w.layers.back().y;
    if (spec().loss == LossKind::softmax) {
      kernels.softmax(z.p, z.ld, out + at * n, n, m, n);
    } else {
      for (Index i = 0; i < m; ++i) kernels.act_forward(Act::sigmoid, z.p + i * z.ld, out + (at + i) * n, n);
    }
  }
}

template <class T>
double Network<T>::gradients(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count,
                             const std::map<std::string, T*>& grads) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  WorkspaceLease<T> lease(workspaces_);
  Space& w = *lease;
  plan(w, source, order, count, std::max<Index>(count, 1), true);
  source.load(order, count, w.batch);
  Input first{};
  forward(w, count, false, first);
  double total = 0;
  const double mean = loss(w, targets, order, count, true, total);
  Sink sink{};
  sink.grads = &grads;
  backward(w, count, false, first, sink);
  return mean;
}

template <class T>
void Network<T>::forward(Space& w, Index m, bool training, Input& first) {
  const Spec& s = spec();
  const auto& kernels = dispatch::kernels<T>();
  first = input(w, m, training);
  Input x = first;
  for (Index l = 0; l < s.layers(); ++l) {
    typename Space::Layer& layer = w.layers[static_cast<std::size_t>(l)];
    const bool last = l + 1 == s.layers();
    const Act act = last ? Act::identity : s.activation;
    const Index n = s.layer_outputs(l);
    const T* const bias = parameters_.bias(l).value.p();
    if (l == 0 && s.input == InputKind::sparse) {
      pool(w, parameters_.weight(0).value, w.batch.values.data(), nullptr, m, layer.y);
      for (Index i = 0; i < m; ++i) {
        T* const row = layer.y.p + i * layer.y.ld;
        kernels.axpy(T(1), bias, row, n);
        kernels.act_forward(act, row, row, n);
      }
    } else {
      ops::gemm<T>(m, n, s.layer_inputs(l), {x.p, x.ld, 1}, {parameters_.weight(l).value.p(), n, 1}, layer.y.p, layer.y.ld,
                   ops::Fuse<T>::linear(bias, act));
    }
    x = {layer.y.p, layer.y.ld};
    if (training && !last && s.dropout > 0) {
      drop(layer.y, layer.dropped, m, n, s.dropout, kLayerStream + static_cast<std::uint64_t>(l) + 1);
      x = {layer.dropped.p, layer.dropped.ld};
    }
  }
}

template <class T>
double Network<T>::loss(Space& w, const Targets<T>& targets, const std::int64_t* examples, Index m, bool gradient, double& total) const {
  const Spec& s = spec();
  const auto& kernels = dispatch::kernels<T>();
  const Index n = s.n_outputs;
  T* const weight = static_cast<T*>(w.weight.data());
  T* const losses = static_cast<T*>(w.loss.data());
  const typename Space::Layer& last = w.layers.back();
  total = 0;
  for (Index i = 0; i < m; ++i) total += targets.weight != nullptr ? static_cast<double>(targets.weight[examples[i]]) : 1.0;
  const double scale = total > 0 ? 1 / total : 0;
  for (Index i = 0; i < m; ++i)
    weight[i] = static_cast<T>((targets.weight != nullptr ? static_cast<double>(targets.weight[examples[i]]) : 1.0) * scale);
  T* const dz = gradient ? last.dz.p : nullptr;
  if (s.loss == LossKind::softmax) {
    auto* const classes = static_cast<std::int64_t*>(w.classes.data());
    for (Index i = 0; i < m; ++i) classes[i] = targets.classes[examples[i]];
    kernels.softmax_xent(last.y.p, last.y.ld, classes, weight, losses, dz, last.dz.ld, m, n);
  } else {
    T* const values = static_cast<T*>(w.values.data());
    for (Index i = 0; i < m; ++i) std::memcpy(values + i * n, targets.values + examples[i] * n, static_cast<std::size_t>(n) * sizeof(T));
    kernels.sigmoid_xent(last.y.p, last.y.ld, values, n, weight, losses, dz, last.dz.ld, m, n);
  }
  double sum = 0;
  for (Index i = 0; i < m; ++i) sum += static_cast<double>(losses[i]);
  return total > 0 ? sum : 0;
}

template <class T>
void Network<T>::backward(Space& w, Index m, bool training, Input first, const Sink& sink) {
  const Spec& s = spec();
  const auto& kernels = dispatch::kernels<T>();
  const auto grad_of = [&](const Matrix<T>& p) -> T* {
    const auto found = sink.grads->find(p.name);
    return found == sink.grads->end() ? nullptr : found->second;
  };
  for (Index l = s.layers() - 1; l >= 0; --l) {
    typename Space::Layer& layer = w.layers[static_cast<std::size_t>(l)];
    const Index n = s.layer_outputs(l), k = s.layer_inputs(l);
    const T* const dz = layer.dz.p;
    const Index ld = layer.dz.ld;
    Parameter<T>&weight = parameters_.weight(l), &bias = parameters_.bias(l);
    Input x = first;
    if (l > 0) {
      typename Space::Layer& below = w.layers[static_cast<std::size_t>(l) - 1];
      const bool dropped = training && s.dropout > 0;
      x = dropped ? Input{below.dropped.p, below.dropped.ld} : Input{below.y.p, below.y.ld};
      const ops::Fuse<T> fuse = dropped ? ops::Fuse<T>{} : ops::Fuse<T>::dact(s.activation, below.y.p, below.y.ld);
      ops::gemm<T>(m, k, n, {dz, ld, 1}, {weight.value.p(), 1, n}, below.dz.p, below.dz.ld, fuse);
      if (dropped) {
        drop(below.dz, below.dz, m, k, s.dropout, kLayerStream + static_cast<std::uint64_t>(l));
        for (Index i = 0; i < m; ++i) {
          T* const row = below.dz.p + i * below.dz.ld;
          kernels.act_backward(s.activation, row, below.y.p + i * below.y.ld, row, k);
        }
      }
    } else if (s.has_table() && !s.freeze_embeddings) {
      ops::gemm<T>(m, k, n, {dz, ld, 1}, {weight.value.p(), 1, n}, w.dx.p, w.dx.ld);
      if (training && s.dropout > 0) drop(w.dx, w.dx, m, k, s.dropout, kLayerStream);
    }
    // The bias gradient, then the weights: dz and x are all that they need, and W is not read any more.
    T* const db = sink.grads != nullptr ? grad_of(bias.value) : static_cast<T*>(w.bias_gradient.data());
    if (db != nullptr) ops::col_sum<T>(dz, ld, m, n, db);
    if (sink.grads == nullptr) kernels.optim_step(sink.biases, db, bias.value.p(), bias.s1.p(), bias.s2.p(), n);
    if (l == 0 && s.input == InputKind::sparse) {
      step_rows(w, m, weight, dz, ld, sink.weights, sink);
    } else if (sink.grads != nullptr) {
      if (T* const dw = grad_of(weight.value); dw != nullptr) ops::gemm<T>(k, n, m, {x.p, 1, x.ld}, {dz, ld, 1}, dw, n);
    } else {
      ops::gemm<T>(k, n, m, {x.p, 1, x.ld}, {dz, ld, 1}, weight.value.p(), n,
                   ops::Fuse<T>::update(sink.weights, weight.s1.p(), weight.s2.p()));
    }
  }
  if (!s.has_table() || s.freeze_embeddings) return;
  if (s.input == InputKind::mean) {
    const T* const scale = static_cast<const T*>(w.scale.data());
    for (Index i = 0; i < m; ++i) kernels.scal(scale[i], w.dx.p + i * w.dx.ld, s.dim);
  }
  const bool concat = s.input == InputKind::concat;
  step_rows(w, m, parameters_.table(), w.dx.p, concat ? s.dim : w.dx.ld, sink.table, sink);
}

template <class T>
void Network<T>::step_rows(Space& w, Index m, Parameter<T>& table, const T* grad, Index ldg, const OptimStep<T>& opt, const Sink& sink) {
  const Spec& s = spec();
  ops::RowEntries<T> entries{};
  entries.rows = w.batch.ids.data();
  entries.values = s.input == InputKind::sparse ? w.batch.values.data() : nullptr;
  entries.offsets = s.input == InputKind::concat ? nullptr : w.batch.offsets.data();
  entries.n = w.batch.offsets[static_cast<std::size_t>(m)];
  entries.bags = m;
  if (s.input == InputKind::concat) entries.skip = static_cast<std::int32_t>(s.rows);
  const Matrix<T>& v = table.value;
  if (sink.grads == nullptr) {
    w.stepper.step({v.p(), table.s1.p(), table.s2.p(), v.rows, v.ld, v.cols, s.embedding_by_row}, entries, opt, grad, ldg);
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
  w.stepper.step({zero.p, nullptr, nullptr, v.rows, v.ld, v.cols, false}, entries, store, grad, ldg);
  for (Index r = 0; r < v.rows; ++r)
    std::memcpy(found->second + r * v.cols, zero.p + r * v.ld, static_cast<std::size_t>(v.cols) * sizeof(T));
}

template class Network<float>;
template class Network<double>;

}  // namespace pyffnn::train
