// Adaptive softmax (Grave et al. 2017): a head of the most frequent words and one entry a cluster of rarer ones; a word of cluster c has
// p = p_head(c) p_c(word), where the cluster's softmax sees a projection of h to fewer numbers: a quarter, a sixteenth, ...
#pragma once
#include <vector>

#include "train/lm_output.h"

namespace pyffnn::train::lm {

template <class T>
class AdaptiveOutput : public Output<T> {
 public:
  AdaptiveOutput(const Config& config, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency);

  void forward(const T* h, Index ldh, const std::int32_t* target, Index m, std::int64_t step, const KeptColumns* kept, T* dh, Index lddh,
               double* log_prob) override;
  void backward(const T* h, Index ldh, const Update<T>& update, const SparseRows<T>* tied) override;
  void log_prob(const T* h, Index ldh, const std::int32_t* target, Index m, double* out) override;
  void distribution(const T* h, double* p) override;
  Index workspace_bytes() const override;

 private:
  struct Cluster {
    Index first, words, size;  // ranks [first, first + words); numbers its softmax sees
    Param<T>*projection, *u, *bias;
    std::unique_ptr<TiledSoftmax<T>> softmax;
    std::vector<Index> members;  // examples of the batch whose target is here
    std::vector<std::int32_t> target;
    std::vector<double> log_prob;
    Rows<T> h, y, dy, dh;
  };
  void run(const T* h, Index ldh, const std::int32_t* target, Index m, double weight, T* dh, Index lddh, double* log_prob);

  Config config_;
  std::vector<std::int32_t> by_frequency_, rank_;
  Index head_words_;
  Param<T>*head_, *head_bias_;
  TiledSoftmax<T> softmax_;
  std::vector<Cluster> clusters_;
  std::vector<std::int32_t> head_target_;
};

}  // namespace pyffnn::train::lm
