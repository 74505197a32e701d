#include "fasttext/losses.h"

#include <algorithm>
#include <cmath>

#include "core/dispatch.h"

namespace pyffnn::fasttext {
namespace {

// One sigmoid a row of the table, as the tree, the negatives and one-vs-all have it.
class Logistic : public Loss {
 public:
  explicit Logistic(const Weights& weights) : weights_(weights), kernels_(dispatch::kernels<float>()) {}

 protected:
  void clear(float* gradient) const { std::fill_n(gradient, weights_.ld, 0.0f); }
  double row_step(const float* hidden, Index row, bool positive, float lr, float* gradient) const {
    float* const w = weights_.row(row);
    const float z = kernels_.dot(w, hidden, weights_.dim);
    if (!std::isfinite(z)) throw Diverged();
    const float p = sigmoid_(z);
    const float alpha = lr * ((positive ? 1.0f : 0.0f) - p);
    if (alpha != 0) {
      kernels_.axpy(alpha, w, gradient, weights_.dim);
      kernels_.axpy(alpha, hidden, w, weights_.dim);
    }
    return -std::log(static_cast<double>(positive ? p : 1 - p) + 1e-5);
  }

  Weights weights_;
  const Kernels<float>& kernels_;
  SigmoidTable sigmoid_;
};

class OneVsAll final : public Logistic {
 public:
  using Logistic::Logistic;
  double step(const float* hidden, const std::int32_t* targets, Index num_targets, Index, float lr, float* gradient) override {
    clear(gradient);
    double loss = 0;
    for (Index i = 0; i < weights_.rows; ++i)
      loss += row_step(hidden, i, std::find(targets, targets + num_targets, i) != targets + num_targets, lr, gradient);
    return loss;
  }
};

// Negatives are drawn as often as the root of their counts says: Walker's aliases.
class Negatives final : public Logistic {
 public:
  Negatives(const Weights& weights, const std::vector<std::int64_t>& counts, Index negatives, std::uint64_t seed)
      : Logistic(weights), negatives_(counts.size() > 1 ? negatives : 0), stream_(seed ^ 0x6e65676174697665u) {
    const std::size_t n = counts.size();
    std::vector<double> share(n);
    double sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += share[i] = std::sqrt(static_cast<double>(std::max<std::int64_t>(counts[i], 1)));
    for (double& s : share) s *= static_cast<double>(n) / sum;
    keep_.assign(n, 1.0);
    alias_.resize(n);
    std::vector<std::int32_t> small, large;
    for (std::size_t i = 0; i < n; ++i) {
      alias_[i] = static_cast<std::int32_t>(i);
      (share[i] < 1 ? small : large).push_back(static_cast<std::int32_t>(i));
    }
    while (!small.empty() && !large.empty()) {
      const auto s = static_cast<std::size_t>(small.back()), l = static_cast<std::size_t>(large.back());
      small.pop_back();
      keep_[s] = share[s];
      alias_[s] = static_cast<std::int32_t>(l);
      share[l] -= 1 - share[s];
      if (share[l] >= 1) continue;
      large.pop_back();
      small.push_back(static_cast<std::int32_t>(l));
    }
  }
  double step(const float* hidden, const std::int32_t* targets, Index, Index which, float lr, float* gradient) override {
    clear(gradient);
    const std::int32_t target = targets[which];
    double loss = row_step(hidden, target, true, lr, gradient);
    for (Index i = 0; i < negatives_; ++i) {
      std::int32_t other = target;
      while (other == target) other = draw();
      loss += row_step(hidden, other, false, lr, gradient);
    }
    return loss;
  }

  void follow(const Loss& other) override { stream_ = static_cast<const Negatives&>(other).stream_; }

 private:
  std::int32_t draw() {
    const auto i = static_cast<std::size_t>(stream_.below(static_cast<Index>(keep_.size())));
    return stream_.uniform() < keep_[i] ? static_cast<std::int32_t>(i) : alias_[i];
  }
  Index negatives_;
  Stream stream_;
  std::vector<double> keep_;
  std::vector<std::int32_t> alias_;
};

class Hierarchical final : public Logistic {
 public:
  Hierarchical(const Weights& weights, const Tree& tree) : Logistic(weights), tree_(tree) {}
  double step(const float* hidden, const std::int32_t* targets, Index, Index which, float lr, float* gradient) override {
    clear(gradient);
    const auto& nodes = tree_.nodes();
    double loss = 0;
    for (auto at = static_cast<std::size_t>(targets[which]); nodes[at].parent >= 0; at = static_cast<std::size_t>(nodes[at].parent))
      loss += row_step(hidden, nodes[at].parent - tree_.leaves(), nodes[at].right_child, lr, gradient);
    return loss;
  }

 private:
  const Tree& tree_;
};

class Softmax final : public Loss {
 public:
  explicit Softmax(const Weights& weights)
      : weights_(weights), kernels_(dispatch::kernels<float>()), p_(static_cast<std::size_t>(weights.rows)) {}
  double step(const float* hidden, const std::int32_t* targets, Index, Index which, float lr, float* gradient) override {
    const Index n = weights_.rows, dim = weights_.dim;
    if (n <= kFewClasses) {
      const float own = kernels_.softmax_step({weights_.data, weights_.ld, dim, n, targets[which], hidden, lr, gradient});
      if (!std::isfinite(own)) throw Diverged();
      return -std::log(static_cast<double>(own) + 1e-5);
    }
    std::fill_n(gradient, weights_.ld, 0.0f);
    float* const p = p_.data();
    for (Index i = 0; i < n; ++i) p[i] = kernels_.dot(weights_.row(i), hidden, dim);
    kernels_.softmax(p, n, p, n, 1, n);
    const std::int32_t target = targets[which];
    const float own = p[target];
    if (!std::isfinite(own)) throw Diverged();
    for (Index i = 0; i < n; ++i) {
      const float alpha = lr * ((i == target ? 1.0f : 0.0f) - p[i]);
      kernels_.axpy(alpha, weights_.row(i), gradient, dim);
      kernels_.axpy(alpha, hidden, weights_.row(i), dim);
    }
    return -std::log(static_cast<double>(own) + 1e-5);
  }

 private:
  Weights weights_;
  const Kernels<float>& kernels_;
  std::vector<float> p_;
};

}  // namespace

std::unique_ptr<Loss> Loss::make(const Dictionary& dictionary, const Tree& tree, const Weights& weights, std::uint64_t seed) {
  switch (dictionary.settings().loss) {
    case LossName::hs:
      return std::make_unique<Hierarchical>(weights, tree);
    case LossName::ns:
      return std::make_unique<Negatives>(weights, dictionary.target_counts(), dictionary.settings().neg, seed);
    case LossName::ova:
      return std::make_unique<OneVsAll>(weights);
    case LossName::softmax:
      break;
  }
  return std::make_unique<Softmax>(weights);
}

}  // namespace pyffnn::fasttext
