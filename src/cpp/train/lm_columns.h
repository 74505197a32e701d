// Dropout of whole columns: the examples of a block share one mask, so that products over them need the kept columns alone.
#pragma once
#include <cstdint>
#include <vector>

#include "core/types.h"

namespace pyffnn::train::lm {

// Which of h's columns each block of kBlock examples keeps: index[first[b]] .. index[first[b + 1]), rising.
struct KeptColumns {
  static constexpr Index kBlock = 128;
  std::vector<std::int32_t> index;
  std::vector<Index> first;

  Index count(Index block) const { return first[static_cast<std::size_t>(block) + 1] - first[static_cast<std::size_t>(block)]; }
  const std::int32_t* of(Index block) const { return index.data() + first[static_cast<std::size_t>(block)]; }
};

// Draws a mask a block of the first `width` of `columns` columns; those behind are always kept. The same for the same key.
template <class T>
class ColumnDropout {
 public:
  void draw(Index m, Index width, Index columns, double rate, std::uint64_t key);
  // x [m, >= width] *= mask, whose kept entries are 1 / (1 - rate)
  void apply(T* x, Index ldx) const;
  const KeptColumns& kept() const { return kept_; }

 private:
  Index m_ = 0, width_ = 0;
  std::vector<T> mask_;
  KeptColumns kept_;
};

}  // namespace pyffnn::train::lm
