// Rows of numbers as they are; the source loads them into x.
#pragma once
#include "core/random.h"
#include "net/inputs/input.h"
#include "net/layers/dropout.h"

namespace pyffnn::net {

template <class T>
class DenseInput final : public Input<T> {
 public:
  explicit DenseInput(const Spec& spec) : width_(spec.n_inputs), rate_(spec.input_dropout) {}
  SourceKind reads() const override { return SourceKind::dense; }
  void plan(Space<T>& space, const Plan& plan) const override {
    space.x = space.x_rows.fit(plan.m, width_);
    space.dx = {};
  }
  void forward(const Pass<T>& pass) const override {
    if (pass.noise && rate_ > 0) drop(pass, pass.space.x, pass.space.x, width_, rate_, random::kInput);
  }

 private:
  Index width_;
  double rate_;
};

}  // namespace pyffnn::net
