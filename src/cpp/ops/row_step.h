// One optimizer step on the rows of a table that a batch touches: gradients of one row are summed first, so that a row takes one step a
// batch however often it occurs, as the gradient of the whole batch does. Untouched rows, and their optimizer state, stay as they are.
#pragma once
#include <vector>

#include "core/types.h"
#include "core/workspace.h"

namespace pyffnn::ops {

template <class T>
struct RowTable {
  T* table;
  T* s1;
  T* s2;
  Index ld, d;
  bool by_row;  // row-wise Adagrad: s1 is one number a row
};

// Parts own disjoint sets of rows, so no number of parts changes a bit: each row sees its gradients in the order of the batch. Parts may
// run at the same time.
template <class T>
class RowStepper {
 public:
  // The distinct rows that a part owns, in order of appearance, with the sums of their gradients, lds apart.
  struct Sums {
    const std::int32_t* rows;
    const T* sums;
    Index count, lds;
  };

  // Room for batches of `entries` entries on a table of `rows` rows of d columns in `parts` parts. Throws std::bad_alloc.
  void reserve(Index rows, Index entries, Index d, int parts);

  // The rows that `part` owns take one step with the gradients of segments[0..n), whose part, parts and d are filled in here. Plain SGD
  // without l2 and decay may add entry by entry, where `in_turn` says so: there it is the same but for rounding, and the sums are saved.
  void step(const RowTable<T>& table, const RowGrads<T>* segments, Index n, const OptimStep<T>& opt, bool in_turn, int part, int parts);

  // The two halves of a step, for those who want the sums between. Sums last until the next of the same part.
  Sums sum(Index d, const RowGrads<T>* segments, Index n, int part, int parts);
  Sums sums(int part) const;
  void apply(const RowTable<T>& table, const OptimStep<T>& opt, int part) const;

 private:
  struct Part {
    Buffer rows, sums;
    Index count = 0, lds = 0;
  };

  Buffer slots_;  // [rows]: the number that a row last had among the distinct rows of a batch
  Buffer zeros_;
  // Numbers in slots_ are below it. They may come from any earlier batch, another part's too: every part has so many rows, to look there.
  Index numbers_ = 0;
  std::vector<Part> parts_;
};

}  // namespace pyffnn::ops
