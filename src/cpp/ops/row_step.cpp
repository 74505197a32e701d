#include "ops/row_step.h"

#include <cstring>

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::ops {
namespace {

// Which part owns a row: blocks of 16 rows in turn, so that frequent rows (small ids) are dealt out, and a line of slots has one owner.
int owner(std::int32_t row, int parts) {
  return static_cast<int>((static_cast<std::uint32_t>(row) >> 4) % static_cast<std::uint32_t>(parts));
}

}  // namespace

template <class T>
void RowStepper<T>::reserve(Index rows, Index entries, int parts) {
  if (rows > rows_) {
    std::memset(slots_.reserve_of<std::uint32_t>(rows), 0, static_cast<std::size_t>(rows) * sizeof(std::uint32_t));
    rows_ = rows;
  }
  if (static_cast<int>(parts_.size()) < parts) parts_.resize(static_cast<std::size_t>(parts));
  for (Part& p : parts_) {
    p.rows.template reserve_of<std::int32_t>(entries + 1);
    p.which.template reserve_of<std::uint32_t>(entries + 1);
    p.starts.template reserve_of<std::uint32_t>(entries + 2);
    p.sources.template reserve_of<std::uint32_t>(entries + 1);
    p.values.template reserve_of<T>(entries + 1);
  }
}

template <class T>
void RowStepper<T>::step_part(const RowTable<T>& table, const RowEntries<T>& e, const OptimStep<T>& opt, const T* grad, Index ldg, int part,
                              int parts) {
  Part& mine = parts_[static_cast<std::size_t>(part)];
  auto* const slots = static_cast<std::uint32_t*>(slots_.data());
  auto* const rows = static_cast<std::int32_t*>(mine.rows.data());
  auto* const which = static_cast<std::uint32_t*>(mine.which.data());
  auto* const starts = static_cast<std::uint32_t*>(mine.starts.data());
  auto* const sources = static_cast<std::uint32_t*>(mine.sources.data());
  auto* const values = e.values != nullptr ? static_cast<T*>(mine.values.data()) : nullptr;
  const auto owned = [&](std::int32_t row) { return row != e.skip && (parts == 1 || owner(row, parts) == part); };

  // A row is known when its slot points at itself; a slot of an earlier batch points elsewhere or beyond the end, so none is ever cleared.
  std::uint32_t count = 0;
  starts[0] = 0;
  for (Index i = 0; i < e.n; ++i) {
    const std::int32_t row = e.rows[i];
    if (!owned(row)) continue;
    std::uint32_t slot = slots[row];
    if (slot >= count || rows[slot] != row) {
      slot = count++;
      slots[row] = slot;
      rows[slot] = row;
      starts[slot + 1] = 0;
    }
    which[i] = slot;
    ++starts[slot + 1];
  }
  // starts[u + 1] := first position of u; it becomes the end of u, which is the start of u + 1, as positions are handed out.
  std::uint32_t sum = 0;
  for (std::uint32_t u = 0; u < count; ++u) {
    const std::uint32_t n = starts[u + 1];
    starts[u + 1] = sum;
    sum += n;
  }
  const auto place = [&](Index i, Index source) {
    if (!owned(e.rows[i])) return;
    const std::uint32_t at = starts[which[i] + 1]++;
    sources[at] = static_cast<std::uint32_t>(source);
    if (values != nullptr) values[at] = e.values[i];
  };
  if (e.offsets != nullptr) {
    for (Index b = 0; b < e.bags; ++b)
      for (Index i = e.offsets[b]; i < e.offsets[b + 1]; ++i) place(i, b);
  } else {
    for (Index i = 0; i < e.n; ++i) place(i, i);
  }
  dispatch::kernels<T>().row_step({&opt, table.by_row, table.table, table.s1, table.s2, table.ld, table.d, rows, starts,
                                   static_cast<Index>(count), sources, values, grad, ldg});
}

template <class T>
void RowStepper<T>::step(const RowTable<T>& table, const RowEntries<T>& entries, const OptimStep<T>& opt, const T* grad, Index ldg) {
  int parts = threads::threads_for(static_cast<double>(entries.n) * static_cast<double>(table.d * 3 + 32));
  if (parts > static_cast<int>(parts_.size())) parts = static_cast<int>(parts_.size());
  if (parts <= 1) return step_part(table, entries, opt, grad, ldg, 0, 1);
  threads::run_parts(parts, [&](int part, int all) { step_part(table, entries, opt, grad, ldg, part, all); });
}

template class RowStepper<float>;
template class RowStepper<double>;

}  // namespace pyffnn::ops
