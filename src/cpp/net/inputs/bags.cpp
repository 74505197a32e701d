#include "net/inputs/bags.h"

#include <cmath>

#include "core/dispatch.h"
#include "core/random.h"
#include "net/layers/dropout.h"

namespace pyffnn::net {

template <class T>
BagInput<T>::BagInput(const Spec& spec, ParamSet<T>& params)
    : pool_(spec.pools.front()),
      dim_(spec.dim),
      dropout_(spec.embedding_dropout),
      word_dropout_(spec.word_dropout),
      frozen_(spec.freeze_embeddings),
      table_(params.add_uniform("embedding", spec.rows, spec.dim, Role::table, table_scale(spec), random::kInitialTable,
                                spec.embedding_by_row, spec.row_rates)) {}

template <class T>
std::unique_ptr<State> BagInput<T>::make_state() const {
  return std::make_unique<Scales>();
}

template <class T>
void BagInput<T>::plan(Space<T>& space, const Plan& plan) const {
  space.x = space.x_rows.fit(plan.m, dim_);
  space.dx = plan.backward && !frozen_ ? space.dx_rows.fit(plan.m, dim_) : View<T>{};
  static_cast<Scales&>(*space.input).of.resize(static_cast<std::size_t>(plan.m));
  if (!frozen_) this->plan_rows(space, plan, plan.entries);
}

template <class T>
void BagInput<T>::forward(const Pass<T>& pass) const {
  if (pass.noise && word_dropout_ > 0) drop_ids(pass, word_dropout_, -1);
  const Batch<T>& batch = pass.member.batch;
  const std::int64_t* const offsets = batch.offsets.data();
  T* const scale = static_cast<Scales&>(*pass.space.input).of.data() + pass.begin;
  for (Index i = 0; i < pass.size(); ++i) {
    const auto n = static_cast<double>(offsets[i + 1] - offsets[i]);
    const double divisor = pool_ == Pool::mean ? n : pool_ == Pool::sqrtn ? std::sqrt(n) : 1;
    scale[i] = n > 0 ? static_cast<T>(1.0 / divisor) : T(0);
  }
  const View<T> x = pass.space.x;
  dispatch::kernels<T>().pool_bags(
      {table_->w(), table_->ld, dim_, batch.ids.data(), offsets, nullptr, scale, pass.size(), x.row(pass.begin), x.ld});
  if (pass.noise && dropout_ > 0) drop(pass, x, x, dim_, dropout_, random::kEmbedding);
}

template <class T>
void BagInput<T>::backward(const Pass<T>& pass) const {
  const View<T> dx = pass.space.dx;
  const T* const scale = static_cast<const Scales&>(*pass.space.input).of.data();
  if (pass.noise && dropout_ > 0) drop(pass, dx, dx, dim_, dropout_, random::kEmbedding);
  for (Index i = pass.begin; i < pass.end; ++i) dispatch::kernels<T>().scal(scale[i], dx.row(i), dim_);
}

template <class T>
RowGrads<T> BagInput<T>::gradients_of(const Pass<T>& pass, int member) const {
  const int size = pass.crew.size();
  const Index entries = pass.visit.count, begin = entries * member / size, end = entries * (member + 1) / size;
  const Batch<T>& batch = pass.space.members[static_cast<std::size_t>(member)].batch;
  RowGrads<T> s{};
  s.ids = batch.ids.data();
  s.offsets = batch.offsets.data();
  s.bags = end - begin;
  s.grad = pass.space.dx.row(begin);
  s.ldg = pass.space.dx.ld;
  s.skip = -1;
  return s;
}

template class BagInput<float>;
template class BagInput<double>;

}  // namespace pyffnn::net
