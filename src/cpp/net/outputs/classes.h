// All outputs of a batch at once: softmax over classes, a sigmoid each, or values. What it reads are the logits; the matrix before them is
// a linear layer like others.
#pragma once
#include "net/outputs/output.h"

namespace pyffnn::net {

template <class T>
class ClassesOutput final : public Output<T> {
 public:
  explicit ClassesOutput(const Spec& spec)
      : n_(spec.n_outputs), loss_(spec.loss), over_classes_(loss_ == LossKind::softmax || loss_ == LossKind::ordinal) {}
  double work() const override { return 20.0 * static_cast<double>(n_); }
  bool takes(TargetKind kind) const override;
  std::unique_ptr<State> make_state() const override { return std::make_unique<Rooms>(); }
  void plan(Space<T>& space, const Plan& plan) const override;
  void forward(const Pass<T>& pass, const Targets& targets, View<T> h, const KeptColumns* kept, double total, View<T> dh) const override;
  double mean_loss(const Space<T>& space, Index m, double total) const override;
  void log_prob(const Pass<T>& pass, const std::int32_t* target, View<T> h, double* out) const override;
  void predict(const Pass<T>& pass, View<T> h, T* out) const override;
  void distribution(const Pass<T>& pass, View<T> h, double* p) const override;

 private:
  struct Room {  // of a member
    std::vector<std::int64_t> classes;
    std::vector<T> weight, loss, values;
  };
  struct Rooms : State {
    std::vector<Room> of_member;
  };
  Index n_;
  LossKind loss_;
  bool over_classes_;  // a softmax
};

}  // namespace pyffnn::net
