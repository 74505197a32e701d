#include "ops/row_step.h"

#include <algorithm>
#include <cstring>

#include "core/dispatch.h"

namespace pyffnn::ops {
namespace {

Index padded(Index n) { return (n + kRowUnit - 1) / kRowUnit * kRowUnit; }

void* cleared(Buffer& buffer, Index bytes) { return std::memset(buffer.reserve(bytes), 0, static_cast<std::size_t>(bytes)); }

}  // namespace

template <class T>
void RowStepper<T>::reserve(Index rows, Index entries, Index d, int parts) {
  if (rows > rows_) cleared(slots_, rows * static_cast<Index>(sizeof(std::uint32_t)));
  if (d > d_) cleared(zeros_, padded(d) * static_cast<Index>(sizeof(T)));
  rows_ = std::max(rows, rows_);
  entries_ = std::max(entries, entries_);
  d_ = std::max(d, d_);
  if (static_cast<int>(parts_.size()) < parts) parts_.resize(static_cast<std::size_t>(parts));
  const Index most = std::max<Index>(std::min(entries_, rows_), 1);
  for (Part& p : parts_) {
    const Index bytes = most * static_cast<Index>(sizeof(std::int32_t));
    if (bytes > p.rows.capacity()) cleared(p.rows, bytes);
    p.sums.reserve(most * padded(d_) * static_cast<Index>(sizeof(T)));
  }
}

template <class T>
void RowStepper<T>::step(const RowTable<T>& table, const RowGrads<T>* segments, Index n, const OptimStep<T>& opt, int part, int parts) {
  const auto& kernels = dispatch::kernels<T>();
  const bool direct = !table.by_row && opt.kind == Optim::sgd && opt.l2 == 0 && opt.decay == 0;
  const Part& mine = parts_[static_cast<std::size_t>(part)];
  auto* const rows = static_cast<std::int32_t*>(mine.rows.data());
  auto* const sums = static_cast<T*>(mine.sums.data());
  const Index lds = padded(table.d);
  Index count = 0;
  for (Index s = 0; s < n; ++s) {
    RowGrads<T> grads = segments[s];
    grads.d = table.d;
    grads.part = part;
    grads.parts = parts;
    if (direct)
      kernels.scatter_rows(grads, -opt.lr * opt.scale, table.table, table.ld);
    else
      count = kernels.sum_rows(grads, {static_cast<std::uint32_t*>(slots_.data()), rows, sums, static_cast<const T*>(zeros_.data()), lds},
                               count);
  }
  if (!direct) kernels.row_step({&opt, table.by_row, table.table, table.s1, table.s2, table.ld, table.d, rows, count, sums, lds});
}

template class RowStepper<float>;
template class RowStepper<double>;

}  // namespace pyffnn::ops
