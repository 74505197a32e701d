// One optimizer step on the rows of a table that a batch touches: entries of one row are summed first, so that a row takes one step a batch
// however often it occurs, as the gradient of the whole batch does. Untouched rows, and their optimizer state, stay as they are.
#pragma once
#include <vector>

#include "core/types.h"
#include "core/workspace.h"

namespace pyffnn::ops {

// The rows of a batch in their order. With `offsets`, the source (row of the gradient) of an entry is its bag: entries
// [offsets[b], offsets[b + 1]) belong to bag b; without, entry i has source i. Entries of row `skip` count for nothing.
template <class T>
struct RowEntries {
  const std::int32_t* rows;
  const T* values;  // weight of each entry, or null
  const std::int64_t* offsets;
  Index n, bags;
  Index skip = -1;
};

template <class T>
struct RowTable {
  T* table;
  T* s1;
  T* s2;
  Index rows, ld, d;
  bool by_row;  // row-wise Adagrad: s1 [rows]
};

// Groups entries by row. Threads own disjoint sets of rows, so no thread count changes a bit: each row sees its sources in batch order.
template <class T>
class RowStepper {
 public:
  // Room for batches of `entries` entries on tables of `rows` rows with `parts` threads. Throws std::bad_alloc.
  void reserve(Index rows, Index entries, int parts);

  // table[row] takes one step with the sum of grad[source] (rows of ldg, d columns) over the row's entries.
  void step(const RowTable<T>& table, const RowEntries<T>& entries, const OptimStep<T>& opt, const T* grad, Index ldg);

 private:
  struct Part {
    Buffer rows, which, starts, sources, values;
  };
  void step_part(const RowTable<T>& table, const RowEntries<T>& e, const OptimStep<T>& opt, const T* grad, Index ldg, int part, int parts);

  Buffer slots_;  // [rows]: the number that a row last had among the distinct rows of a batch
  Index rows_ = 0;
  std::vector<Part> parts_;
};

}  // namespace pyffnn::ops
