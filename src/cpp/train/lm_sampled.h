// Sampled softmax (Bengio & Senecal 2003; Jean et al. 2015): a step sees the batch's targets and `samples` words drawn from a
// log-uniform distribution over frequency ranks, q(r) = log((r+2)/(r+1)) / log(V+1). A word drawn c times stands for c / (samples q)
// words in the sum of exponentials; a target stands for itself in its own example's sum, and for the others only where it was drawn.
#pragma once
#include <vector>

#include "train/lm_output.h"

namespace pyffnn::train::lm {

template <class T>
class SampledOutput : public Output<T> {
 public:
  SampledOutput(const Config& config, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency);

  Param<T>* table() override { return u_; }
  void forward(const T* h, Index ldh, const std::int32_t* target, Index m, std::int64_t step, const KeptColumns* kept, T* dh, Index lddh,
               double* log_prob) override;
  void backward(const T* h, Index ldh, const Update<T>& update, const SparseRows<T>* tied) override;
  void log_prob(const T* h, Index ldh, const std::int32_t* target, Index m, double* out) override;
  void distribution(const T* h, double* p) override;
  bool sparse(const Param<T>* p) const override { return p == u_ || p == bias_; }
  double sparse_square_sum() const override;
  void sparse_update(const Update<T>& update) override;
  Index workspace_bytes() const override;

 private:
  void draw(const std::int32_t* target, Index m, std::int64_t step);
  void gather(const std::int32_t* target, Index m);

  Config config_;
  std::vector<std::int32_t> by_frequency_;
  Param<T>*u_, *bias_;
  TiledSoftmax<T> train_, whole_;
  std::unique_ptr<Param<T>> few_, few_bias_;  // rows of the words of this step, and their gradients
  std::vector<std::int32_t> words_, target_;  // ids of this step, rising; the targets' places among them
  std::vector<double> log_weight_;
  std::vector<T> own_bias_;
  // gradients by id after backward: the words' own and, where tied, those of embeddings
  SparseRows<T> rows_;
  Rows<T> merged_;
};

}  // namespace pyffnn::train::lm
