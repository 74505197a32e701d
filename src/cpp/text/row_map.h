// Which row of the table the things numbered 0, 1, 2, ... have.
#pragma once
#include <vector>

#include "text/growing.h"

namespace pyffnn::text {

// The things of the first training have a run of rows. Things met later get rows behind all others, so a row never changes its meaning.
class RowMap {
 public:
  RowMap() = default;
  RowMap(Index first, Index count) : first_(static_cast<std::int32_t>(first)), run_(count) {}

  Index size() const { return run_ + later_.size(); }
  bool is_run() const { return later_.empty(); }
  std::int32_t first() const { return first_; }
  std::int32_t operator[](Index number) const { return number < run_ ? static_cast<std::int32_t>(first_ + number) : later_[number - run_]; }

  // What has a row, or -1.
  Index number_of(Index row) const {
    if (row >= first_ && row < first_ + run_) return row - first_;
    const std::int32_t* const at = std::lower_bound(later_.begin(), later_.end(), row);
    return at != later_.end() && *at == row ? run_ + (at - later_.begin()) : -1;
  }

  // This one, and `count` things more in the rows from `row` on, which come behind all rows so far.
  RowMap extended(Index row, Index count) const {
    RowMap map(first_, run_);
    map.later_ = later_.next();
    if (map.later_.empty() && (row == first_ + run_ || run_ == 0)) {
      if (run_ == 0) map.first_ = static_cast<std::int32_t>(row);
      map.run_ += count;
      return map;
    }
    std::vector<std::int32_t> rows(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) rows[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(row + i);
    map.later_.append(rows.data(), count);
    return map;
  }
  // The rows from `row` on, ascending.
  std::vector<std::int64_t> since(Index row) const {
    std::vector<std::int64_t> rows;
    for (Index i = std::max(Index{0}, std::min(row - first_, run_)); i < run_; ++i) rows.push_back(first_ + i);
    for (const std::int32_t* at = std::lower_bound(later_.begin(), later_.end(), row); at != later_.end(); ++at) rows.push_back(*at);
    return rows;
  }

 private:
  std::int32_t first_ = 0;
  Index run_ = 0;
  Growing<std::int32_t> later_;
};

}  // namespace pyffnn::text
