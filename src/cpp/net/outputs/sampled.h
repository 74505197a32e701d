// Sampled softmax (Bengio & Senecal 2003; Jean et al. 2015): a step sees the batch's targets and `samples` words drawn from a
// log-uniform distribution over frequency ranks, q(r) = log((r+2)/(r+1)) / log(V+1). A word drawn c times stands for c / (samples q)
// words in the sum of exponentials; a target stands for itself in its own example's sum, and for the others only where it was drawn.
// Evaluation and predictions are over all words.
#pragma once
#include "net/outputs/vocabulary.h"

namespace pyffnn::net {

template <class T>
class SampledOutput final : public WordsOutput<T> {
 public:
  SampledOutput(const Spec& spec, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency);
  double work() const override { return 2.0 * static_cast<double>(samples_) * static_cast<double>(k_); }
  Param<T>* table() const override { return u_; }
  bool lazy(const Param<T>& p) const override { return &p == u_ || &p == bias_; }
  void initialise(const std::vector<double>& counts) const override { log_frequencies(counts, bias_->w()); }
  std::unique_ptr<State> make_state() const override { return std::make_unique<Own>(precision_); }
  void plan(Space<T>& space, const Plan& plan) const override;
  void forward(const Pass<T>& pass, const Targets& targets, View<T> h, const KeptColumns* kept, double total, View<T> dh) const override;
  void update(const Pass<T>& pass, View<T> h, const Sink<T>& sink, const Tied<T>& tied) const override;
  void add_lazy_squares(const Space<T>& space, double& sum) const override;
  void lazy_update(const Pass<T>& pass, const Sink<T>& sink) const override;
  void log_prob(const Pass<T>& pass, const std::int32_t* target, View<T> h, double* out) const override;
  void distribution(const Pass<T>& pass, View<T> h, double* p) const override;
  Index workspace_bytes(const State& s) const override;

 private:
  struct Own : WordsOutput<T>::Words {
    explicit Own(Precision precision) : train(precision), whole(precision) {}
    Sweep<T> train, whole;
    std::vector<std::int32_t> words, place;  // ids of this step, rising; the targets' places among them
    std::vector<double> log_weight;
    std::vector<T> own_bias;
    View<T> few;  // rows of those words, their biases, and the gradients of both
    Rows<T> few_rows;
    Buffer few_bias, few_gradient, few_bias_gradient;
    std::vector<double> few_squares;
    // Gradients by id: the words' own and, where tied, those of embeddings.
    std::vector<std::int32_t> ids;
    View<T> merged;
    Rows<T> merged_rows;
  };
  void draw(Own& own, Index m, std::int64_t step, std::uint64_t seed) const;

  Index k_, samples_;
  Precision precision_;
  std::vector<std::int32_t> by_frequency_;
  Param<T>*u_, *bias_;
};

}  // namespace pyffnn::net
