#include "ops/row_step.h"

#include <algorithm>

#include "core/dispatch.h"
#include "core/math.h"

namespace pyffnn::ops {

template <class T>
void RowStepper<T>::reserve(Index rows, Index entries, Index d, int parts) {
  slots_.reserve_zeros(rows * static_cast<Index>(sizeof(std::uint32_t)));
  zeros_.reserve_zeros(padded_row(d) * static_cast<Index>(sizeof(T)));
  if (static_cast<int>(parts_.size()) < parts) parts_.resize(static_cast<std::size_t>(parts));
  const Index most = std::max<Index>(std::min(entries, rows), 1), numbers = std::max(most, numbers_);
  for (Part& p : parts_) p.rows.reserve_zeros(numbers * static_cast<Index>(sizeof(std::int32_t)));
  for (int i = 0; i < parts; ++i) parts_[static_cast<std::size_t>(i)].sums.reserve(most * padded_row(d) * static_cast<Index>(sizeof(T)));
  // Not before all is there: a batch that has too little memory spoils nothing that comes later.
  numbers_ = numbers;
}

template <class T>
typename RowStepper<T>::Sums RowStepper<T>::sum(Index d, const RowGrads<T>* segments, Index n, int part, int parts) {
  const auto& kernels = dispatch::kernels<T>();
  Part& mine = parts_[static_cast<std::size_t>(part)];
  mine.lds = padded_row(d);
  mine.count = 0;
  const RowSums<T> out{static_cast<std::uint32_t*>(slots_.data()), static_cast<std::int32_t*>(mine.rows.data()),
                       static_cast<T*>(mine.sums.data()), static_cast<const T*>(zeros_.data()), mine.lds};
  for (Index s = 0; s < n; ++s) {
    RowGrads<T> grads = segments[s];
    grads.d = d;
    grads.part = part;
    grads.parts = parts;
    mine.count = kernels.sum_rows(grads, out, mine.count);
  }
  return sums(part);
}

template <class T>
typename RowStepper<T>::Sums RowStepper<T>::sums(int part) const {
  const Part& p = parts_[static_cast<std::size_t>(part)];
  return {static_cast<const std::int32_t*>(p.rows.data()), static_cast<const T*>(p.sums.data()), p.count, p.lds};
}

template <class T>
void RowStepper<T>::apply(const RowTable<T>& table, const OptimStep<T>& opt, int part) const {
  const Sums s = sums(part);
  dispatch::kernels<T>().row_step({&opt, table.by_row, table.table, table.s1, table.s2, table.ld, table.d, s.rows, s.count, s.sums, s.lds});
}

template <class T>
void RowStepper<T>::step(const RowTable<T>& table, const RowGrads<T>* segments, Index n, const OptimStep<T>& opt, bool in_turn, int part,
                         int parts) {
  if (!in_turn || table.by_row || opt.kind != Optim::sgd || opt.l2 != 0 || opt.decay != 0) {
    sum(table.d, segments, n, part, parts);
    return apply(table, opt, part);
  }
  for (Index s = 0; s < n; ++s) {
    RowGrads<T> grads = segments[s];
    grads.d = table.d;
    grads.part = part;
    grads.parts = parts;
    dispatch::kernels<T>().scatter_rows(grads, -opt.lr * opt.scale, table.table, table.ld);
  }
}

template class RowStepper<float>;
template class RowStepper<double>;

}  // namespace pyffnn::ops
