#include "net/inputs/bags.h"

#include <algorithm>
#include <cmath>

#include "core/dispatch.h"
#include "core/random.h"
#include "net/layers/dropout.h"

namespace pyffnn::net {
namespace {

template <class T>
T log_count(std::uint32_t count) {
  return static_cast<T>(1 + std::log(static_cast<double>(count)));
}

}  // namespace

template <class T>
BagInput<T>::BagInput(const Spec& spec, ParamSet<T>& params)
    : pool_(spec.pools.front()),
      dim_(spec.dim),
      dropout_(spec.embedding_dropout),
      word_dropout_(spec.word_dropout),
      frozen_(spec.freeze_embeddings),
      table_(params.add_uniform("embedding", spec.rows, spec.dim, Role::table, table_scale(spec), random::kInitialTable,
                                spec.embedding_by_row, spec.row_rates)) {
  if (pool_ != Pool::weighted) return;
  table_->weights.ld = 1;
  for (std::uint32_t count = 0; count < kCounts; ++count) log_counts_[count] = log_count<T>(std::max(count, 1U));
}

template <class T>
std::unique_ptr<State> BagInput<T>::make_state() const {
  return std::make_unique<Scales>();
}

template <class T>
void BagInput<T>::plan(Space<T>& space, const Plan& plan) const {
  space.x = space.x_rows.fit(plan.m, dim_);
  space.dx = plan.backward && !frozen_ ? space.dx_rows.fit(plan.m, dim_) : View<T>{};
  auto& scales = static_cast<Scales&>(*space.input);
  scales.of.resize(static_cast<std::size_t>(plan.m));
  if (pool_ == Pool::weighted && scales.distinct.size() < space.members.size()) scales.distinct.resize(space.members.size());
  if (!frozen_) this->plan_rows(space, plan, plan.entries);
}

template <class T>
void BagInput<T>::forward(const Pass<T>& pass) const {
  if (pass.noise && word_dropout_ > 0) drop_ids(pass, word_dropout_, -1);
  const Batch<T>& batch = pass.member.batch;
  const std::int64_t* const offsets = batch.offsets.data();
  T* const scale = static_cast<Scales&>(*pass.space.input).of.data() + pass.begin;
  if (pool_ == Pool::weighted) weigh(pass);
  for (Index i = 0; i < pass.size() && pool_ != Pool::weighted; ++i) {
    const auto n = static_cast<double>(offsets[i + 1] - offsets[i]);
    const double divisor = pool_ == Pool::mean ? n : pool_ == Pool::sqrtn ? std::sqrt(n) : 1;
    scale[i] = n > 0 ? static_cast<T>(1.0 / divisor) : T(0);
  }
  const View<T> x = pass.space.x;
  dispatch::kernels<T>().pool_bags({table_->w(), table_->ld, dim_, batch.ids.data(), offsets,
                                    pool_ == Pool::weighted ? batch.values.data() : nullptr, scale, pass.size(), x.row(pass.begin), x.ld});
  if (pass.noise && dropout_ > 0) drop(pass, x, x, dim_, dropout_, random::kEmbedding);
}

// Each id of a bag once, with its weight, and the scale that makes the norm of the weights 1.
template <class T>
void BagInput<T>::weigh(const Pass<T>& pass) const {
  constexpr Index kAhead = 16;
  Batch<T>& batch = pass.member.batch;
  auto& scales = static_cast<Scales&>(*pass.space.input);
  ops::DistinctIds& distinct = scales.distinct[static_cast<std::size_t>(pass.crew.member())];
  batch.values.resize(batch.ids.size());
  const T* const weights = table_->weights.p();
  Index at = 0, from = 0;
  for (Index b = 0; b < pass.size(); ++b) {
    const Index to = batch.offsets[static_cast<std::size_t>(b) + 1];
    std::int32_t* const ids = batch.ids.data() + at;
    T* const values = batch.values.data() + at;
    const Index n = distinct.find(batch.ids.data() + from, to - from, ids);
    const std::uint32_t* const counts = distinct.counts();
    double square = 0;
    for (Index i = 0; i < n; ++i) {
      __builtin_prefetch(weights + ids[std::min(i + kAhead, n - 1)]);
      const T count = counts[i] < kCounts ? log_counts_[counts[i]] : log_count<T>(counts[i]);
      values[i] = count * weights[ids[i]];
      square += static_cast<double>(values[i]) * static_cast<double>(values[i]);
    }
    scales.of[static_cast<std::size_t>(pass.begin + b)] = square > 0 ? static_cast<T>(1 / std::sqrt(square)) : T(0);
    from = to;
    batch.offsets[static_cast<std::size_t>(b) + 1] = at += n;
  }
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
  if (pool_ == Pool::weighted) s.weight = batch.values.data();
  s.grad = pass.space.dx.row(begin);
  s.ldg = pass.space.dx.ld;
  s.skip = -1;
  return s;
}

template class BagInput<float>;
template class BagInput<double>;

}  // namespace pyffnn::net
