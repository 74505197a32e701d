// The last layer of a language model: from hidden vectors to log-probabilities of words, and back. Three kinds: the full softmax,
// the adaptive softmax by frequency clusters, and sampled softmax, which trains on a few words and is used as the full one.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "train/lm_columns.h"
#include "train/lm_layers.h"
#include "train/lm_params.h"
#include "train/lm_softmax.h"
#include "train/lm_windows.h"

namespace pyffnn::train::lm {

template <class T>
class Output {
 public:
  virtual ~Output() = default;

  // The [vocab, output_size] matrix whose first columns may be the embeddings; null where there is none.
  virtual Param<T>* table() { return nullptr; }

  // h [m, output_size], targets [m]; log_prob_m of the objective; dh: d/dh of its mean negative. `kept` (or null): the columns of h that
  // are not zero, those of dh that are wanted.
  virtual void forward(const T* h, Index ldh, const std::int32_t* target, Index m, std::int64_t step, const KeptColumns* kept, T* dh,
                       Index lddh, double* log_prob) = 0;
  // Updates for the batch of the last forward. `tied` (or null): gradients of the table's rows as embeddings, of dim numbers.
  virtual void backward(const T* h, Index ldh, const Update<T>& update, const SparseRows<T>* tied) = 0;

  // log_prob_m over the whole vocabulary, whatever the objective is.
  virtual void log_prob(const T* h, Index ldh, const std::int32_t* target, Index m, double* out) = 0;
  // p [vocab] for one h
  virtual void distribution(const T* h, double* p) = 0;

  // Parameters of which a batch touches few rows take their steps apart, after the norm of the whole gradient is known.
  virtual bool sparse(const Param<T>*) const { return false; }
  virtual double sparse_square_sum() const { return 0; }
  virtual void sparse_update(const Update<T>&) {}

  virtual Index workspace_bytes() const = 0;
};

// by_frequency: the ids from the most to the least frequent; needed by the adaptive and the sampled kind.
template <class T>
std::unique_ptr<Output<T>> make_output(const Config& config, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency);

// Natural log-softmax of u_v . h + bias_v over all rows v of u [rows, k].
template <class T>
void log_softmax_of(const Param<T>& u, const Param<T>& bias, const T* h, Index k, double* out);
// The softmax itself.
template <class T>
void softmax_of(const Param<T>& u, const Param<T>& bias, const T* h, Index k, double* out);

}  // namespace pyffnn::train::lm
