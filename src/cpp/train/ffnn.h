// A feedforward network that trains in fused steps: input stage, dense layers, loss, backward pass and update in one call, many steps a
// call. A layer's gradient dX is taken with its old weights; then the product that makes dW ends in the optimizer's update, so dW is never
// stored. The same bits at any number of threads.
#pragma once
#include <map>
#include <shared_mutex>
#include <string>

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
};

struct Progress {
  double loss = 0;    // sum of the weighted losses of the examples seen
  double weight = 0;  // sum of their weights
  double correct =
      0;  // evaluate(): sum of the weights of examples whose most probable class is theirs (softmax), else of n_outputs-th parts
  Index steps = 0;
  bool finite = true;
};

template <class T>
class Network {
 public:
  explicit Network(const Spec& spec) : parameters_(spec) {}

  const Spec& spec() const { return parameters_.spec(); }
  Parameters<T>& parameters() { return parameters_; }
  void initialise(std::uint64_t seed);
  void grow(Index rows, Index n_outputs);
  std::int64_t step() const { return step_; }
  void set_step(std::int64_t step) { step_ = step; }

  // One step for each `batch_size` examples of order[0..count), at rate lr[step of this call]. The gradient of a batch is that of the
  // weighted mean of its losses; a batch whose weights sum to 0 changes nothing. Stops before a step whose loss is not finite.
  Progress train(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count, Index batch_size,
                 const double* lr);
  Progress evaluate(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count);
  // out [count, n_outputs]: probabilities
  void predict(const Source<T>& source, const std::int64_t* order, Index count, T* out);
  // Loss of the examples as one batch, and its gradient by each parameter (without l2, without dropout): grads[name] laid out as the
  // parameter, rows end to end.
  double gradients(const Source<T>& source, const Targets<T>& targets, const std::int64_t* order, Index count,
                   const std::map<std::string, T*>& grads);

 private:
  using Space = Workspace<T>;
  struct Input {
    const T* p;
    Index ld;
  };
  // Where a backward pass leaves the gradients: in the parameters by an optimizer step, or stored (`grads` given).
  struct Sink {
    OptimStep<T> weights, biases, table;
    const std::map<std::string, T*>* grads = nullptr;
  };

  void plan(Space& w, const Source<T>& source, const std::int64_t* order, Index count, Index batch_size, bool backward) const;
  bool training_noise(const Space& w) const;
  Input input(Space& w, Index m, bool training);
  void drop_words(Space& w, Index m) const;
  void drop(const Rows<T>& from, const Rows<T>& to, Index m, Index n, double rate, std::uint64_t stream) const;
  void pool(const Space& w, const Matrix<T>& table, const T* values, const T* scale, Index m, const Rows<T>& out) const;
  void forward(Space& w, Index m, bool training, Input& first);
  // Weighted mean loss of the batch and the sum of its weights; with `gradient`, dz of the last layer.
  double loss(Space& w, const Targets<T>& targets, const std::int64_t* examples, Index m, bool gradient, double& total) const;
  void backward(Space& w, Index m, bool training, Input first, const Sink& sink);
  void step_rows(Space& w, Index m, Parameter<T>& table, const T* grad, Index ldg, const OptimStep<T>& opt, const Sink& sink);
  Sink optimizer_step(double lr) const;

  Parameters<T> parameters_;
  std::int64_t step_ = 0;
  WorkspacePool<T> workspaces_;
  std::shared_mutex mutex_;  // training alone, predictions together
};

}  // namespace pyffnn::train
