// A feedforward language model (Bengio et al. 2003): one training step over its windows, layers and tiled softmax, and its use.
#pragma once
#include <cstdint>
#include <vector>

#include "train/lm_columns.h"
#include "train/lm_layers.h"
#include "train/lm_output.h"
#include "train/lm_params.h"
#include "train/lm_windows.h"

namespace pyffnn::train::lm {

template <class T>
class Model {
 public:
  Model(const Config& config, const std::vector<std::int32_t>& by_frequency);

  const Config& config() const { return config_; }
  ParamSet<T>& params() { return params_; }
  std::int64_t step() const { return step_; }
  void set_step(std::int64_t step) { step_ = step; }

  // One optimizer step on a batch of segments of a stream of n ids. Returns the mean negative log-probability of the targets before
  // the step. When it, or the gradient's norm where clipping needs it, is not finite, no weight changes and the result is NaN or inf.
  double train(const std::int32_t* stream, Index n, const Segment* segments, Index count, double lr);

  // The same loss with its gradients in Param::g, no step taken; masks of the next step where `dropout`.
  double gradients(const std::int32_t* stream, Index n, const Segment* segments, Index count, bool dropout);

  // out[i] = natural log-probability of token begin + i, from all tokens before it; i < end - begin.
  void log_prob(const std::int32_t* stream, Index n, Index begin, Index end, double* out);

  // p [vocab]: the distribution of the token after the last of n.
  void next_distribution(const std::int32_t* stream, Index n, double* p);

  Index workspace_bytes() const { return output_->workspace_bytes(); }
  // Memory of the layers' packed weights that are kept between predictions.
  Index kept_bytes() { return layers_->kept_bytes(); }

 private:
  Index forward(const std::int32_t* stream, Index n, const Segment* segments, Index count, bool train, std::int64_t step);
  void backward(Index m, bool dropout, std::int64_t step, const Update<T>& update);
  void sparse_updates(const Update<T>& update);
  void clipped_update(double lr);
  double mean_loss(Index m) const;
  const KeptColumns* kept(bool dropout) const { return dropout && config_.drop_output > 0 ? &drop_output_.kept() : nullptr; }
  T* distant_weights() const { return distant_ == nullptr ? nullptr : distant_->w; }
  Index distant_ld() const { return distant_ == nullptr ? 0 : distant_->ld; }

  Config config_;
  ParamSet<T> params_;
  Param<T>*embedding_ = nullptr, *distant_ = nullptr;
  Windows<T> windows_;
  std::unique_ptr<Layers<T>> layers_;
  std::unique_ptr<Output<T>> output_;
  std::int64_t step_ = 0;

  ColumnDropout<T> drop_output_;
  SparseRows<T> touched_;
  Rows<T> x_, o_, dx_, d_o_, d_distant_;
  std::vector<std::int32_t> target_;
  std::vector<double> log_prob_;
};

}  // namespace pyffnn::train::lm
