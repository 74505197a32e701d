#include "net/outputs/vocabulary.h"

#include <cmath>

#include "core/dispatch.h"
#include "core/random.h"

namespace pyffnn::net {

template <class T>
SweepSink<T> sweep_sink(Param<T>& p, const Sink<T>& sink) {
  SweepSink<T> s;
  s.ld = p.ld;
  if (sink.store != nullptr) {
    s.g = sink.store->of(p);
    s.squares = sink.store->squares(p).data();
    return s;
  }
  s.w = p.w();
  s.s1 = p.s1();
  s.s2 = p.s2();
  s.opt = &sink.rules.of(p);
  return s;
}

template <class T>
void log_frequencies(const std::vector<double>& counts, T* bias) {
  double sum = 0;
  for (const double c : counts) sum += c;
  for (std::size_t i = 0; i < counts.size(); ++i) bias[i] = static_cast<T>(std::log(counts[i] / sum));
}

template <class T>
Param<T>* add_words(ParamSet<T>& params, const std::string& name, Index rows, Index cols) {
  return params.add_uniform(name, rows, cols, Role::words, std::sqrt(3.0 / static_cast<double>(cols)),
                            random::kInitialWords + params.all().size());
}

template <class T>
void WordsOutput<T>::Words::fit(Index m) {
  target.resize(static_cast<std::size_t>(m));
  weight.resize(static_cast<std::size_t>(m));
  log_prob.resize(static_cast<std::size_t>(m));
}

template <class T>
void WordsOutput<T>::Words::load(const Pass<T>& pass, const Targets& targets, double scale) {
  pass.visit.part(pass.first, pass.last).each([&](Index example, Index i) {
    const auto at = static_cast<std::size_t>(pass.begin + i);
    target[at] = static_cast<std::int32_t>(targets.class_of(example));
    weight[at] = targets.weight_of(example) * scale;
  });
}

template <class T>
void WordsOutput<T>::take_losses(const Pass<T>& pass, const Words& words, const Targets& targets) const {
  pass.visit.part(pass.first, pass.last).each([&](Index example, Index i) {
    const auto at = static_cast<std::size_t>(pass.begin + i);
    const double weight = targets.weight_of(example);
    // A weight of 0 takes an example out, whatever its loss.
    pass.space.loss[at] = weight == 0 ? 0.0 : -words.log_prob[at] * weight;
  });
}

template <class T>
double WordsOutput<T>::mean_loss(const Space<T>& space, Index m, double total) const {
  double sum = 0;
  for (Index i = 0; i < m; ++i) sum += space.loss[static_cast<std::size_t>(i)];
  return total > 0 ? sum / total : 0.0;
}

template <class T>
void WordsOutput<T>::predict(const Pass<T>& pass, View<T> h, T* out) const {
  const Index n = pass.spec.n_outputs;
  std::vector<double> p(static_cast<std::size_t>(n));
  for (Index i = 0; i < pass.size(); ++i) {
    Pass<T> one = pass;
    one.begin = pass.begin + i;
    one.end = one.begin + 1;
    this->distribution(one, h, p.data());
    for (Index j = 0; j < n; ++j) out[i * n + j] = static_cast<T>(p[static_cast<std::size_t>(j)]);
  }
}

template <class T>
VocabularyOutput<T>::VocabularyOutput(const Spec& spec, ParamSet<T>& params)
    : k_(spec.output_size()),
      precision_(spec.precision),
      u_(add_words(params, "output.weight", spec.n_outputs, k_)),
      bias_(params.add("output.bias", 1, spec.n_outputs, Role::vector)) {}

template <class T>
void VocabularyOutput<T>::plan(Space<T>& space, const Plan& plan) const {
  auto& own = static_cast<Own&>(*space.output);
  own.fit(plan.m);
  own.sweep.plan({u_->rows, k_, u_->ld, plan.m, u_->w()}, plan.backward);
}

template <class T>
SweepBatch<T> VocabularyOutput<T>::batch_of(const Pass<T>& pass, const std::int32_t* target, const double* weight, View<T> h,
                                            const KeptColumns* kept) const {
  SweepBatch<T> b;
  b.shape = {u_->rows, k_, u_->ld, pass.m, u_->w()};
  b.bias = bias_->w();
  b.h = h.p;
  b.ldh = h.ld;
  b.target = target;
  b.weight = weight;
  b.kept = kept;
  return b;
}

template <class T>
void VocabularyOutput<T>::forward(const Pass<T>& pass, const Targets& targets, View<T> h, const KeptColumns* kept, double total,
                                  View<T> dh) const {
  auto& own = static_cast<Own&>(*pass.space.output);
  own.load(pass, targets, total > 0 ? 1 / total : 0);
  pass.crew.barrier();
  own.sweep.forward(pass.crew, batch_of(pass, own.target.data(), own.weight.data(), h, kept), pass.begin, pass.end, dh,
                    own.log_prob.data());
  this->take_losses(pass, own, targets);
}

template <class T>
void VocabularyOutput<T>::update(const Pass<T>& pass, View<T>, const Sink<T>& sink, const Tied<T>& tied) const {
  static_cast<Own&>(*pass.space.output).sweep.backward(pass.crew, sweep_sink(*u_, sink), sweep_sink(*bias_, sink), tied.rows, tied.dim);
}

template <class T>
void VocabularyOutput<T>::log_prob(const Pass<T>& pass, const std::int32_t* target, View<T> h, double* out) const {
  auto& own = static_cast<Own&>(*pass.space.output);
  own.sweep.forward(pass.crew, batch_of(pass, target, nullptr, h, nullptr), pass.begin, pass.end, {}, out);
}

template <class T>
void VocabularyOutput<T>::distribution(const Pass<T>& pass, View<T> h, double* p) const {
  softmax_of(*u_, *bias_, h.row(pass.begin), k_, p);
}

#define PYFFNN_INSTANTIATE(T)                                                   \
  template class WordsOutput<T>;                                                \
  template class VocabularyOutput<T>;                                           \
  template void log_frequencies(const std::vector<double>&, T*);                \
  template Param<T>* add_words(ParamSet<T>&, const std::string&, Index, Index); \
  template SweepSink<T> sweep_sink(Param<T>&, const Sink<T>&);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::net
