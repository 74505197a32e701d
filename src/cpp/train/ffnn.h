// A feedforward network that trains in fused steps: input stage, dense layers, loss, backward pass and update in one call, many steps a
// call. A layer's gradient dX is taken with its old weights; then the product that makes dW ends in the optimizer's update, so dW is never
// stored.
//
// A team of threads works through all steps of a call together. Each member brings its examples of a batch forward and back (everything
// there is example by example); after a barrier each updates its part of the weights (which need all examples of the batch), then comes a
// second barrier. No sum is split between members, so the bits are the same at any number of threads.
#pragma once
#include <deque>
#include <map>
#include <shared_mutex>
#include <string>

#include "core/team.h"
#include "train/ffnn_parameters.h"
#include "train/ffnn_source.h"
#include "train/ffnn_workspace.h"

namespace pyffnn::train {

// One of `classes` [N] (softmax) and `values` [N, n_outputs] (sigmoid) is given. `weight` [N] may be null (1).
template <class T>
struct Targets {
  const std::int64_t* classes = nullptr;
  const T* values = nullptr;
  const T* weight = nullptr;

  double weight_of(std::int64_t example) const { return weight != nullptr ? static_cast<double>(weight[example]) : 1.0; }
};

struct Progress {
  double loss = 0;     // sum of the weighted losses of the examples seen
  double weight = 0;   // sum of their weights
  double correct = 0;  // evaluate(): sum of the weights of rightly classified examples (sigmoid: times the share of right outputs)
  Index steps = 0;
  bool finite = true;
};

template <class T>
class Network {
 public:
  explicit Network(const Spec& spec) : parameters_(spec) { kept_.resize(static_cast<std::size_t>(spec.layers())); }

  const Spec& spec() const { return parameters_.spec(); }
  Parameters<T>& parameters() { return parameters_; }
  void initialise(std::uint64_t seed);
  void grow(Index rows, Index n_outputs);
  std::int64_t step() const { return step_; }
  void set_step(std::int64_t step) { step_ = step; }

  // One step for each `batch_size` examples of order[0..count), at rate lr[step of this call]. The gradient of a batch is that of the
  // weighted mean of its losses; a batch whose weights sum to 0 changes nothing. Stops before a step whose loss is not finite.
  // Mean loss and sum of weights of each step done go into losses and weights.
  Progress train(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count, Index batch_size,
                 const double* lr, double* losses, double* weights);
  Progress evaluate(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count);
  // out [count, n_outputs]: probabilities
  void predict(const Source<T>& source, const std::int64_t* order, Index count, T* out);
  // Memory of the weights' copies that are kept between predictions.
  Index kept_bytes();
  // Loss of the examples as one batch, and its gradient by each parameter (without l2, without dropout): grads[name] laid out as the
  // parameter, rows end to end.
  double gradients(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count,
                   const std::map<std::string, T*>& grads);

 private:
  using Space = Workspace<T>;
  // Examples [begin, end) of a batch, and who works on them.
  struct Slice {
    Index begin, end;
    Member<T>& member;
    std::int64_t step;
    bool training;  // dropout is on
    Index whole;    // examples of the call or batch, on which the precision may depend: a slice would make it depend on the threads
    Index size() const { return end - begin; }
  };
  // Where the update leaves a gradient: in the parameters by an optimizer step, or stored (`grads` given).
  struct Sink {
    OptimStep<T> weights, biases, table;
    const std::map<std::string, T*>* grads = nullptr;
    bool last = false;  // no step will use the weights' packed copies
  };

  // What a call of train() was given, and its memory.
  struct Call {
    const Source<T>& source;
    const Targets<T>& targets;
    const std::int64_t* order;
    Index count, batch_size;
    const double* lr;
    double* losses;
    double* weights;
    Space& w;
    Index steps() const { return (count + batch_size - 1) / batch_size; }
  };

  // Member `member` of `size` does its part of step `s` of the call, meeting the others at team.barrier(). False where the loss is not
  // finite.
  bool train_step(const Call& call, Index s, int member, int size, threads::Team& team, Progress& progress);
  Index most_entries(const Source<T>& source, const std::int64_t* order, Index count, Index batch_size) const;
  double work(Index m, Index entries) const;
  Sink optimizer_step(double lr, std::int64_t step) const;
  template <class F>
  void in_chunks(const Source<T>& source, const std::int64_t* order, Index count, F&& f);

  // ffnn_input.cpp
  void input(Space& w, const Slice& s);
  void drop_words(const Slice& s) const;
  void drop(const Rows<T>& from, const Rows<T>& to, const Slice& s, Index n, double rate, std::uint64_t stream) const;
  void pool(const Slice& s, const Matrix<T>& table, const T* values, const T* scale, const Rows<T>& out) const;

  // ffnn_weights.cpp
  void weights_changed();
  void keep_weights(Space& w, Index m, int members);
  void step_weight(Space& w, Index l, Index m, const Rows<T>& x, int member, int size, const Sink& sink);

  // ffnn_pass.cpp
  void forward(Space& w, const Slice& s);
  void loss(Space& w, const Targets<T>& targets, const std::int64_t* batch, double total, const Slice& s, bool gradient) const;
  void backward(Space& w, const Slice& s);
  void update(Space& w, Index m, int member, int size, bool training, const Sink& sink);
  void update_rows(Space& w, Index m, int member, int size, Parameter<T>& table, const T* grad, Index ldg, const OptimStep<T>& opt,
                   const Sink& sink);

  Parameters<T> parameters_;
  std::deque<KeptWeights<T>> kept_;  // of each layer, between predictions
  std::int64_t step_ = 0;
  threads::Pace pace_;
  WorkspacePool<T> workspaces_;
  std::shared_mutex mutex_;  // training alone, predictions together
};

}  // namespace pyffnn::train
