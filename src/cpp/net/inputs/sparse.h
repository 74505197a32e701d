// CSR features times the first weight matrix, whose rows are a table: y = act(x W + b).
#pragma once
#include "net/inputs/input.h"

namespace pyffnn::net {

template <class T>
class SparseInput final : public Input<T> {
 public:
  SparseInput(const Spec& spec, ParamSet<T>& params);
  SourceKind reads() const override { return SourceKind::sparse; }
  Param<T>* table() const override { return w_; }
  void plan(Space<T>& space, const Plan& plan) const override;
  void forward(const Pass<T>& pass) const override;
  Incoming<T> incoming(const Space<T>& space) const override { return {act_, space.x}; }
  void update(const Pass<T>& pass, const Sink<T>& sink) const override;

 protected:
  RowGrads<T> gradients_of(const Pass<T>& pass, int member) const override;

 private:
  Index width_;
  double rate_;
  Act act_;
  Param<T>*w_, *b_;
};

}  // namespace pyffnn::net
