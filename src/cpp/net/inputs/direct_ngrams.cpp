#include "net/inputs/direct_ngrams.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/dispatch.h"
#include "core/random.h"

namespace pyffnn::net {
namespace {

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

}  // namespace

template <class T>
DirectNgrams<T>::DirectNgrams(const Spec& s, ParamSet<T>& params)
    : buckets_(s.ngram_rows),
      orders_(s.ngram_words - 1),
      heads_(s.ngram_heads),
      dim_(s.ngram_dim),
      dropout_(s.ngram_dropout),
      table_(params.add("ngrams", slots() * buckets_, dim_, Role::table)),
      gate_(params.add("ngrams.gate", orders_, order_width() + 1, Role::gates)) {}

template <class T>
void DirectNgrams<T>::plan(Notes& notes, const Plan& plan) const {
  if (notes.of_member.size() < at(plan.members)) notes.of_member.resize(at(plan.members));
  notes.z.template reserve_of<T>(std::max<Index>(plan.m * width(), 1));
  notes.gate.template reserve_of<T>(std::max<Index>(plan.m * orders_, 1));
  if (!plan.backward) return;
  notes.slope.template reserve_of<T>(std::max<Index>(plan.m * orders_, 1));
  notes.d_gate.template reserve_of<T>(orders_ * (order_width() + 1));
  notes.segments.resize(at(plan.members) * at(plan.members));
  notes.stepper.reserve(table_->rows + 1, plan.m * slots(), dim_, plan.members);
}

template <class T>
void DirectNgrams<T>::begin(const Pass<T>& pass, Notes& notes) const {
  auto& own = notes.of_member[at(pass.crew.member())];
  own.rows.resize(at(pass.size() * slots()));
  own.scale.resize(at(pass.size() * orders_));
  own.d_rows.template reserve_of<T>(std::max<Index>(pass.size() * slots() * padded_row(dim_), 1));
}

template <class T>
void DirectNgrams<T>::forward(const Pass<T>& pass, Notes& notes, Index row, const std::int32_t* words, std::int32_t missing, T* x) const {
  auto& own = notes.of_member[at(pass.crew.member())];
  const auto none = static_cast<std::int32_t>(table_->rows);
  const bool drops = pass.noise && dropout_ > 0;
  const std::uint64_t key = drops ? random::key(pass.spec.seed, static_cast<std::uint64_t>(pass.step), random::kNgrams) : 0;
  const std::uint64_t threshold = random::threshold(dropout_);
  const T kept = drops ? static_cast<T>(1.0 / (1.0 - dropout_)) : T(1);
  std::int32_t* const rows = own.rows.data() + row * slots();
  const Index example = pass.begin + row;
  T* const z = static_cast<T*>(notes.z.data()) + example * width();
  T* const gates = static_cast<T*>(notes.gate.data()) + example * orders_;
  std::uint64_t hash = 0;
  bool whole = true;
  for (Index n = 1; n <= orders_ + 1; ++n) {
    const std::int32_t word = words[-n];
    whole = whole && word != missing;
    hash = random::mix64(hash + (static_cast<std::uint64_t>(word) + 1) * random::kGolden);
    if (n == 1) continue;
    const Index k = n - 2;
    const bool dropped = drops && random::bits32(key, static_cast<std::uint64_t>(example * orders_ + k)) < threshold;
    own.scale[at(row * orders_ + k)] = kept;
    for (Index head = 0; head < heads_; ++head) {
      const Index slot = k * heads_ + head;
      const std::uint64_t mixed = random::mix64(hash + static_cast<std::uint64_t>(head) * random::kGolden);
      const Index bucket = static_cast<Index>(mixed % static_cast<std::uint64_t>(buckets_));
      rows[slot] = whole && !dropped ? static_cast<std::int32_t>(slot * buckets_ + bucket) : none;
      std::memcpy(z + slot * dim_, table_->w() + rows[slot] * table_->ld, at(dim_) * sizeof(T));  // that of none is zero
    }
    const T* const a = gate_->w() + k * gate_->ld;
    gates[k] = dispatch::kernels<T>().dot(a, z + k * order_width(), order_width()) + a[order_width()];
  }
  dispatch::kernels<T>().act_forward(Act::sigmoid, gates, gates, orders_);
  for (Index k = 0; k < orders_; ++k) {
    const T factor = gates[k] * own.scale[at(row * orders_ + k)];
    for (Index j = k * order_width(); j < (k + 1) * order_width(); ++j) x[j] = factor * z[j];
  }
}

template <class T>
void DirectNgrams<T>::backward(const Pass<T>& pass, Notes& notes, Index row, const T* dx) const {
  auto& own = notes.of_member[at(pass.crew.member())];
  const Index example = pass.begin + row, ld = padded_row(dim_);
  const T* const z = static_cast<const T*>(notes.z.data()) + example * width();
  const T* const gates = static_cast<const T*>(notes.gate.data()) + example * orders_;
  T* const slopes = static_cast<T*>(notes.slope.data()) + example * orders_;
  T* const out = static_cast<T*>(own.d_rows.data()) + row * slots() * ld;
  std::memset(out, 0, at(slots() * ld) * sizeof(T));
  for (Index k = 0; k < orders_; ++k) {
    const Index first = k * order_width();
    const T scale = own.scale[at(row * orders_ + k)], factor = scale * gates[k];
    slopes[k] = factor * (T(1) - gates[k]) * dispatch::kernels<T>().dot(dx + first, z + first, order_width());
    const T* const a = gate_->w() + k * gate_->ld;
    for (Index head = 0; head < heads_; ++head) {
      T* const d = out + (k * heads_ + head) * ld;
      for (Index j = 0; j < dim_; ++j) d[j] = factor * dx[first + head * dim_ + j] + slopes[k] * a[head * dim_ + j];
    }
  }
}

template <class T>
void DirectNgrams<T>::update(const Pass<T>& pass, Notes& notes, const Sink<T>& sink) const {
  const int size = pass.crew.size(), member = pass.crew.member();
  if (pass.crew.leads()) notes.parts = size;
  RowGrads<T>* const own = notes.segments.data() + static_cast<std::ptrdiff_t>(member) * size;
  for (int i = 0; i < size; ++i) {
    const auto& theirs = notes.of_member[at(i)];
    own[i] = {};
    own[i].ids = theirs.rows.data();
    own[i].bags = static_cast<Index>(theirs.rows.size());
    own[i].grad = static_cast<const T*>(theirs.d_rows.data());
    own[i].ldg = padded_row(dim_);
    own[i].skip = static_cast<std::int32_t>(table_->rows);
  }
  const T* const z = static_cast<const T*>(notes.z.data());
  const T* const slopes = static_cast<const T*>(notes.slope.data());
  T* const d_gate = static_cast<T*>(notes.d_gate.data());
  const Index cols = order_width() + 1;
  // A gate is one member's, which sums over the examples in turn. It is stepped after all rows' gradients were formed with it.
  pass.crew.each(orders_, 2.0 * static_cast<double>(pass.m * width()), [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      T* const d = d_gate + k * cols;
      std::fill_n(d, cols, T(0));
      for (Index i = 0; i < pass.m; ++i) {
        const T slope = slopes[i * orders_ + k];
        dispatch::kernels<T>().axpy(slope, z + i * width() + k * order_width(), d, order_width());
        d[cols - 1] += slope;
      }
      sink.take(*gate_, k, 1, d, cols);
    }
  });
  notes.stepper.sum(dim_, own, size, member, size);
  if (sink.store == nullptr) notes.stepper.apply(view(), sink.rules.of(*table_), member);
}

template <class T>
void DirectNgrams<T>::add_squares(const Notes& notes, double& sum) const {
  // In the order of rows, which no number of parts changes.
  std::vector<std::pair<std::int32_t, double>> squares;
  for (int part = 0; part < notes.parts; ++part) {
    const auto s = notes.stepper.sums(part);
    for (Index i = 0; i < s.count; ++i) squares.emplace_back(s.rows[i], squares_of(s.sums + i * s.lds, dim_));
  }
  std::sort(squares.begin(), squares.end());
  double rows = 0;
  for (const auto& [row, square] : squares) rows += square;
  sum += rows;
}

template <class T>
void DirectNgrams<T>::step_sums(const Pass<T>& pass, Notes& notes, const Sink<T>& sink) const {
  const int member = pass.crew.member();
  if (sink.store == nullptr) return notes.stepper.apply(view(), sink.rules.of(*table_), member);
  const auto s = notes.stepper.sums(member);
  for (Index i = 0; i < s.count; ++i) sink.take(*table_, s.rows[i], 1, s.sums + i * s.lds, s.lds);
}

template class DirectNgrams<float>;
template class DirectNgrams<double>;

}  // namespace pyffnn::net
