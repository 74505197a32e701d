// An output: from what the last layer gives to losses and predictions, and back. To add one: a file here, and a line in outputs/output.cpp.
#pragma once
#include "net/layers/column_dropout.h"
#include "net/layers/layer.h"

namespace pyffnn::net {

// What a step of an output gets beside its own parameters' gradients: those of its matrix's rows as embeddings (tied), dim columns each.
template <class T>
struct Tied {
  const TouchedRows<T>* rows = nullptr;
  Index dim = 0;
};

template <class T>
class Output {
 public:
  virtual ~Output() = default;
  // Examples of a prediction at a time: as many as fill register tiles and stay in L2.
  virtual Index chunk() const { return 128; }
  // Work of an example beside the layers', in flops or their worth.
  virtual double work() const = 0;
  // The [n_outputs, ...] matrix whose first columns may be the embeddings; null where there is none.
  virtual Param<T>* table() const { return nullptr; }
  // Parameters of which a batch touches few rows, which take their steps apart (lazy_update).
  virtual bool lazy(const Param<T>&) const { return false; }
  // First biases: the log of relative frequencies, from how often each output occurs.
  virtual void initialise(const std::vector<double>& /*counts*/) const {}
  virtual bool takes(TargetKind kind) const { return kind == TargetKind::classes; }
  virtual std::unique_ptr<State> make_state() const = 0;
  virtual void plan(Space<T>& space, const Plan& plan) const = 0;

  // The weighted losses of the pass's examples into space.loss, and with dh their gradient by h: that of the mean over examples whose
  // weights sum to `total`. All members of the crew call the same. kept (or null): the columns of h that are not zero, those of dh that are
  // wanted.
  virtual void forward(const Pass<T>& pass, const Targets& targets, View<T> h, const KeptColumns* kept, double total, View<T> dh) const = 0;
  // The mean of the losses of the batch.
  virtual double mean_loss(const Space<T>& space, Index m, double total) const = 0;
  // The member's part of the steps for the batch of the last forward; barriers are met inside.
  virtual void update(const Pass<T>&, View<T> /*h*/, const Sink<T>&, const Tied<T>&) const {}
  // Squares of what update() stored piece by piece, by the leader after a barrier.
  virtual void measure(Gradients<T>&) const {}
  virtual void add_lazy_squares(const Space<T>&, double& /*sum*/) const {}
  virtual void lazy_update(const Pass<T>&, const Sink<T>&) const {}

  // Natural log-probability of each target in [begin, end) of the pass, over all outputs, whatever the objective is. out [m]
  virtual void log_prob(const Pass<T>& pass, const std::int32_t* target, View<T> h, double* out) const = 0;
  // Rows of probabilities or values, [pass.size(), n_outputs].
  virtual void predict(const Pass<T>& pass, View<T> h, T* out) const = 0;
  // p [n_outputs] for one h.
  virtual void distribution(const Pass<T>& pass, View<T> h, double* p) const = 0;
  virtual Index workspace_bytes(const State&) const { return 0; }
};

template <class T>
std::unique_ptr<Output<T>> make_output(const Spec& spec, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency);

}  // namespace pyffnn::net
