// Several statistics of a bag's rows side by side: sums, means, and the largest and the smallest number of each column. With windows the
// rows of a window are averaged first, and the statistics are of the windows; a window without rows is none.
#pragma once
#include "net/inputs/input.h"

namespace pyffnn::net {

template <class T>
class PooledInput final : public Input<T> {
 public:
  PooledInput(const Spec& spec, ParamSet<T>& params);
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
  struct Own {                              // of a member
    Buffer windows, scale;                  // the means of the windows, and one by the rows of each
    Buffer top_entry, low_entry;            // where the extremes of its examples come from
    Buffer gradient;                        // of each id, or of each window
    Index pooled = 0;                       // how many ids or windows there are
  };
  struct Statistics : State {
    std::vector<Own> of_member;
  };
  Own& own(const Pass<T>& pass, int member) const {
    return static_cast<Statistics&>(*pass.space.input).of_member[static_cast<std::size_t>(member)];
  }
  // Where what is pooled of the member's examples begins: ids, or windows.
  const std::int64_t* bounds(const Batch<T>& batch) const { return (window_ > 0 ? batch.groups : batch.offsets).data(); }
  void average_windows(const Pass<T>& pass, Own& own) const;

  std::vector<Pool> pools_;
  int first_sum_ = -1, top_ = -1, low_ = -1;  // the place of each among the pools, -1: none
  Index dim_, width_, window_, ld_;
  double dropout_, word_dropout_;
  bool frozen_;
  Param<T>* table_;
};

}  // namespace pyffnn::net
