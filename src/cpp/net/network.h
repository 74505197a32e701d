// A network: Source -> Input -> Layers -> Output over one set of parameters, many training steps a call.
//
// A team of threads works through all steps of a call together. Each member brings its examples of a batch forward and back (everything
// there is example by example); after a barrier each updates its part of the weights (which need all examples of the batch), then comes a
// second barrier. No sum is split between members, so the bits are the same at any number of threads. Gradients by a layer's input are
// taken with its old weights; then the product that makes dW ends in the optimizer's update, so dW is stored only where the norm of all
// gradients comes first.
//
// Sharing: any number of threads may predict and evaluate at once; training, initialising and absorbing are alone. A fork of the process
// finds a network free and whole (core/shared_lock.h).
#pragma once
#include <map>
#include <memory>
#include <string>

#include "core/interrupt.h"
#include "core/shared_lock.h"
#include "net/graph.h"

namespace pyffnn::net {

// Which examples make up which batch: so many entries each, or those between offsets.
struct Batches {
  Visit visit;
  Index size = 0;
  const std::int64_t* offsets = nullptr;  // count + 1
  Index count = 0;

  Index begin(Index b) const { return offsets != nullptr ? offsets[b] : b * size; }
  Index end(Index b) const { return offsets != nullptr ? offsets[b + 1] : std::min(visit.count, (b + 1) * size); }
  Visit of(Index b) const { return visit.part(begin(b), end(b)); }
};

struct Evaluation {
  double loss = 0;     // sum of the weighted losses
  double weight = 0;   // sum of the weights
  double correct = 0;  // sum of the weights of rightly classified examples (sigmoid: times the share of right outputs)
};

template <class T>
class Network {
 public:
  // by_frequency: the outputs from the most to the least frequent; needed by the adaptive and the sampled kind. Throws
  // std::invalid_argument for a bad spec, std::bad_alloc where memory does not suffice.
  Network(const Spec& spec, std::vector<std::int32_t> by_frequency);

  const Spec& spec() const { return graph_.spec(); }
  const ParamSet<T>& params() const { return graph_.params(); }
  SharedLock& lock() { return lock_; }
  std::int64_t step() const { return step_; }
  void set_step(std::int64_t step) { step_ = step; }

  // Random weights by `seed`, zero biases, zero state (rates and weights of rows stay). counts: of the outputs over words, whose biases
  // then start at the log of their relative frequency; else null.
  void initialise(std::uint64_t seed, const std::int64_t* counts);

  // Throws std::invalid_argument where the network does not take such examples or targets.
  void check(const Source<T>& source) const;
  void check(const Source<T>& source, const Targets& targets) const;

  // One step a batch, at rate lr[batch]. The gradient of a batch is that of the weighted mean of its losses; a batch whose weights sum to 0
  // changes nothing. losses, weights [batches.count]: of each. Returns how many were done: it stops before a step whose loss, or whose
  // gradient's norm where clipping needs it, is not finite, and then says so in `finite`. What `interrupt` throws leaves the network after
  // a step; std::bad_alloc may leave half of one, so train a fork of a network that must not be lost.
  Index train(const Source<T>& source, const Targets& targets, const Batches& batches, const double* lr, double* losses, double* weights,
              bool& finite, Interrupt& interrupt);
  Evaluation evaluate(const Source<T>& source, const Targets& targets, const Visit& visit, bool accuracy, Interrupt& interrupt);
  // out [examples, n_outputs]: probabilities, or values
  void predict(const Source<T>& source, const Visit& visit, T* out, Interrupt& interrupt);
  // out [examples, width(stage)]: the numbers at a stage; throws std::invalid_argument where there is none such.
  Index width(Stage stage) const { return graph_.width(stage); }
  void values(const Source<T>& source, const Visit& visit, Stage stage, T* out, Interrupt& interrupt);
  // The k greatest of at least `threshold` of each example: ids [examples, k] and p, falling; -1 and 0 where there are fewer.
  void top_k(const Source<T>& source, const Visit& visit, Index k, double threshold, std::int32_t* ids, T* p, Interrupt& interrupt);
  // out [visit's examples]: natural log-probability of each target
  void log_prob(const Source<T>& source, const Targets& targets, const Visit& visit, double* out, Interrupt& interrupt);
  // p [n_outputs]: the distribution of the token after the last of n.
  void distribution(const std::int32_t* ids, Index n, double* p);
  // Loss of the examples as one batch, and its gradient by each parameter that `grads` names (without l2; masks of the next step with
  // `noise`), rows end to end.
  double gradients(const Source<T>& source, const Targets& targets, const Visit& visit, bool noise, const std::map<std::string, T*>& grads);

  // A copy to train aside: all of the network, but of a table that batches touch by rows, only those rows that examples of `source` (null:
  // all) touch. It has the table grown to `rows` rows, which start as initialise() of a larger network would have them. `settings`: the
  // network's own spec, with others where they concern training alone, and perhaps another power of the logits' spread.
  std::unique_ptr<Network> fork(const Source<T>* source, Index rows, Spec settings);
  // Takes over what a fork of this network has learned. The caller holds lock(), so that readers see all of it or nothing.
  void absorb(const Network& fork);
  // Rows of the table by their numbers in the whole one, as far as they are here.
  bool has_table() const { return graph_.input().table() != nullptr; }
  void set_rows(const std::int64_t* ids, Index n, const T* values);
  void set_row_rates(const std::int64_t* ids, Index n, T rate);
  void set_row_weights(const std::int64_t* ids, Index n, const T* values);
  // Rows of the whole table, of which a fork may have only some.
  Index total_rows() const { return rows_here_.empty() ? spec().rows : total_rows_; }

  // Memory of the weights' copies that are kept between predictions; of the output's workspace at rest.
  Index kept_bytes() const { return graph_.kept_bytes(); }
  Index workspace_bytes();

 private:
  using Space = GraphSpace<T>;
  class Lease;
  struct Call;
  struct Step {
    double loss, weight;
    bool finite;
  };

  Plan plan_of(const Source<T>& source, const Batches& batches, int members, bool noise, bool backward) const;
  Pass<T> pass_of(Space& space, const threads::Crew& crew, const Visit& visit, std::int64_t step, bool noise, bool training) const;
  void load(const Pass<T>& pass, const Source<T>& source) const;
  void translate(const Source<T>& source, std::vector<std::int32_t>& ids) const;
  double correct(Space& space, const Pass<T>& pass, const Targets& targets, Index n) const;
  Step train_batch(const Call& call, Index b, const threads::Crew& crew);
  void weights_change();
  template <class F>
  void in_chunks(const Source<T>& source, const Visit& visit, Interrupt& interrupt, F&& f);
  Index row_here(std::int64_t id) const;
  bool is_fork(const Network& fork, const Param<T>* table, bool grows) const;

  Graph<T> graph_;
  std::vector<std::int32_t> by_frequency_;
  std::uint64_t seed_ = 0;
  std::int64_t step_ = 0;
  // Of a fork that has only some rows of the table: their numbers in the whole one, rising, and how many that has.
  std::vector<std::int32_t> rows_here_;
  Index total_rows_ = 0;
  threads::Pace pace_;
  SpacePool<Space> spaces_;
  SharedLock lock_;
};

}  // namespace pyffnn::net
