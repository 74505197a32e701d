// The softmax over a large vocabulary, tile by tile (sweep.h): log-probabilities of [U h + c].
#pragma once
#include "net/outputs/output.h"
#include "net/outputs/sweep.h"

namespace pyffnn::net {

// First values of biases: log(counts / their sum).
template <class T>
void log_frequencies(const std::vector<double>& counts, T* bias);
// Matrices of words start uniform with variance 1 / cols.
template <class T>
Param<T>* add_words(ParamSet<T>& params, const std::string& name, Index rows, Index cols);

// What the outputs over words share: losses from log-probabilities, and predictions from U and c.
template <class T>
class WordsOutput : public Output<T> {
 public:
  Index chunk() const override { return 512; }
  double mean_loss(const Space<T>& space, Index m, double total) const override;
  void predict(const Pass<T>& pass, View<T> h, T* out) const override;

 protected:
  // Targets and weights of the pass's examples, and after a forward pass the log-probabilities of all.
  struct Words : State {
    std::vector<std::int32_t> target;
    std::vector<double> weight, log_prob;
    void fit(Index m);
    // By each member for its own; `scale` times the weights.
    void load(const Pass<T>& pass, const Targets& targets, double scale);
  };
  // Losses of the pass's examples from their log-probabilities.
  void take_losses(const Pass<T>& pass, const Words& words, const Targets& targets) const;
};

template <class T>
class VocabularyOutput final : public WordsOutput<T> {
 public:
  VocabularyOutput(const Spec& spec, ParamSet<T>& params);
  double work() const override { return 2.0 * static_cast<double>(u_->rows) * static_cast<double>(k_); }
  Param<T>* table() const override { return u_; }
  void initialise(const std::vector<double>& counts) const override { log_frequencies(counts, bias_->w()); }
  std::unique_ptr<State> make_state() const override { return std::make_unique<Own>(precision_); }
  void plan(Space<T>& space, const Plan& plan) const override;
  void forward(const Pass<T>& pass, const Targets& targets, View<T> h, const KeptColumns* kept, double total, View<T> dh) const override;
  void update(const Pass<T>& pass, View<T> h, const Sink<T>& sink, const Tied<T>& tied) const override;
  void measure(Gradients<T>& gradients) const override { gradients.measure(*bias_, 0, 1); }
  void log_prob(const Pass<T>& pass, const std::int32_t* target, View<T> h, double* out) const override;
  void distribution(const Pass<T>& pass, View<T> h, double* p) const override;
  Index workspace_bytes(const State& s) const override { return static_cast<const Own&>(s).sweep.bytes(); }

 private:
  struct Own : WordsOutput<T>::Words {
    explicit Own(Precision precision) : sweep(precision) {}
    Sweep<T> sweep;
  };
  SweepBatch<T> batch_of(const Pass<T>& pass, const std::int32_t* target, const double* weight, View<T> h, const KeptColumns* kept) const;

  Index k_;
  Precision precision_;
  Param<T>*u_, *bias_;
};

// Where the gradients of a matrix of words and of its biases go in this step.
template <class T>
SweepSink<T> sweep_sink(Param<T>& p, const Sink<T>& sink);

}  // namespace pyffnn::net
