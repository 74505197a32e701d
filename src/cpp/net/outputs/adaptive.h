// Adaptive softmax (Grave et al. 2017): a head of the most frequent words and one entry a cluster of rarer ones; a word of cluster c has
// p = p_head(c) p_c(word), where the cluster's softmax sees a projection of h to fewer numbers: a quarter, a sixteenth, ...
#pragma once
#include "net/outputs/vocabulary.h"

namespace pyffnn::net {

template <class T>
class AdaptiveOutput final : public WordsOutput<T> {
 public:
  AdaptiveOutput(const Spec& spec, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency);
  double work() const override { return 2.0 * static_cast<double>(head_->rows) * static_cast<double>(k_); }
  void initialise(const std::vector<double>& counts) const override;
  std::unique_ptr<State> make_state() const override;
  void plan(Space<T>& space, const Plan& plan) const override;
  void forward(const Pass<T>& pass, const Targets& targets, View<T> h, const KeptColumns* kept, double total, View<T> dh) const override;
  void update(const Pass<T>& pass, View<T> h, const Sink<T>& sink, const Tied<T>& tied) const override;
  void measure(Gradients<T>& gradients) const override;
  void log_prob(const Pass<T>& pass, const std::int32_t* target, View<T> h, double* out) const override;
  void distribution(const Pass<T>& pass, View<T> h, double* p) const override;
  Index workspace_bytes(const State& s) const override;

 private:
  struct Cluster {
    Index first, words, size;  // ranks [first, first + words); numbers its softmax sees
    Param<T>*projection, *u, *bias;
  };
  // Of a cluster in a batch.
  struct Tail {
    explicit Tail(Precision precision) : sweep(precision) {}
    Sweep<T> sweep;
    std::vector<Index> members;  // examples of the batch whose target is here
    std::vector<std::int32_t> target;
    std::vector<double> weight, log_prob;
    View<T> h, y, dy, dh;
    Rows<T> h_rows, y_rows, dy_rows, dh_rows;
  };
  struct Own : WordsOutput<T>::Words {
    explicit Own(Precision precision) : head(precision) {}
    Sweep<T> head;
    std::vector<std::int32_t> head_target;
    std::vector<Tail> tails;
  };
  void run(const Pass<T>& pass, const std::int32_t* target, const double* weight, View<T> h, View<T> dh, double* log_prob) const;
  void deal_out(Own& own, const std::int32_t* target, const double* weight, Index m, bool gradient) const;

  Index k_, head_words_;
  Precision precision_;
  std::vector<std::int32_t> by_frequency_, rank_;
  Param<T>*head_, *head_bias_;
  std::vector<Cluster> clusters_;
};

}  // namespace pyffnn::net
