// The pooled rows of a bag of ids: a deep averaging network's input (Iyyer et al. 2015). Weighted, each row counts once, by how often it is
// in the bag and by a weight of its own, and the weights of a bag have norm 1, as in text classification by tf-idf.
#pragma once
#include "net/inputs/input.h"
#include "ops/distinct_ids.h"

namespace pyffnn::net {

template <class T>
class BagInput final : public Input<T> {
 public:
  BagInput(const Spec& spec, ParamSet<T>& params);
  SourceKind reads() const override { return SourceKind::bags; }
  Param<T>* table() const override { return table_; }
  bool wants_gradient() const override { return !frozen_; }
  std::unique_ptr<State> make_state() const override;
  void plan(Space<T>& space, const Plan& plan) const override;
  void forward(const Pass<T>& pass) const override;
  void backward(const Pass<T>& pass) const override;

 protected:
  RowGrads<T> gradients_of(const Pass<T>& pass, int member) const override;

 private:
  struct Scales : State {
    std::vector<T> of;                       // of each bag
    std::vector<ops::DistinctIds> distinct;  // of each member, to find ids that are in a bag twice
  };
  static constexpr std::uint32_t kCounts = 64;
  void weigh(const Pass<T>& pass) const;
  Pool pool_;
  Index dim_;
  double dropout_, word_dropout_;
  bool frozen_;
  Param<T>* table_;
  T log_counts_[kCounts];  // what an id counts that is in a bag so often, where bags are weighted
};

}  // namespace pyffnn::net
