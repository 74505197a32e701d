#include "net/inputs/input.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "net/inputs/bags.h"
#include "net/inputs/concat.h"
#include "net/inputs/dense.h"
#include "net/inputs/pooled.h"
#include "net/inputs/sparse.h"
#include "net/inputs/windows.h"

namespace pyffnn::net {

double table_scale(const Spec& s) {
  if (s.embedding_scale > 0) return s.embedding_scale;
  const auto dim = static_cast<double>(s.dim);
  // Windows lie side by side, so their numbers have variance 1 / dim; pooled rows begin smaller.
  return s.input == InputKind::windows ? std::sqrt(3.0 / dim) : 1.0 / dim;
}

template <class T>
std::unique_ptr<Input<T>> make_input(const Spec& spec, ParamSet<T>& params) {
  switch (spec.input) {
    case InputKind::sparse:
      return std::make_unique<SparseInput<T>>(spec, params);
    case InputKind::bags:
      if (!spec.one_sum()) return std::make_unique<PooledInput<T>>(spec, params);
      return std::make_unique<BagInput<T>>(spec, params);
    case InputKind::concat:
      return std::make_unique<ConcatInput<T>>(spec, params);
    case InputKind::windows:
      return std::make_unique<WindowInput<T>>(spec, params);
    default:
      return std::make_unique<DenseInput<T>>(spec);
  }
}

template <class T>
void Input<T>::plan_rows(Space<T>& space, const Plan& plan, Index entries) const {
  if (!plan.backward) return;
  space.segments.resize(static_cast<std::size_t>(plan.members) * static_cast<std::size_t>(plan.members));
  space.stepper.reserve(table()->rows + 1, entries, row_width(), plan.members);
}

template <class T>
RowGrads<T>* Input<T>::segments_of(const Pass<T>& pass) const {
  const int size = pass.crew.size();
  RowGrads<T>* const own = pass.space.segments.data() + static_cast<std::ptrdiff_t>(pass.crew.member()) * size;
  for (int i = 0; i < size; ++i) own[i] = gradients_of(pass, i);
  return own;
}

template <class T>
void Input<T>::step_rows(const Pass<T>& pass, const Rules<T>& rules) const {
  Param<T>& t = *table();
  pass.space.stepper.step({t.w(), t.s1(), t.s2(), t.ld, t.cols, t.by_row}, segments_of(pass), pass.crew.size(), rules.of(t), in_turn(),
                          pass.crew.member(), pass.crew.size());
}

template <class T>
void Input<T>::sum_rows(const Pass<T>& pass) const {
  pass.space.stepper.sum(row_width(), segments_of(pass), pass.crew.size(), pass.crew.member(), pass.crew.size());
}

template <class T>
void Input<T>::list_touched(const Pass<T>& pass) const {
  TouchedRows<T>& touched = pass.space.touched;
  std::vector<std::pair<std::int32_t, const T*>> rows;
  for (int part = 0; part < pass.crew.size(); ++part) {
    const auto s = pass.space.stepper.sums(part);
    for (Index i = 0; i < s.count; ++i) rows.emplace_back(s.rows[i], s.sums + i * s.lds);
  }
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  touched.ids.clear();
  touched.sums.clear();
  touched.squares.clear();
  for (const auto& [id, sum] : rows) {
    touched.ids.push_back(id);
    touched.sums.push_back(sum);
    touched.squares.push_back(squares_of(sum, row_width()));
  }
}

template <class T>
void Input<T>::apply_rows(const Pass<T>& pass, const Rules<T>& rules) const {
  Param<T>& t = *table();
  pass.space.stepper.apply({t.w(), t.s1(), t.s2(), t.ld, t.cols, t.by_row}, rules.of(t), pass.crew.member());
}

template <class T>
void drop_ids(const Pass<T>& pass, double rate, std::int32_t padding) {
  const std::uint64_t key = random::key(pass.spec.seed, static_cast<std::uint64_t>(pass.step), random::kWords);
  const std::uint64_t threshold = random::threshold(rate);
  std::int32_t* const ids = pass.member.batch.ids.data();
  std::int64_t* const offsets = pass.member.batch.offsets.data();
  const std::vector<std::int64_t>& groups = pass.member.batch.groups;
  // A bag is an example, or a window of one.
  const auto first_bag = [&groups](Index example) { return groups.empty() ? example : groups[static_cast<std::size_t>(example)]; };
  Index at = 0, begin = 0;
  for (Index example = 0; example < pass.size(); ++example) {
    const Index first = begin;
    for (Index b = first_bag(example); b < first_bag(example + 1); ++b) {
      const Index end = offsets[b + 1];
      for (Index i = begin; i < end; ++i) {
        const std::uint64_t counter = static_cast<std::uint64_t>(pass.begin + example) << 32 | static_cast<std::uint64_t>(i - first);
        const bool keep = random::bits32(key, counter) >= threshold;
        if (padding >= 0) {
          if (!keep) ids[i] = padding;
        } else {
          ids[at] = ids[i];
          at += keep;
        }
      }
      begin = end;
      if (padding < 0) offsets[b + 1] = at;
    }
  }
}

#define PYFFNN_INSTANTIATE(T)                                   \
  template class Input<T>;                                      \
  template void drop_ids(const Pass<T>&, double, std::int32_t); \
  template std::unique_ptr<Input<T>> make_input(const Spec&, ParamSet<T>&);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::net
