#include "net/inputs/concat.h"

#include "core/random.h"
#include "net/layers/dropout.h"
#include "ops/embedding.h"

namespace pyffnn::net {

template <class T>
ConcatInput<T>::ConcatInput(const Spec& spec, ParamSet<T>& params)
    : dim_(spec.dim),
      length_(spec.max_tokens),
      dropout_(spec.embedding_dropout),
      word_dropout_(spec.word_dropout),
      frozen_(spec.freeze_embeddings),
      table_(params.add_uniform("embedding", spec.rows, spec.dim, Role::table, table_scale(spec), random::kInitialTable,
                                spec.embedding_by_row, spec.row_rates)) {}

template <class T>
void ConcatInput<T>::plan(Space<T>& space, const Plan& plan) const {
  // The positions lie end to end, so that the gradient of each is a row.
  space.x = space.x_rows.fit_ld(plan.m, length_ * dim_);
  space.dx = plan.backward && !frozen_ ? space.dx_rows.fit_ld(plan.m, length_ * dim_) : View<T>{};
  if (!frozen_) this->plan_rows(space, plan, plan.entries);
}

template <class T>
void ConcatInput<T>::forward(const Pass<T>& pass) const {
  if (pass.noise && word_dropout_ > 0) drop_ids(pass, word_dropout_, padding());
  const View<T> x = pass.space.x;
  ops::embedding<T>(table_->w(), table_->ld, pass.member.batch.ids.data(), pass.size() * length_, dim_, x.row(pass.begin), dim_);
  if (pass.noise && dropout_ > 0) drop(pass, x, x, length_ * dim_, dropout_, random::kEmbedding);
}

template <class T>
void ConcatInput<T>::backward(const Pass<T>& pass) const {
  if (pass.noise && dropout_ > 0) drop(pass, pass.space.dx, pass.space.dx, length_ * dim_, dropout_, random::kEmbedding);
}

template <class T>
RowGrads<T> ConcatInput<T>::gradients_of(const Pass<T>& pass, int member) const {
  const int size = pass.crew.size();
  const Index entries = pass.visit.count, begin = entries * member / size, end = entries * (member + 1) / size;
  RowGrads<T> s{};
  s.ids = pass.space.members[static_cast<std::size_t>(member)].batch.ids.data();
  s.bags = (end - begin) * length_;
  s.grad = pass.space.dx.row(begin);
  s.ldg = dim_;
  s.skip = padding();
  return s;
}

template class ConcatInput<float>;
template class ConcatInput<double>;

}  // namespace pyffnn::net
