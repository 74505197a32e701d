#include "net/outputs/sampled.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>

#include "core/dispatch.h"
#include "core/random.h"

namespace pyffnn::net {
namespace {

// log weight of a word that was not drawn, in the sums of examples whose target it is not
constexpr double kAbsent = -60;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

template <class T>
T* moved(T* base, Index by) {
  return base == nullptr ? nullptr : base + by;
}

}  // namespace

template <class T>
SampledOutput<T>::SampledOutput(const Spec& s, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency)
    : k_(s.output_size()),
      samples_(s.samples),
      precision_(s.precision),
      by_frequency_(by_frequency),
      u_(add_words(params, "output.weight", s.n_outputs, k_)),
      bias_(params.add("output.bias", 1, s.n_outputs, Role::vector)) {}

template <class T>
void SampledOutput<T>::plan(Space<T>& space, const Plan& plan) const {
  auto& own = static_cast<Own&>(*space.output);
  own.fit(plan.m);
  if (!plan.backward) return own.whole.plan({u_->rows, k_, u_->ld, plan.m, u_->w()}, false);
  const Index n = std::min(samples_ + plan.m, u_->rows);
  own.few = own.few_rows.fit(n, k_);
  own.few_bias.template reserve_of<T>(n);
  own.few_gradient.template reserve_of<T>(n * own.few.ld);
  own.few_bias_gradient.template reserve_of<T>(n);
  own.few_squares.resize(at(n));
  own.train.plan({n, k_, own.few.ld, plan.m, own.few.p}, true);
}

template <class T>
void SampledOutput<T>::draw(Own& own, Index m, std::int64_t step, std::uint64_t seed) const {
  struct Drawn {
    std::int32_t id, rank;
  };
  const double log_all = std::log(static_cast<double>(u_->rows) + 1);
  const std::uint64_t key = random::key(seed, static_cast<std::uint64_t>(step), random::kSampled);
  std::vector<Drawn> drawn(at(samples_));
  for (std::size_t s = 0; s < drawn.size(); ++s) {
    const auto rank = static_cast<Index>(std::exp(random::uniform(key, s) * log_all)) - 1;
    drawn[s].rank = static_cast<std::int32_t>(std::clamp<Index>(rank, 0, u_->rows - 1));
    drawn[s].id = by_frequency_[at(drawn[s].rank)];
  }
  std::sort(drawn.begin(), drawn.end(), [](const Drawn& a, const Drawn& b) { return a.id < b.id; });
  std::vector<std::int32_t> wanted(own.target.begin(), own.target.begin() + m);
  std::sort(wanted.begin(), wanted.end());
  own.words.clear();
  own.log_weight.clear();
  auto w = wanted.begin();
  auto take_wanted = [&](Index limit) {
    for (; w != wanted.end() && *w < limit; ++w) {
      if (!own.words.empty() && own.words.back() == *w) continue;
      own.words.push_back(*w);
      own.log_weight.push_back(kAbsent);
    }
  };
  for (std::size_t s = 0; s < drawn.size();) {
    std::size_t e = s;
    while (e < drawn.size() && drawn[e].id == drawn[s].id) ++e;
    take_wanted(drawn[s].id);
    const double r = drawn[s].rank, q = std::log((r + 2) / (r + 1)) / log_all;
    own.words.push_back(drawn[s].id);
    own.log_weight.push_back(std::log(static_cast<double>(e - s) / (static_cast<double>(samples_) * q)));
    s = e;
  }
  take_wanted(u_->rows);
  own.place.resize(at(m));
  own.own_bias.resize(at(m));
}

template <class T>
void SampledOutput<T>::forward(const Pass<T>& pass, const Targets& targets, View<T> h, const KeptColumns*, double total, View<T> dh) const {
  auto& own = static_cast<Own&>(*pass.space.output);
  own.load(pass, targets, total > 0 ? 1 / total : 0);
  pass.crew.barrier();
  if (!dh.exists()) {
    this->log_prob(pass, own.target.data(), h, own.log_prob.data());
    return this->take_losses(pass, own, targets);
  }
  if (pass.crew.leads()) draw(own, pass.m, pass.step, pass.spec.seed);
  pass.crew.barrier();
  const auto n = static_cast<Index>(own.words.size());
  T* const few_bias = static_cast<T*>(own.few_bias.data());
  pass.crew.each(n, static_cast<double>(n * k_) * 4, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index word = own.words[at(i)];
      std::memcpy(own.few.row(i), u_->w() + word * u_->ld, at(k_) * sizeof(T));
      few_bias[i] = static_cast<T>(static_cast<double>(bias_->w()[word]) + own.log_weight[at(i)]);
    }
  });
  for (Index i = pass.begin; i < pass.end; ++i) {
    const std::int32_t target = own.target[at(i)];
    own.place[at(i)] = static_cast<std::int32_t>(std::lower_bound(own.words.begin(), own.words.end(), target) - own.words.begin());
    own.own_bias[at(i)] = bias_->w()[target];
  }
  pass.crew.barrier();
  SweepBatch<T> b;
  b.shape = {n, k_, own.few.ld, pass.m, own.few.p};
  b.bias = few_bias;
  b.target_bias = own.own_bias.data();
  b.h = h.p;
  b.ldh = h.ld;
  b.target = own.place.data();
  b.weight = own.weight.data();
  own.train.forward(pass.crew, b, pass.begin, pass.end, dh, own.log_prob.data());
  this->take_losses(pass, own, targets);
}

template <class T>
void SampledOutput<T>::update(const Pass<T>& pass, View<T>, const Sink<T>&, const Tied<T>& tied) const {
  const auto& kernels = dispatch::kernels<T>();
  auto& own = static_cast<Own&>(*pass.space.output);
  SweepSink<T> u, bias;
  u.g = static_cast<T*>(own.few_gradient.data());
  u.ld = own.few.ld;
  u.squares = own.few_squares.data();
  bias.g = static_cast<T*>(own.few_bias_gradient.data());
  if (pass.crew.leads()) {
    own.ids.clear();
    if (tied.rows == nullptr)
      own.ids = own.words;
    else
      std::set_union(own.words.begin(), own.words.end(), tied.rows->ids.begin(), tied.rows->ids.end(), std::back_inserter(own.ids));
    own.merged = own.merged_rows.fit(static_cast<Index>(own.ids.size()), k_);
  }
  own.train.backward(pass.crew, u, bias, nullptr, 0);
  pass.crew.barrier();
  const auto n = static_cast<Index>(own.ids.size());
  pass.crew.each(n, static_cast<double>(n * k_) * 4, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      T* const out = own.merged.row(i);
      const std::int32_t id = own.ids[at(i)];
      const auto word = std::lower_bound(own.words.begin(), own.words.end(), id);
      if (word != own.words.end() && *word == id)
        std::memcpy(out, u.g + (word - own.words.begin()) * u.ld, at(k_) * sizeof(T));
      else
        std::memset(out, 0, at(k_) * sizeof(T));
      if (tied.rows == nullptr) continue;
      const auto row = std::lower_bound(tied.rows->ids.begin(), tied.rows->ids.end(), id);
      if (row != tied.rows->ids.end() && *row == id) kernels.axpy(T(1), tied.rows->sums[at(row - tied.rows->ids.begin())], out, tied.dim);
    }
  });
}

template <class T>
void SampledOutput<T>::add_lazy_squares(const Space<T>& space, double& sum) const {
  const auto& own = static_cast<const Own&>(*space.output);
  double rows = 0;
  for (std::size_t i = 0; i < own.ids.size(); ++i) rows += squares_of(own.merged.row(static_cast<Index>(i)), k_);
  const T* const db = static_cast<const T*>(own.few_bias_gradient.data());
  for (std::size_t i = 0; i < own.words.size(); ++i) rows += static_cast<double>(db[i]) * static_cast<double>(db[i]);
  sum += rows;
}

template <class T>
void SampledOutput<T>::lazy_update(const Pass<T>& pass, const Sink<T>& sink) const {
  auto& own = static_cast<Own&>(*pass.space.output);
  const auto n = static_cast<Index>(own.ids.size());
  pass.crew.each(n, static_cast<double>(n * k_) * 8, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) sink.take(*u_, own.ids[at(i)], 1, own.merged.row(i), own.merged.ld);
  });
  if (!pass.crew.leads()) return;
  const T* const db = static_cast<const T*>(own.few_bias_gradient.data());
  for (std::size_t i = 0; i < own.words.size(); ++i) {
    const Index v = own.words[i];
    if (sink.store != nullptr)
      sink.store->of(*bias_)[v] = db[i];
    else
      dispatch::kernels<T>().optim_step(sink.rules.of(*bias_), db + i, bias_->w() + v, moved(bias_->s1(), v), moved(bias_->s2(), v), 1);
  }
}

template <class T>
void SampledOutput<T>::log_prob(const Pass<T>& pass, const std::int32_t* target, View<T> h, double* out) const {
  SweepBatch<T> b;
  b.shape = {u_->rows, k_, u_->ld, pass.m, u_->w()};
  b.bias = bias_->w();
  b.h = h.p;
  b.ldh = h.ld;
  b.target = target;
  static_cast<Own&>(*pass.space.output).whole.forward(pass.crew, b, pass.begin, pass.end, {}, out);
}

template <class T>
void SampledOutput<T>::distribution(const Pass<T>& pass, View<T> h, double* p) const {
  softmax_of(*u_, *bias_, h.row(pass.begin), k_, p);
}

template <class T>
Index SampledOutput<T>::workspace_bytes(const State& s) const {
  const auto& own = static_cast<const Own&>(s);
  return own.train.bytes() + own.whole.bytes();
}

template class SampledOutput<float>;
template class SampledOutput<double>;

}  // namespace pyffnn::net
