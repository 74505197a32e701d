#include "train/lm_sampled.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::train::lm {
namespace {

// log weight of a word that was not drawn, in the sums of examples whose target it is not
constexpr double kAbsent = -60;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

template <class T>
SampledOutput<T>::SampledOutput(const Config& c, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency)
    : config_(c),
      by_frequency_(by_frequency),
      u_(params.add("output.weight", c.vocab, c.output_size(), true)),
      bias_(params.add("output.bias", 1, c.vocab, false)),
      train_(c.precision),
      whole_(c.precision) {}

template <class T>
void SampledOutput<T>::draw(const std::int32_t* target, Index m, std::int64_t step) {
  struct Drawn {
    std::int32_t id, rank;
  };
  const double log_all = std::log(static_cast<double>(config_.vocab) + 1);
  const std::uint64_t key = draw_key(config_.seed, step, Draw::sample);
  std::vector<Drawn> drawn(at(config_.samples));
  for (std::size_t s = 0; s < drawn.size(); ++s) {
    const double uniform = static_cast<double>(mix64(key + s * 0x9e3779b97f4a7c15u) >> 11) * 0x1p-53;
    const auto rank = static_cast<Index>(std::exp(uniform * log_all)) - 1;
    drawn[s].rank = static_cast<std::int32_t>(std::clamp<Index>(rank, 0, config_.vocab - 1));
    drawn[s].id = by_frequency_[at(drawn[s].rank)];
  }
  std::sort(drawn.begin(), drawn.end(), [](const Drawn& a, const Drawn& b) { return a.id < b.id; });
  std::vector<std::int32_t> wanted(target, target + m);
  std::sort(wanted.begin(), wanted.end());
  words_.clear();
  log_weight_.clear();
  auto w = wanted.begin();
  auto take_wanted = [&](Index limit) {
    for (; w != wanted.end() && *w < limit; ++w) {
      if (!words_.empty() && words_.back() == *w) continue;
      words_.push_back(*w);
      log_weight_.push_back(kAbsent);
    }
  };
  for (std::size_t s = 0; s < drawn.size();) {
    std::size_t e = s;
    while (e < drawn.size() && drawn[e].id == drawn[s].id) ++e;
    take_wanted(drawn[s].id);
    const double r = drawn[s].rank, q = std::log((r + 2) / (r + 1)) / log_all;
    words_.push_back(drawn[s].id);
    log_weight_.push_back(std::log(static_cast<double>(e - s) / (static_cast<double>(config_.samples) * q)));
    s = e;
  }
  take_wanted(config_.vocab);
}

template <class T>
void SampledOutput<T>::gather(const std::int32_t* target, Index m) {
  const auto n = static_cast<Index>(words_.size());
  const Index k = config_.output_size();
  if (few_ == nullptr || few_->rows < n) {
    few_ = std::make_unique<Param<T>>("few", n + n / 4, k, true, Optim::sgd);
    few_bias_ = std::make_unique<Param<T>>("few.bias", 1, n + n / 4, false, Optim::sgd);
  }
  for (Index i = 0; i < n; ++i) {
    std::memcpy(few_->w + i * few_->ld, u_->w + words_[at(i)] * u_->ld, at(k) * sizeof(T));
    few_bias_->w[i] = static_cast<T>(static_cast<double>(bias_->w[words_[at(i)]]) + log_weight_[at(i)]);
  }
  target_.resize(at(m));
  own_bias_.resize(at(m));
  for (Index i = 0; i < m; ++i) {
    target_[at(i)] = static_cast<std::int32_t>(std::lower_bound(words_.begin(), words_.end(), target[i]) - words_.begin());
    own_bias_[at(i)] = bias_->w[target[i]];
  }
}

template <class T>
void SampledOutput<T>::forward(const T* h, Index ldh, const std::int32_t* target, Index m, std::int64_t step, const KeptColumns*, T* dh,
                               Index lddh, double* log_prob) {
  draw(target, m, step);
  gather(target, m);
  train_.forward(static_cast<Index>(words_.size()), config_.output_size(), few_->w, few_->ld, few_bias_->w, h, ldh, target_.data(), m,
                 1.0 / static_cast<double>(m), dh, lddh, log_prob, own_bias_.data());
}

template <class T>
void SampledOutput<T>::backward(const T* h, Index ldh, const Update<T>&, const SparseRows<T>* tied) {
  const auto& kernels = dispatch::kernels<T>();
  Update<T> keep{};
  keep.store = true;
  train_.backward(*few_, *few_bias_, h, ldh, keep, nullptr, 0);
  rows_.ids.clear();
  if (tied == nullptr)
    rows_.ids = words_;
  else
    std::set_union(words_.begin(), words_.end(), tied->ids.begin(), tied->ids.end(), std::back_inserter(rows_.ids));
  const Index k = config_.output_size(), n = static_cast<Index>(rows_.ids.size());
  merged_.fit(n, k);
  rows_.rows = merged_.p;
  rows_.ld = merged_.ld;
  std::size_t word = 0, row = 0;
  for (Index i = 0; i < n; ++i) {
    T* const out = merged_.p + i * merged_.ld;
    const std::int32_t id = rows_.ids[at(i)];
    if (word < words_.size() && words_[word] == id)
      std::memcpy(out, few_->g + static_cast<Index>(word++) * few_->ld, at(k) * sizeof(T));
    else
      std::memset(out, 0, at(k) * sizeof(T));
    if (tied != nullptr && row < tied->ids.size() && tied->ids[row] == id)
      kernels.axpy(T(1), tied->rows + static_cast<Index>(row++) * tied->ld, out, config_.dim);
  }
}

template <class T>
double SampledOutput<T>::sparse_square_sum() const {
  const auto& kernels = dispatch::kernels<T>();
  double sum = 0;
  for (std::size_t i = 0; i < rows_.ids.size(); ++i) {
    const T* row = rows_.rows + static_cast<Index>(i) * rows_.ld;
    sum += static_cast<double>(kernels.dot(row, row, config_.output_size()));
  }
  for (std::size_t i = 0; i < words_.size(); ++i) sum += static_cast<double>(few_bias_->g[i]) * static_cast<double>(few_bias_->g[i]);
  return sum;
}

template <class T>
void SampledOutput<T>::sparse_update(const Update<T>& update) {
  const auto n = static_cast<Index>(rows_.ids.size());
  if (update.store) {
    u_->reserve_gradient();
    bias_->reserve_gradient();
  }
  const double work = static_cast<double>(n * config_.output_size()) * 8;
  threads::parallel_for(n, threads::threads_for(work), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) update.apply(*u_, rows_.ids[at(i)], 1, rows_.rows + i * rows_.ld, rows_.ld);
  });
  const auto& kernels = dispatch::kernels<T>();
  for (std::size_t i = 0; i < words_.size(); ++i) {
    const Index v = words_[i];
    if (update.store)
      bias_->g[v] = few_bias_->g[i];
    else
      kernels.optim_step(update.plain, few_bias_->g + i, bias_->w + v, bias_->s1 == nullptr ? nullptr : bias_->s1 + v,
                         bias_->s2 == nullptr ? nullptr : bias_->s2 + v, 1);
  }
}

template <class T>
void SampledOutput<T>::log_prob(const T* h, Index ldh, const std::int32_t* target, Index m, double* out) {
  whole_.forward(config_.vocab, config_.output_size(), u_->w, u_->ld, bias_->w, h, ldh, target, m, 1.0, nullptr, 0, out);
}

template <class T>
void SampledOutput<T>::distribution(const T* h, double* p) {
  softmax_of(*u_, *bias_, h, config_.output_size(), p);
}

template <class T>
Index SampledOutput<T>::workspace_bytes() const {
  return train_.workspace_bytes() + whole_.workspace_bytes();
}

template class SampledOutput<float>;
template class SampledOutput<double>;

}  // namespace pyffnn::train::lm
