// The products of linear_xent in the element type. Operands are read as they lie, so threads need nothing of one another: in pass 1 each
// takes its rows through the whole vocabulary, in pass 2 its tiles through the whole batch.
#pragma once
#include "ops/linear_xent/walk.h"

namespace pyffnn::ops::xent {

template <class T>
class FmaPanels {
 public:
  explicit FmaPanels(const Problem<T>& p);

  Index tile() const { return tile_; }
  void first(Walk<T>& walk) const;
  void second(const Walk<T>& walk) const;

 private:
  // Of rows [begin, end), `words` words from `word` on.
  void logits(Index word, Index words, Index begin, Index end, T* z, Index ldz) const;

  const Problem<T>& p_;
  Index tile_;
  int parts_;
};

}  // namespace pyffnn::ops::xent
