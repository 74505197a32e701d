#include "net/inputs/pooled.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/dispatch.h"
#include "core/random.h"
#include "net/layers/dropout.h"

namespace pyffnn::net {
namespace {

bool is_extreme(Pool p) { return p == Pool::max || p == Pool::min; }

// What a sum of n rows is multiplied by.
double factor(Pool p, Index n) {
  if (n == 0) return 0;
  return p == Pool::mean ? 1.0 / static_cast<double>(n) : p == Pool::sqrtn ? 1.0 / std::sqrt(static_cast<double>(n)) : 1.0;
}

// Windows that have lost all their ids, or had none, leave their example.
template <class T>
void drop_empty_windows(Batch<T>& batch) {
  Index at = 0, window = 0;
  for (std::size_t b = 1; b < batch.groups.size(); ++b) {
    for (const Index end = batch.groups[b]; window < end; ++window) {
      const std::int64_t begin = batch.offsets[static_cast<std::size_t>(at)], stop = batch.offsets[static_cast<std::size_t>(window) + 1];
      if (stop > begin) batch.offsets[static_cast<std::size_t>(++at)] = stop;
    }
    batch.groups[b] = at;
  }
  batch.offsets.resize(static_cast<std::size_t>(at) + 1);
}

}  // namespace

template <class T>
PooledInput<T>::PooledInput(const Spec& spec, ParamSet<T>& params)
    : pools_(spec.pools),
      dim_(spec.dim),
      width_(spec.width()),
      window_(spec.window),
      ld_(padded_lines<T>(padded_row(spec.dim))),
      dropout_(spec.embedding_dropout),
      word_dropout_(spec.word_dropout),
      frozen_(spec.freeze_embeddings),
      table_(params.add_uniform("embedding", spec.rows, spec.dim, Role::table, table_scale(spec), random::kInitialTable,
                                spec.embedding_by_row, spec.row_rates)) {
  for (int i = static_cast<int>(pools_.size()) - 1; i >= 0; --i) {
    const Pool p = pools_[static_cast<std::size_t>(i)];
    (p == Pool::max ? top_ : p == Pool::min ? low_ : first_sum_) = i;
  }
}

template <class T>
std::unique_ptr<State> PooledInput<T>::make_state() const {
  return std::make_unique<Statistics>();
}

template <class T>
void PooledInput<T>::plan(Space<T>& space, const Plan& plan) const {
  space.x = space.x_rows.fit(plan.m, width_);
  space.dx = plan.backward && !frozen_ ? space.dx_rows.fit(plan.m, width_) : View<T>{};
  auto& s = static_cast<Statistics&>(*space.input);
  if (s.of_member.size() < static_cast<std::size_t>(plan.members)) s.of_member.resize(static_cast<std::size_t>(plan.members));
  if (!frozen_) this->plan_rows(space, plan, plan.entries);
}

template <class T>
void PooledInput<T>::average_windows(const Pass<T>& pass, Own& own) const {
  Batch<T>& batch = pass.member.batch;
  drop_empty_windows(batch);
  const Index count = static_cast<Index>(batch.offsets.size()) - 1;
  T* const means = own.windows.template reserve_of<T>(std::max<Index>(count, 1) * ld_);
  T* const scale = own.scale.template reserve_of<T>(std::max<Index>(count, 1));
  for (Index w = 0; w < count; ++w) {
    const auto at = static_cast<std::size_t>(w);
    scale[w] = static_cast<T>(factor(Pool::mean, batch.offsets[at + 1] - batch.offsets[at]));
  }
  dispatch::kernels<T>().pool_bags(
      {table_->w(), table_->ld, dim_, batch.ids.data(), batch.offsets.data(), nullptr, scale, count, means, ld_});
}

template <class T>
void PooledInput<T>::forward(const Pass<T>& pass) const {
  if (pass.noise && word_dropout_ > 0) drop_ids(pass, word_dropout_, -1);
  Own& mine = own(pass, pass.crew.member());
  if (window_ > 0) average_windows(pass, mine);
  const Batch<T>& batch = pass.member.batch;
  const std::int64_t* const begin = bounds(batch);
  const View<T> x = pass.space.x;
  const auto column = [&](int pool) { return pool < 0 ? nullptr : x.row(pass.begin) + pool * dim_; };
  const auto entries = [&](Buffer& buffer, int pool) {
    return pool < 0 || !pass.training ? nullptr : buffer.template reserve_of<Entry<T>>(std::max<Index>(pass.size(), 1) * dim_);
  };
  PoolExtremes<T, std::int32_t> a{};
  a.table = window_ > 0 ? static_cast<const T*>(mine.windows.data()) : table_->w();
  a.ld = window_ > 0 ? ld_ : table_->ld;
  a.d = dim_;
  a.ids = window_ > 0 ? nullptr : batch.ids.data();
  a.offsets = begin;
  a.bags = pass.size();
  a.top = column(top_);
  a.low = column(low_);
  a.sum = column(first_sum_);
  a.ldo = x.ld;
  a.top_entry = entries(mine.top_entry, top_);
  a.low_entry = entries(mine.low_entry, low_);
  a.lde = dim_;
  dispatch::kernels<T>().pool_extremes_i32(a);
  mine.pooled = begin[pass.size()];
  // The first of the sums is multiplied last, when the others have taken theirs from it.
  for (Index i = 0; i < pass.size() && first_sum_ >= 0; ++i) {
    const T* const sum = a.sum + i * x.ld;
    for (int p = static_cast<int>(pools_.size()) - 1; p >= first_sum_; --p) {
      const Pool pool = pools_[static_cast<std::size_t>(p)];
      if (is_extreme(pool)) continue;
      T* const out = x.row(pass.begin + i) + p * dim_;
      if (out != sum) std::memcpy(out, sum, static_cast<std::size_t>(dim_) * sizeof(T));
      dispatch::kernels<T>().scal(static_cast<T>(factor(pool, begin[i + 1] - begin[i])), out, dim_);
    }
  }
  if (pass.noise && dropout_ > 0) drop(pass, x, x, width_, dropout_, random::kEmbedding);
}

template <class T>
void PooledInput<T>::backward(const Pass<T>& pass) const {
  const auto& kernels = dispatch::kernels<T>();
  const View<T> dx = pass.space.dx;
  if (pass.noise && dropout_ > 0) drop(pass, dx, dx, width_, dropout_, random::kEmbedding);
  Own& mine = own(pass, pass.crew.member());
  const Batch<T>& batch = pass.member.batch;
  const std::int64_t* const begin = bounds(batch);
  // The sums' gradients come together in the first of them.
  for (Index i = 0; i < pass.size() && first_sum_ >= 0; ++i) {
    T* const sum = dx.row(pass.begin + i) + first_sum_ * dim_;
    for (int p = first_sum_; p < static_cast<int>(pools_.size()); ++p) {
      const Pool pool = pools_[static_cast<std::size_t>(p)];
      if (is_extreme(pool)) continue;
      const T by = static_cast<T>(factor(pool, begin[i + 1] - begin[i]));
      if (p == first_sum_)
        kernels.scal(by, sum, dim_);
      else
        kernels.axpy(by, dx.row(pass.begin + i) + p * dim_, sum, dim_);
    }
  }
  const auto column = [&](int pool) { return pool < 0 ? nullptr : dx.row(pass.begin) + pool * dim_; };
  SpreadExtremes<T> s{};
  s.offsets = begin;
  s.bags = pass.size();
  s.d = dim_;
  s.sum = column(first_sum_);
  s.top = column(top_);
  s.low = column(low_);
  s.ldg = dx.ld;
  s.top_entry = static_cast<const Entry<T>*>(mine.top_entry.data());
  s.low_entry = static_cast<const Entry<T>*>(mine.low_entry.data());
  s.lde = dim_;
  s.out = mine.gradient.template reserve_of<T>(std::max<Index>(mine.pooled, 1) * ld_);
  s.ldo = ld_;
  kernels.spread_extremes(s);
  if (window_ == 0) return;
  const T* const scale = static_cast<const T*>(mine.scale.data());
  for (Index w = 0; w < mine.pooled; ++w) kernels.scal(scale[w], s.out + w * ld_, dim_);
}

template <class T>
RowGrads<T> PooledInput<T>::gradients_of(const Pass<T>& pass, int member) const {
  const Batch<T>& batch = pass.space.members[static_cast<std::size_t>(member)].batch;
  const Own& theirs = own(pass, member);
  RowGrads<T> s{};
  s.ids = batch.ids.data();
  if (window_ > 0) s.offsets = batch.offsets.data();
  s.bags = theirs.pooled;
  s.grad = static_cast<const T*>(theirs.gradient.data());
  s.ldg = ld_;
  s.skip = -1;
  return s;
}

template class PooledInput<float>;
template class PooledInput<double>;

}  // namespace pyffnn::net
