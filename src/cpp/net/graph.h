// Input, layers and output over their parameters, and a batch's way through them: forward, losses, back, and the step.
#pragma once
#include "net/inputs/input.h"
#include "net/layers/stack.h"
#include "net/outputs/output.h"

namespace pyffnn::net {

// The layers between input and output, as the spec wants them. To add a layer: a file in layers/, and its line here.
template <class T>
Layers<T> make_layers(const Spec& spec, ParamSet<T>& params);

template <class T>
struct GraphSpace : Space<T> {
  typename Stack<T>::States stack;
  Rows<T> spare_rows;
};

// What of a batch is looked at: the numbers that the input gives the layers, those that the output reads, or its values before the loss
// makes probabilities of them.
enum class Stage { input, hidden, output };

template <class T>
class Graph {
 public:
  Graph(const Spec& spec, const std::vector<std::int32_t>& by_frequency);

  const Spec& spec() const { return spec_; }
  Spec& spec() { return spec_; }
  const ParamSet<T>& params() const { return params_; }
  const Input<T>& input() const { return *input_; }
  const Output<T>& output() const { return *output_; }
  const Stack<T>& stack() const { return stack_; }
  // Whether a batch steps only those rows of the input's table that it touches: not where the output steps all of them.
  bool steps_rows(std::int64_t step) const { return steps_rows() && step > spec_.frozen_steps; }
  bool steps_rows() const { return input_->table() != nullptr && !spec_.tied && !spec_.freeze_embeddings; }

  void initialise(std::uint64_t seed, const std::int64_t* counts);
  // Rows [first, p.rows) of p get their first values; numbers (or empty): what they are called in a larger table.
  void fill(const Param<T>& p, Index first, std::uint64_t seed, const std::vector<std::int32_t>& numbers = {}) const;

  std::unique_ptr<GraphSpace<T>> make_space() const;
  void plan(GraphSpace<T>& space, const Plan& plan) const;
  // bf16 copies of weights that the steps of a call keep current, where that pays.
  void keep_tiles(GraphSpace<T>& space, Index m, int members) const;
  // Flops, or their worth in time, of bringing m examples with `entries` ids forward.
  double work(Index m, Index entries) const;

  // The pass's rows from the loaded batch to what the output reads.
  View<T> forward(const Pass<T>& pass, GraphSpace<T>& space) const;
  // Numbers of an example at a stage. Throws std::invalid_argument where there is no such stage.
  Index width(Stage stage) const;
  View<T> at(Stage stage, const GraphSpace<T>& space) const;
  void losses(const Pass<T>& pass, GraphSpace<T>& space, const Targets& targets, double total, bool gradient) const;
  void backward(const Pass<T>& pass, GraphSpace<T>& space) const;
  // The member's part of the optimizer's step `step` (from 1). False, and nothing has changed, where the gradient's norm is wanted and not
  // finite. All members agree.
  bool update(const Pass<T>& pass, GraphSpace<T>& space, double lr, std::int64_t step, bool last) const;
  // Gradients of the batch into space.gradients, all of every parameter.
  void store(const Pass<T>& pass, GraphSpace<T>& space) const;

  void drop_kept() const;
  Index kept_bytes() const;

 private:
  const KeptColumns* kept_columns(const Pass<T>& pass, const GraphSpace<T>& space) const;
  void update_dense(const Pass<T>& pass, GraphSpace<T>& space, const Sink<T>& sink) const;
  bool clipped_update(const Pass<T>& pass, GraphSpace<T>& space, double lr, std::int64_t step) const;
  Tied<T> tied(const GraphSpace<T>& space) const { return {spec_.tied ? &space.touched : nullptr, spec_.dim}; }

  Spec spec_;
  ParamSet<T> params_;
  std::unique_ptr<Input<T>> input_;
  Stack<T> stack_;
  std::unique_ptr<Output<T>> output_;
  const ColumnDropout<T>* columns_ = nullptr;  // the layers at these places of the stack, where there are such
  const Direct<T>* direct_ = nullptr;
  std::size_t columns_at_ = 0, direct_at_ = 0;
};

}  // namespace pyffnn::net
