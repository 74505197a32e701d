#include "train/lm_adaptive.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "core/dispatch.h"
#include "ops/products/dense.h"

namespace pyffnn::train::lm {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

template <class T>
AdaptiveOutput<T>::AdaptiveOutput(const Config& c, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency)
    : config_(c), by_frequency_(by_frequency), rank_(at(c.vocab)), head_words_(c.cutoffs.front()), softmax_(c.precision) {
  for (std::size_t r = 0; r < by_frequency.size(); ++r) rank_[at(by_frequency[r])] = static_cast<std::int32_t>(r);
  const auto clusters = static_cast<Index>(c.cutoffs.size());
  const Index k = c.output_size();
  head_ = params.add("output.head.weight", head_words_ + clusters, k, true);
  head_bias_ = params.add("output.head.bias", 1, head_words_ + clusters, false);
  Index size = k;
  for (Index i = 0; i < clusters; ++i) {
    Cluster cluster;
    const std::string name = "output.tail" + std::to_string(i);
    size = std::max<Index>(1, size / 4);
    cluster.first = c.cutoffs[at(i)];
    cluster.words = (i + 1 < clusters ? c.cutoffs[at(i + 1)] : c.vocab) - cluster.first;
    cluster.size = size;
    cluster.projection = params.add(name + ".projection", k, size, true);
    cluster.u = params.add(name + ".weight", cluster.words, size, true);
    cluster.bias = params.add(name + ".bias", 1, cluster.words, false);
    cluster.softmax = std::make_unique<TiledSoftmax<T>>(c.precision);
    clusters_.push_back(std::move(cluster));
  }
}

template <class T>
void AdaptiveOutput<T>::run(const T* h, Index ldh, const std::int32_t* target, Index m, double weight, T* dh, Index lddh,
                            double* log_prob) {
  const auto& kernels = dispatch::kernels<T>();
  const Index k = config_.output_size();
  head_target_.resize(at(m));
  for (Cluster& c : clusters_) {
    c.members.clear();
    c.target.clear();
  }
  for (Index i = 0; i < m; ++i) {
    const std::int32_t r = rank_[at(target[i])];
    head_target_[at(i)] = r;
    if (r < head_words_) continue;
    std::size_t c = clusters_.size() - 1;
    while (r < clusters_[c].first) --c;
    head_target_[at(i)] = static_cast<std::int32_t>(head_words_ + static_cast<Index>(c));
    clusters_[c].members.push_back(i);
    clusters_[c].target.push_back(r - static_cast<std::int32_t>(clusters_[c].first));
  }
  softmax_.forward(head_->rows, k, head_->w, head_->ld, head_bias_->w, h, ldh, head_target_.data(), m, weight, dh, lddh, log_prob);
  for (Cluster& c : clusters_) {
    const auto n = static_cast<Index>(c.members.size());
    if (n == 0) continue;
    c.h.fit(n, k);
    c.y.fit(n, c.size);
    for (Index j = 0; j < n; ++j) std::memcpy(c.h.p + j * c.h.ld, h + c.members[at(j)] * ldh, at(k) * sizeof(T));
    ops::gemm<T>(n, c.size, k, {c.h.p, c.h.ld, 1}, {c.projection->w, c.projection->ld, 1}, c.y.p, c.y.ld, {}, false, config_.precision);
    c.log_prob.resize(at(n));
    if (dh != nullptr) c.dy.fit(n, c.size);
    c.softmax->forward(c.words, c.size, c.u->w, c.u->ld, c.bias->w, c.y.p, c.y.ld, c.target.data(), n, weight,
                       dh == nullptr ? nullptr : c.dy.p, c.dy.ld, c.log_prob.data());
    for (Index j = 0; j < n; ++j) log_prob[c.members[at(j)]] += c.log_prob[at(j)];
    if (dh == nullptr) continue;
    c.dh.fit(n, k);
    ops::gemm<T>(n, k, c.size, {c.dy.p, c.dy.ld, 1}, {c.projection->w, 1, c.projection->ld}, c.dh.p, c.dh.ld, {}, false, config_.precision);
    for (Index j = 0; j < n; ++j) kernels.axpy(T(1), c.dh.p + j * c.dh.ld, dh + c.members[at(j)] * lddh, k);
  }
}

template <class T>
void AdaptiveOutput<T>::forward(const T* h, Index ldh, const std::int32_t* target, Index m, std::int64_t, const KeptColumns*, T* dh,
                                Index lddh, double* log_prob) {
  run(h, ldh, target, m, 1.0 / static_cast<double>(m), dh, lddh, log_prob);
}

template <class T>
void AdaptiveOutput<T>::log_prob(const T* h, Index ldh, const std::int32_t* target, Index m, double* out) {
  run(h, ldh, target, m, 1.0, nullptr, 0, out);
}

template <class T>
void AdaptiveOutput<T>::backward(const T* h, Index ldh, const Update<T>& update, const SparseRows<T>*) {
  softmax_.backward(*head_, *head_bias_, h, ldh, update, nullptr, 0);
  for (Cluster& c : clusters_) {
    const auto n = static_cast<Index>(c.members.size());
    if (n == 0) {
      for (Param<T>* p : {c.projection, c.u, c.bias}) update.apply_zero(*p);
      continue;
    }
    c.softmax->backward(*c.u, *c.bias, c.y.p, c.y.ld, update, nullptr, 0);
    weight_step(*c.projection, c.h.p, c.h.ld, c.dy.p, c.dy.ld, n, update, config_.precision);
  }
}

template <class T>
void AdaptiveOutput<T>::distribution(const T* h, double* p) {
  const Index k = config_.output_size();
  std::vector<double> head(at(head_->rows)), tail;
  log_softmax_of(*head_, *head_bias_, h, k, head.data());
  for (Index r = 0; r < head_words_; ++r) p[by_frequency_[at(r)]] = std::exp(head[at(r)]);
  for (std::size_t i = 0; i < clusters_.size(); ++i) {
    Cluster& c = clusters_[i];
    c.y.fit(1, c.size);
    ops::gemm<T>(1, c.size, k, {h, k, 1}, {c.projection->w, c.projection->ld, 1}, c.y.p, c.y.ld);
    tail.resize(at(c.words));
    log_softmax_of(*c.u, *c.bias, c.y.p, c.size, tail.data());
    const double share = head[at(head_words_) + i];
    for (Index j = 0; j < c.words; ++j) p[by_frequency_[at(c.first + j)]] = std::exp(share + tail[at(j)]);
  }
}

template <class T>
Index AdaptiveOutput<T>::workspace_bytes() const {
  Index bytes = softmax_.workspace_bytes();
  for (const Cluster& c : clusters_) bytes += c.softmax->workspace_bytes();
  return bytes;
}

template class AdaptiveOutput<float>;
template class AdaptiveOutput<double>;

}  // namespace pyffnn::train::lm
