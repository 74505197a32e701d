#include "train/lm.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::train::lm {
namespace {

constexpr Index kEvalBatch = 512;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

template <class T>
Model<T>::Model(const Config& c, const std::vector<std::int32_t>& by_frequency) : config_(c), params_(c.optim), windows_(c) {
  if (!c.tied) embedding_ = params_.add("embedding", c.vocab, c.dim, true);
  if (c.distant_kernels > 0) distant_ = params_.add("distant", c.distant_kernels, c.distant_window, false);
  layers_ = std::make_unique<Layers<T>>(c, params_);
  output_ = make_output(c, params_, by_frequency);
  if (c.tied) embedding_ = output_->table();  // its first dim columns
}

template <class T>
Index Model<T>::forward(const std::int32_t* stream, Index n, const Segment* segments, Index count, bool train, std::int64_t step) {
  const Config& c = config_;
  Index m = 0;
  for (Index s = 0; s < count; ++s) m += segments[s].length;
  x_.fit(m, c.input_size());
  o_.fit(m, c.output_size());
  target_.resize(at(m));
  log_prob_.resize(at(m));
  windows_.forward(stream, n, segments, count, embedding_->w, embedding_->ld, distant_weights(), distant_ld(), train, step, x_.p, x_.ld,
                   target_.data());
  layers_->forward(x_.p, x_.ld, m, train, step, o_.p, o_.ld);
  const Index width = c.last_size();
  if (train && c.drop_output > 0) {
    drop_output_.draw(m, width, c.output_size(), c.drop_output, draw_key(c.seed, step, Draw::output));
    drop_output_.apply(o_.p, o_.ld);
  }
  if (c.direct) {
    for (Index i = 0; i < m; ++i) std::memcpy(o_.p + i * o_.ld + width, x_.p + i * x_.ld, at(c.input_size()) * sizeof(T));
  }
  return m;
}

template <class T>
double Model<T>::mean_loss(Index m) const {
  double sum = 0;
  for (Index i = 0; i < m; ++i) sum -= log_prob_[at(i)];
  return m > 0 ? sum / static_cast<double>(m) : 0.0;
}

// From d_o_ to every gradient; the softmax's own comes last, since a tied table takes the gradient of its rows as embeddings too.
template <class T>
void Model<T>::backward(Index m, bool dropout, std::int64_t step, const Update<T>& update) {
  const Config& c = config_;
  const auto& kernels = dispatch::kernels<T>();
  const Index width = c.last_size();
  if (dropout && c.drop_output > 0) drop_output_.apply(d_o_.p, d_o_.ld);
  dx_.fit(m, c.input_size());
  layers_->backward(d_o_.p, d_o_.ld, dropout, step, dx_.p, dx_.ld, update);
  if (c.direct) {
    for (Index i = 0; i < m; ++i) kernels.axpy(T(1), d_o_.p + i * d_o_.ld + width, dx_.p + i * dx_.ld, c.input_size());
  }
  if (distant_ != nullptr) d_distant_.fit(c.distant_kernels, c.distant_window);
  windows_.backward(dx_.p, dx_.ld, dropout, step, touched_, d_distant_.p, d_distant_.ld);
  if (distant_ != nullptr) update.apply(*distant_, 0, c.distant_kernels, d_distant_.p, d_distant_.ld);
  output_->backward(o_.p, o_.ld, update, c.tied ? &touched_ : nullptr);
}

// Lazy: only rows that the batch touched step, and only they decay.
template <class T>
void Model<T>::sparse_updates(const Update<T>& update) {
  output_->sparse_update(update);
  if (config_.tied) return;
  if (update.store) embedding_->reserve_gradient();
  const Index count = static_cast<Index>(touched_.ids.size());
  threads::parallel_for(count, threads::threads_for(static_cast<double>(count * config_.dim) * 8), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) update.apply(*embedding_, touched_.ids[at(i)], 1, touched_.rows + i * touched_.ld, touched_.ld);
  });
}

template <class T>
void Model<T>::clipped_update(double lr) {
  const auto& kernels = dispatch::kernels<T>();
  std::vector<Param<T>*> dense;
  for (const auto& p : params_.all())
    if ((config_.tied || p.get() != embedding_) && !output_->sparse(p.get())) dense.push_back(p.get());
  double square = square_sum(dense) + output_->sparse_square_sum();
  if (!config_.tied) {
    for (std::size_t i = 0; i < touched_.ids.size(); ++i) {
      const T* row = touched_.rows + static_cast<Index>(i) * touched_.ld;
      square += static_cast<double>(kernels.dot(row, row, config_.dim));
    }
  }
  const double norm = std::sqrt(square);
  const auto update = Update<T>::of(config_, lr, step_, norm > config_.clip ? config_.clip / norm : 1.0);
  for (Param<T>* p : dense) {
    threads::parallel_for(
        p->size(), threads::threads_for(static_cast<double>(p->size()) * 8),
        [&](Index b, Index e) {
          kernels.optim_step(update.rule(*p), p->g + b, p->w + b, p->s1 == nullptr ? nullptr : p->s1 + b,
                             p->s2 == nullptr ? nullptr : p->s2 + b, e - b);
        },
        1024);
  }
  sparse_updates(update);
}

template <class T>
double Model<T>::train(const std::int32_t* stream, Index n, const Segment* segments, Index count, double lr) {
  const Index m = forward(stream, n, segments, count, true, step_ + 1);
  if (m == 0) return 0;
  d_o_.fit(m, config_.output_size());
  output_->forward(o_.p, o_.ld, target_.data(), m, step_ + 1, kept(true), d_o_.p, d_o_.ld, log_prob_.data());
  const double loss = mean_loss(m);
  if (!std::isfinite(loss)) return loss;
  ++step_;
  for (const auto& p : params_.all()) p->version->changed();
  Update<T> update = Update<T>::of(config_, lr, step_);
  update.store = config_.clip > 0;
  backward(m, true, step_, update);
  if (update.store)
    clipped_update(lr);
  else
    sparse_updates(update);
  return loss;
}

template <class T>
double Model<T>::gradients(const std::int32_t* stream, Index n, const Segment* segments, Index count, bool dropout) {
  for (const auto& p : params_.all()) std::memset(p->reserve_gradient(), 0, at(p->size()) * sizeof(T));
  const Index m = forward(stream, n, segments, count, dropout, step_ + 1);
  if (m == 0) return 0;
  d_o_.fit(m, config_.output_size());
  output_->forward(o_.p, o_.ld, target_.data(), m, step_ + 1, kept(dropout), d_o_.p, d_o_.ld, log_prob_.data());
  Update<T> update{};
  update.store = true;
  backward(m, dropout, step_ + 1, update);
  sparse_updates(update);
  return mean_loss(m);
}

template <class T>
void Model<T>::log_prob(const std::int32_t* stream, Index n, Index begin, Index end, double* out) {
  const Index length = config_.distant_kernels > 0 ? 32 : kEvalBatch;
  std::vector<Segment> segments;
  for (Index i = begin; i < end;) {
    segments.clear();
    const Index stop = std::min(end, i + kEvalBatch);
    for (Index s = i; s < stop; s += length) segments.push_back({s, std::min(length, stop - s)});
    const Index m = forward(stream, n, segments.data(), static_cast<Index>(segments.size()), false, 0);
    output_->log_prob(o_.p, o_.ld, target_.data(), m, out + (i - begin));
    i = stop;
  }
}

template <class T>
void Model<T>::next_distribution(const std::int32_t* stream, Index n, double* p) {
  // Only the words in reach matter; one more stands for the unknown target.
  const Index seen = std::min(n, config_.reach());
  std::vector<std::int32_t> window(stream + (n - seen), stream + n);
  window.push_back(0);
  const Segment segment{seen, 1};
  forward(window.data(), seen + 1, &segment, 1, false, 0);
  output_->distribution(o_.p, p);
}

template class Model<float>;
template class Model<double>;

}  // namespace pyffnn::train::lm
