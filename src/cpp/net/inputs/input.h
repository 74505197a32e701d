// An input: from a loaded batch to the numbers that the first layer reads, and from their gradient to its own parameters. To add one: a
// file here, and a line in inputs/input.cpp.
#pragma once
#include "net/layers/layer.h"

namespace pyffnn::net {

template <class T>
class Input {
 public:
  virtual ~Input() = default;
  // Sources that it reads, and the width that theirs must have at most.
  virtual SourceKind reads() const = 0;
  // The table of which a batch touches few rows; null where there is none.
  virtual Param<T>* table() const { return nullptr; }
  virtual bool wants_gradient() const { return table() != nullptr; }
  // First values beyond those that the parameters themselves say.
  virtual void initialise() const {}
  virtual std::unique_ptr<State> make_state() const { return std::make_unique<State>(); }
  // Room for a batch; says where space.x and space.dx will be.
  virtual void plan(Space<T>& space, const Plan& plan) const = 0;
  // The pass's rows of space.x.
  virtual void forward(const Pass<T>& pass) const = 0;
  virtual Incoming<T> incoming(const Space<T>&) const { return {}; }
  // From the pass's rows of space.dx, which it may overwrite, to what the steps read; no parameter changes.
  virtual void backward(const Pass<T>&) const {}
  // The member's part of the step of the parameters that are stepped whole.
  virtual void update(const Pass<T>&, const Sink<T>&) const {}
  // Parameters beside the table of which a batch touches few rows: update() sums their gradients, and steps them where steps are taken at
  // once. Where gradients are stored first, the leader adds their squares after a barrier, and then lazy_update() steps or stores them.
  virtual bool lazy(const Param<T>&) const { return false; }
  virtual void add_lazy_squares(const Space<T>&, double& /*sum*/) const {}
  virtual void lazy_update(const Pass<T>&, const Sink<T>&) const {}

  // Steps of the table's rows. All members call the same; `tied` tables are stepped by the output, which takes space.touched.
  //   step_rows: each member steps the rows that it owns.
  //   sum_rows: each sums them; then, after a barrier, the leader lists them in space.touched; then apply_rows.
  void step_rows(const Pass<T>& pass, const Rules<T>& rules) const;
  void sum_rows(const Pass<T>& pass) const;
  void list_touched(const Pass<T>& pass) const;
  void apply_rows(const Pass<T>& pass, const Rules<T>& rules) const;

 protected:
  // The gradients that member `i`'s examples send to the table.
  virtual RowGrads<T> gradients_of(const Pass<T>&, int /*member*/) const { return {}; }
  // The numbers that a row has for this input, and a gradient of its: of a tied table the first columns alone.
  virtual Index row_width() const { return table()->cols; }
  // Whether SGD may add a batch's gradients one after the other.
  virtual bool in_turn() const { return true; }
  void plan_rows(Space<T>& space, const Plan& plan, Index entries) const;

 private:
  RowGrads<T>* segments_of(const Pass<T>& pass) const;
};

// Ids of bags and sequences: those that word dropout takes away leave their bag, or become `padding` where positions count (padding >= 0).
template <class T>
void drop_ids(const Pass<T>& pass, double rate, std::int32_t padding);

// Embeddings start uniform in [-scale, scale).
double table_scale(const Spec& spec);

template <class T>
std::unique_ptr<Input<T>> make_input(const Spec& spec, ParamSet<T>& params);

}  // namespace pyffnn::net
