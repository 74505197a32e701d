#include "net/outputs/adaptive.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "core/dispatch.h"
#include "core/random.h"
#include "ops/products/dense.h"

namespace pyffnn::net {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

template <class T>
AdaptiveOutput<T>::AdaptiveOutput(const Spec& s, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency)
    : k_(s.output_size()),
      head_words_(s.cutoffs.front()),
      precision_(sizeof(T) == sizeof(float) ? s.precision : Precision::float32),
      by_frequency_(by_frequency),
      rank_(at(s.n_outputs)) {
  for (std::size_t r = 0; r < by_frequency.size(); ++r) rank_[at(by_frequency[r])] = static_cast<std::int32_t>(r);
  const auto clusters = static_cast<Index>(s.cutoffs.size());
  head_ = add_words(params, "output.head.weight", head_words_ + clusters, k_);
  head_bias_ = params.add("output.head.bias", 1, head_words_ + clusters, Role::vector);
  Index size = k_;
  for (Index i = 0; i < clusters; ++i) {
    Cluster c;
    const std::string name = "output.tail" + std::to_string(i);
    size = std::max<Index>(1, size / 4);
    c.first = s.cutoffs[at(i)];
    c.words = (i + 1 < clusters ? s.cutoffs[at(i + 1)] : s.n_outputs) - c.first;
    c.size = size;
    c.projection = params.add_uniform(name + ".projection", k_, size, Role::weights, weight_scale(k_, size, false),
                                      random::kInitialWords + params.all().size());
    c.u = add_words(params, name + ".weight", c.words, size);
    c.bias = params.add(name + ".bias", 1, c.words, Role::vector);
    clusters_.push_back(c);
  }
}

template <class T>
void AdaptiveOutput<T>::initialise(const std::vector<double>& counts) const {
  std::vector<double> head;
  for (Index r = 0; r < head_words_; ++r) head.push_back(counts[at(by_frequency_[at(r)])]);
  for (const Cluster& c : clusters_) {
    std::vector<double> tail;
    double sum = 0;
    for (Index r = c.first; r < c.first + c.words; ++r) {
      tail.push_back(counts[at(by_frequency_[at(r)])]);
      sum += tail.back();
    }
    log_frequencies(tail, c.bias->w());
    head.push_back(sum);
  }
  log_frequencies(head, head_bias_->w());
}

template <class T>
std::unique_ptr<State> AdaptiveOutput<T>::make_state() const {
  auto s = std::make_unique<Own>(precision_);
  for (std::size_t i = 0; i < clusters_.size(); ++i) s->tails.emplace_back(precision_);
  return s;
}

template <class T>
void AdaptiveOutput<T>::plan(Space<T>& space, const Plan& plan) const {
  auto& own = static_cast<Own&>(*space.output);
  own.fit(plan.m);
  own.head.plan({head_->rows, k_, head_->ld, plan.m, head_->w()}, plan.backward);
  // How many examples a cluster gets is not known before: the rooms of its sweep grow with them.
}

// Which examples each cluster has. One thread's call.
template <class T>
void AdaptiveOutput<T>::deal_out(Own& own, const std::int32_t* target, const double* weight, Index m, bool gradient) const {
  own.head_target.resize(at(m));
  for (Tail& t : own.tails) {
    t.members.clear();
    t.target.clear();
    t.weight.clear();
  }
  for (Index i = 0; i < m; ++i) {
    const std::int32_t r = rank_[at(target[i])];
    own.head_target[at(i)] = r;
    if (r < head_words_) continue;
    std::size_t c = clusters_.size() - 1;
    while (r < clusters_[c].first) --c;
    own.head_target[at(i)] = static_cast<std::int32_t>(head_words_ + static_cast<Index>(c));
    own.tails[c].members.push_back(i);
    own.tails[c].target.push_back(r - static_cast<std::int32_t>(clusters_[c].first));
    own.tails[c].weight.push_back(weight == nullptr ? 1.0 : weight[i]);
  }
  for (std::size_t c = 0; c < clusters_.size(); ++c) {
    Tail& t = own.tails[c];
    const auto n = static_cast<Index>(t.members.size());
    t.log_prob.resize(at(n));
    t.h = t.h_rows.fit(n, k_);
    t.y = t.y_rows.fit(n, clusters_[c].size);
    t.dy = gradient ? t.dy_rows.fit(n, clusters_[c].size) : View<T>{};
    t.dh = gradient ? t.dh_rows.fit(n, k_) : View<T>{};
  }
}

template <class T>
void AdaptiveOutput<T>::run(const Pass<T>& pass, const std::int32_t* target, const double* weight, View<T> h, View<T> dh,
                            double* log_prob) const {
  const auto& kernels = dispatch::kernels<T>();
  auto& own = static_cast<Own&>(*pass.space.output);
  if (pass.crew.leads()) deal_out(own, target, weight, pass.m, dh.exists());
  pass.crew.barrier();
  SweepBatch<T> b;
  b.shape = {head_->rows, k_, head_->ld, pass.m, head_->w()};
  b.bias = head_bias_->w();
  b.h = h.p;
  b.ldh = h.ld;
  b.target = own.head_target.data();
  b.weight = weight;
  own.head.forward(pass.crew, b, pass.begin, pass.end, dh, log_prob);
  for (std::size_t number = 0; number < clusters_.size(); ++number) {
    const Cluster& c = clusters_[number];
    Tail& t = own.tails[number];
    const auto n = static_cast<Index>(t.members.size());
    if (n == 0) continue;
    const threads::Crew::Share mine = pass.crew.share(n);
    const Index count = mine.end - mine.begin;
    for (Index j = mine.begin; j < mine.end; ++j) std::memcpy(t.h.row(j), h.row(t.members[at(j)]), at(k_) * sizeof(T));
    const Precision forth = ops::choose(precision_, n, c.size, k_), back = ops::choose(precision_, n, k_, c.size);
    ops::gemm<T>(count, c.size, k_, {t.h.row(mine.begin), t.h.ld, 1}, {c.projection->w(), c.projection->ld, 1}, t.y.row(mine.begin), t.y.ld,
                 {}, false, forth);
    pass.crew.barrier();
    SweepBatch<T> tail;
    tail.shape = {c.words, c.size, c.u->ld, n, c.u->w()};
    tail.bias = c.bias->w();
    tail.h = t.y.p;
    tail.ldh = t.y.ld;
    tail.target = t.target.data();
    tail.weight = t.weight.data();
    t.sweep.forward(pass.crew, tail, mine.begin, mine.end, t.dy, t.log_prob.data());
    if (dh.exists())
      ops::gemm<T>(count, k_, c.size, {t.dy.row(mine.begin), t.dy.ld, 1}, {c.projection->w(), 1, c.projection->ld}, t.dh.row(mine.begin),
                   t.dh.ld, {}, false, back);
    pass.crew.barrier();
    // Each member adds to its own examples, which are in order.
    const auto first = std::lower_bound(t.members.begin(), t.members.end(), pass.begin) - t.members.begin();
    for (Index j = first; j < n && t.members[at(j)] < pass.end; ++j) {
      log_prob[t.members[at(j)]] += t.log_prob[at(j)];
      if (dh.exists()) kernels.axpy(T(1), t.dh.row(j), dh.row(t.members[at(j)]), k_);
    }
  }
}

template <class T>
void AdaptiveOutput<T>::forward(const Pass<T>& pass, const Targets& targets, View<T> h, const KeptColumns*, double total,
                                View<T> dh) const {
  auto& own = static_cast<Own&>(*pass.space.output);
  own.load(pass, targets, total > 0 ? 1 / total : 0);
  pass.crew.barrier();
  run(pass, own.target.data(), own.weight.data(), h, dh, own.log_prob.data());
  this->take_losses(pass, own, targets);
}

template <class T>
void AdaptiveOutput<T>::log_prob(const Pass<T>& pass, const std::int32_t* target, View<T> h, double* out) const {
  run(pass, target, nullptr, h, {}, out);
}

template <class T>
void AdaptiveOutput<T>::update(const Pass<T>& pass, View<T>, const Sink<T>& sink, const Tied<T>&) const {
  auto& own = static_cast<Own&>(*pass.space.output);
  own.head.backward(pass.crew, sweep_sink(*head_, sink), sweep_sink(*head_bias_, sink), nullptr, 0);
  for (std::size_t number = 0; number < clusters_.size(); ++number) {
    const Cluster& c = clusters_[number];
    Tail& t = own.tails[number];
    const auto n = static_cast<Index>(t.members.size());
    if (n == 0) {
      // A gradient of zero everywhere: decay and moments go on, and nothing is left of an earlier batch.
      for (Param<T>* p : {c.projection, c.u, c.bias}) {
        const std::vector<T> zero(at(p->cols), T(0));
        pass.crew.each(p->rows, static_cast<double>(p->size()) * 8, [&](Index begin, Index end) {
          for (Index row = begin; row < end; ++row) sink.take(*p, row, 1, zero.data(), p->cols);
        });
      }
      continue;
    }
    t.sweep.backward(pass.crew, sweep_sink(*c.u, sink), sweep_sink(*c.bias, sink), nullptr, 0);
    Param<T>& w = *c.projection;
    pass.crew.each(w.rows, 2.0 * static_cast<double>(w.size() * n), [&](Index begin, Index end) {
      T* const gradient = scratch(Scratch::op).template reserve_of<T>((end - begin) * w.cols);
      ops::gemm<T>(end - begin, w.cols, n, {t.h.p + begin, 1, t.h.ld}, {t.dy.p, t.dy.ld, 1}, gradient, w.cols, {}, false,
                   ops::choose(precision_, w.rows, w.cols, n));
      sink.take(w, begin, end - begin, gradient, w.cols);
    });
  }
}

template <class T>
void AdaptiveOutput<T>::measure(Gradients<T>& gradients) const {
  gradients.measure(*head_bias_, 0, 1);
  for (const Cluster& c : clusters_) gradients.measure(*c.bias, 0, 1);
}

template <class T>
void AdaptiveOutput<T>::distribution(const Pass<T>& pass, View<T> h, double* p) const {
  std::vector<double> head(at(head_->rows)), tail;
  std::vector<T> y;
  const T* const row = h.row(pass.begin);
  log_softmax_of(*head_, *head_bias_, row, k_, head.data());
  for (Index r = 0; r < head_words_; ++r) p[by_frequency_[at(r)]] = std::exp(head[at(r)]);
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    const Cluster& c = clusters_[i];
    y.resize(at(c.size));
    ops::gemm<T>(1, c.size, k_, {row, k_, 1}, {c.projection->w(), c.projection->ld, 1}, y.data(), c.size);
    tail.resize(at(c.words));
    log_softmax_of(*c.u, *c.bias, y.data(), c.size, tail.data());
    const double share = head[at(head_words_) + i];
    for (Index j = 0; j < c.words; ++j) p[by_frequency_[at(c.first + j)]] = std::exp(share + tail[at(j)]);
  }
}

template <class T>
Index AdaptiveOutput<T>::workspace_bytes(const State& s) const {
  const auto& own = static_cast<const Own&>(s);
  Index bytes = own.head.bytes();
  for (const Tail& t : own.tails) bytes += t.sweep.bytes();
  return bytes;
}

template class AdaptiveOutput<float>;
template class AdaptiveOutput<double>;

}  // namespace pyffnn::net
