// The embeddings of the first ids of a text, end to end; zeros for missing ones, which the table's spare row stands for.
#pragma once
#include "net/inputs/input.h"

namespace pyffnn::net {

template <class T>
class ConcatInput final : public Input<T> {
 public:
  ConcatInput(const Spec& spec, ParamSet<T>& params);
  SourceKind reads() const override { return SourceKind::sequences; }
  Param<T>* table() const override { return table_; }
  bool wants_gradient() const override { return !frozen_; }
  void plan(Space<T>& space, const Plan& plan) const override;
  void forward(const Pass<T>& pass) const override;
  void backward(const Pass<T>& pass) const override;

 protected:
  RowGrads<T> gradients_of(const Pass<T>& pass, int member) const override;

 private:
  std::int32_t padding() const { return static_cast<std::int32_t>(table_->rows); }
  Index dim_, length_;
  double dropout_, word_dropout_;
  bool frozen_;
  Param<T>* table_;
};

}  // namespace pyffnn::net
