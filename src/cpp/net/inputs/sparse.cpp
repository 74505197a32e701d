#include "net/inputs/sparse.h"

#include "core/dispatch.h"
#include "core/random.h"
#include "ops/products/dense.h"

namespace pyffnn::net {
namespace {

// The layer whose weights the features meet, and so the name of the matrix.
std::string layer_name(const Spec& s) { return s.residual ? "input" : s.hidden.empty() ? "output" : "hidden0"; }

bool before_relu(const Spec& s) { return !s.hidden.empty() && !s.residual && s.activation == Nonlinearity::relu; }

Act act_of(const Spec& s) { return s.residual || s.layer_norm || s.hidden.empty() ? Act::identity : flat(s.activation); }

}  // namespace

template <class T>
SparseInput<T>::SparseInput(const Spec& spec, ParamSet<T>& params)
    : width_(spec.width()),
      rate_(spec.input_dropout),
      act_(act_of(spec)),
      w_(params.add_uniform(layer_name(spec) + ".weight", spec.n_inputs, width_, Role::table,
                            weight_scale(spec.n_inputs, width_, before_relu(spec)), random::kInitialWeights)),
      b_(params.add(layer_name(spec) + ".bias", 1, width_, Role::vector)) {}

template <class T>
void SparseInput<T>::plan(Space<T>& space, const Plan& plan) const {
  space.x = space.x_rows.fit(plan.m, width_);
  space.dx = plan.backward ? space.dx_rows.fit(plan.m, width_) : View<T>{};
  this->plan_rows(space, plan, plan.entries);
}

template <class T>
void SparseInput<T>::forward(const Pass<T>& pass) const {
  const auto& kernels = dispatch::kernels<T>();
  Batch<T>& batch = pass.member.batch;
  const std::int64_t* const offsets = batch.offsets.data();
  if (pass.noise && rate_ > 0) {
    const std::uint64_t key = random::key(pass.spec.seed, static_cast<std::uint64_t>(pass.step), random::kInput);
    for (Index i = 0; i < pass.size(); ++i) {
      T* const values = batch.values.data() + offsets[i];
      kernels.dropout(values, values, offsets[i + 1] - offsets[i], static_cast<T>(rate_), key,
                      static_cast<std::uint64_t>(pass.begin + i) << 32);
    }
  }
  const View<T> x = pass.space.x;
  kernels.pool_bags(
      {w_->w(), w_->ld, width_, batch.ids.data(), offsets, batch.values.data(), nullptr, pass.size(), x.row(pass.begin), x.ld});
  for (Index i = pass.begin; i < pass.end; ++i) {
    kernels.axpy(T(1), b_->w(), x.row(i), width_);
    kernels.act_forward(act_, x.row(i), x.row(i), width_);
  }
}

template <class T>
RowGrads<T> SparseInput<T>::gradients_of(const Pass<T>& pass, int member) const {
  const threads::Crew& crew = pass.crew;
  const Index entries = pass.visit.count, begin = entries * member / crew.size(), end = entries * (member + 1) / crew.size();
  const Batch<T>& batch = pass.space.members[static_cast<std::size_t>(member)].batch;
  RowGrads<T> s{};
  s.ids = batch.ids.data();
  s.offsets = batch.offsets.data();
  s.bags = end - begin;
  s.weight = batch.values.data();
  s.grad = pass.space.dx.row(begin);
  s.ldg = pass.space.dx.ld;
  s.skip = -1;
  return s;
}

template <class T>
void SparseInput<T>::update(const Pass<T>& pass, const Sink<T>& sink) const {
  if (!pass.crew.leads()) return;
  T* const db = pass.member.room.template reserve_of<T>(padded_row(width_));
  dispatch::kernels<T>().col_sum(pass.space.dx.p, pass.space.dx.ld, pass.m, width_, false, db);
  sink.take(*b_, 0, 1, db, width_);
}

template class SparseInput<float>;
template class SparseInput<double>;

}  // namespace pyffnn::net
