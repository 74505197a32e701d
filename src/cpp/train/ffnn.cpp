#include "train/ffnn.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <stdexcept>

#include "core/dispatch.h"
#include "core/team.h"
#include "core/thread_pool.h"

namespace pyffnn::train {
namespace {

// Examples of a prediction are independent; this many at a time fill the register tiles and stay in L2.
constexpr Index kChunk = 128;

// What threads_for() counts as flops: an entry is a cache miss or two beside its arithmetic, a class an exponential.
constexpr double kEntryCost = 100, kElementCost = 8, kOutputCost = 20;

template <class T>
double sum_of_weights(const Targets<T>& targets, const std::int64_t* batch, Index m) {
  if (targets.weight == nullptr) return static_cast<double>(m);
  double total = 0;
  for (Index i = 0; i < m; ++i) total += static_cast<double>(targets.weight[batch[i]]);
  return total;
}

template <class T>
double sum_of_losses(const Workspace<T>& w, Index m) {
  const T* const losses = static_cast<const T*>(w.loss.data());
  double sum = 0;
  for (Index i = 0; i < m; ++i) sum += static_cast<double>(losses[i]);
  return sum;
}

}  // namespace

template <class T>
void Network<T>::initialise(std::uint64_t seed) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  weights_changed();
  parameters_.initialise(seed);
  step_ = 0;
}

template <class T>
void Network<T>::grow(Index rows, Index n_outputs) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  weights_changed();
  parameters_.grow(rows, n_outputs);
}

// The most entries that one of the batches has.
template <class T>
Index Network<T>::most_entries(const Source<T>& source, const std::int64_t* order, Index count, Index batch_size) const {
  if (spec().input == InputKind::dense) return 0;
  Index most = 0;
  for (Index at = 0; at < count; at += batch_size) {
    Index entries = 0;
    for (Index i = at; i < std::min(count, at + batch_size); ++i) entries += source.max_entries(order[i]);
    most = std::max(most, entries);
  }
  if (most >= std::int64_t{UINT32_MAX})
    throw std::invalid_argument("batch_size is too large: a batch has " + std::to_string(most) + " ids");
  return most;
}

// Flops, or their worth in time, of bringing m examples with `entries` entries forward.
template <class T>
double Network<T>::work(Index m, Index entries) const {
  const Spec& s = spec();
  double each = kOutputCost * static_cast<double>(s.n_outputs);
  for (Index l = 0; l < s.layers(); ++l)
    if (l > 0 || s.input != InputKind::sparse)
      each += 2.0 * static_cast<double>(s.layer_inputs(l)) * static_cast<double>(s.layer_outputs(l));
  const Index d = s.has_table() ? s.dim : s.layer_outputs(0);
  return static_cast<double>(m) * each + static_cast<double>(entries) * (kEntryCost + kElementCost * static_cast<double>(d));
}

template <class T>
typename Network<T>::Sink Network<T>::optimizer_step(double lr, std::int64_t step) const {
  const Spec& s = spec();
  const double t = static_cast<double>(step + 1);
  const auto make = [&](double rate, double l2, double decay) {
    OptimStep<T> o{};
    o.kind = s.optimizer;
    o.lr = static_cast<T>(rate);
    o.beta1 = static_cast<T>(s.beta1);
    o.beta2 = static_cast<T>(s.beta2);
    o.eps = static_cast<T>(s.eps);
    if (s.optimizer == Optim::adam) {
      o.lr_over_c1 = static_cast<T>(rate / (1 - std::pow(s.beta1, t)));
      o.rsqrt_c2 = static_cast<T>(1 / std::sqrt(1 - std::pow(s.beta2, t)));
    }
    o.scale = 1;
    o.l2 = static_cast<T>(l2);
    o.decay = static_cast<T>(rate * decay);
    return o;
  };
  return {make(lr, s.l2, s.weight_decay), make(lr, 0, 0), make(lr * s.embedding_lr, s.l2, s.weight_decay), nullptr};
}

template <class T>
bool Network<T>::train_step(const Call& call, Index s, int member, int size, threads::Team& team, Progress& progress) {
  Space& w = call.w;
  const Index at = s * call.batch_size, m = std::min(call.batch_size, call.count - at);
  const std::int64_t* const batch = call.order + at;
  const Slice slice{m * member / size, m * (member + 1) / size, w.members[static_cast<std::size_t>(member)], step_ + s, true, m};
  const double total = sum_of_weights(call.targets, batch, m);
  call.source.load(batch + slice.begin, slice.size(), slice.member.batch, w.x.p + slice.begin * w.x.ld, w.x.ld);
  forward(w, slice);
  loss(w, call.targets, batch, total, slice, true);
  backward(w, slice);
  if (size > 1) team.barrier();
  double mean = 0;
  if (total > 0) {
    mean = sum_of_losses(w, m);
    progress.finite = std::isfinite(mean);
    if (!progress.finite) return false;
    Sink sink = optimizer_step(call.lr[s], slice.step);
    sink.last = s + 1 == call.steps();
    update(w, m, member, size, true, sink);
    progress.loss += mean * total;
    progress.weight += total;
  }
  if (member == 0) {
    call.losses[s] = mean;
    call.weights[s] = total;
  }
  ++progress.steps;
  if (size > 1) team.barrier();
  return true;
}

template <class T>
Progress Network<T>::train(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count, Index batch_size,
                           const double* lr, double* losses, double* weights) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  weights_changed();
  WorkspaceLease<T> lease(workspaces_);
  const Call call{source, targets, order, count, std::min(batch_size, std::max<Index>(count, 1)), lr, losses, weights, *lease};
  const Index entries = most_entries(source, order, count, call.batch_size);
  const double work_of_step = 3 * work(call.batch_size, entries);
  const int wanted =
      static_cast<int>(std::min<Index>(threads::team_for(work_of_step, work_of_step * static_cast<double>(call.steps())), call.batch_size));
  call.w.plan(spec(), call.batch_size, entries, wanted, true);
  if (call.steps() > 1) keep_weights(call.w, call.batch_size, wanted);
  Progress result;
  threads::lead_team(wanted, call.steps(), pace_, [&](threads::Team& team, int member, int size, Index s) {
    // Members see the same losses; the leader's are kept.
    Progress own;
    return train_step(call, s, member, size, team, member == 0 ? result : own);
  });
  step_ += result.steps;
  return result;
}

// f(workspace, slice, position of the chunk in `order`) for chunks of examples, brought forward without dropout, on as many threads as are
// worth it.
template <class T>
template <class F>
void Network<T>::in_chunks(const Source<T>& source, const std::int64_t* order, Index count, F&& f) {
  const Index most = most_entries(source, order, count, kChunk), chunks = (count + kChunk - 1) / kChunk;
  const int parts = threads::threads_for(static_cast<double>(chunks) * work(kChunk, most));
  threads::parallel_for(chunks, parts, [&](Index begin, Index end) {
    WorkspaceLease<T> lease(workspaces_);
    Space& w = *lease;
    w.plan(spec(), std::min(count, kChunk), most, 1, false);
    for (Index at = begin * kChunk; at < std::min(count, end * kChunk); at += kChunk) {
      const Slice slice{0, std::min(kChunk, count - at), w.members[0], 0, false, std::min(kChunk, count)};
      source.load(order + at, slice.size(), slice.member.batch, w.x.p, w.x.ld);
      forward(w, slice);
      f(w, slice, at);
    }
  });
}

template <class T>
Progress Network<T>::evaluate(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count) {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  const Index n = spec().n_outputs;
  std::vector<Progress> chunks(static_cast<std::size_t>((count + kChunk - 1) / kChunk));
  in_chunks(source, order, count, [&](Space& w, const Slice& s, Index at) {
    Progress& p = chunks[static_cast<std::size_t>(at / kChunk)];
    p.weight = sum_of_weights(targets, order + at, s.size());
    loss(w, targets, order + at, p.weight, s, false);
    p.loss = p.weight > 0 ? sum_of_losses(w, s.size()) * p.weight : 0;
    const Rows<T>& z = w.layers.back().y;
    for (Index i = 0; i < s.size(); ++i) {
      const Index example = order[at + i];
      const T* const row = z.p + i * z.ld;
      Index right = 0;
      if (targets.classes != nullptr) {
        right = std::max_element(row, row + n) - row == targets.classes[example] ? n : 0;
      } else {
        for (Index j = 0; j < n; ++j) right += (row[j] > 0) == (targets.values[example * n + j] > T(0.5));
      }
      p.correct += targets.weight_of(example) * static_cast<double>(right) / static_cast<double>(n);
    }
  });
  Progress sum;
  for (const Progress& p : chunks) {
    sum.loss += p.loss;
    sum.weight += p.weight;
    sum.correct += p.correct;
  }
  sum.finite = std::isfinite(sum.loss);
  return sum;
}

template <class T>
void Network<T>::predict(const Source<T>& source, const std::int64_t* order, Index count, T* out) {
  const std::shared_lock<std::shared_mutex> lock(mutex_);
  const auto& kernels = dispatch::kernels<T>();
  const Index n = spec().n_outputs;
  in_chunks(source, order, count, [&](Space& w, const Slice& s, Index at) {
    const Rows<T>& z = w.layers.back().y;
    if (spec().loss == LossKind::softmax) {
      kernels.softmax(z.p, z.ld, out + at * n, n, s.size(), n);
    } else {
      for (Index i = 0; i < s.size(); ++i) kernels.act_forward(Act::sigmoid, z.p + i * z.ld, out + (at + i) * n, n);
    }
  });
}

template <class T>
double Network<T>::gradients(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count,
                             const std::map<std::string, T*>& grads) {
  const std::unique_lock<std::shared_mutex> lock(mutex_);
  WorkspaceLease<T> lease(workspaces_);
  Space& w = *lease;
  w.plan(spec(), count, most_entries(source, order, count, std::max<Index>(count, 1)), 1, true);
  const Slice slice{0, count, w.members[0], 0, false, count};
  const double total = sum_of_weights(targets, order, count);
  source.load(order, count, slice.member.batch, w.x.p, w.x.ld);
  forward(w, slice);
  loss(w, targets, order, total, slice, true);
  backward(w, slice);
  Sink sink{};
  sink.grads = &grads;
  update(w, count, 0, 1, false, sink);
  return total > 0 ? sum_of_losses(w, count) : 0;
}

template class Network<float>;
template class Network<double>;

}  // namespace pyffnn::train
