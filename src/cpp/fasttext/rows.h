// A table while it is trained: rows of whole vectors of numbers, zero at first.
#pragma once
#include <cstring>
#include <memory>

#include "core/math.h"
#include "fasttext/losses.h"
#include "fasttext/numbers.h"
#include "fasttext/table.h"

namespace pyffnn::fasttext {

struct Rows {
  Rows(Index rows, Index dim)
      : rows(rows), dim(dim), ld(padded_row(dim)), numbers(std::make_shared<Numbers>(checked_product({rows, padded_row(dim)}))) {}
  float* row(Index i) const { return numbers->data() + i * ld; }

  void check() const {
    for (Index i = 0; i < rows; ++i)
      for (Index j = 0; j < dim; ++j)
        if (!(row(i)[j] - row(i)[j] == 0)) throw Diverged();
  }
  // The same numbers without what pads them, in the same memory. Throws Diverged.
  TablePtr finish() {
    check();
    float* const data = numbers->data();
    if (ld != dim)
      for (Index i = 1; i < rows; ++i) std::memmove(data + i * dim, data + i * ld, static_cast<std::size_t>(dim) * sizeof(float));
    numbers->shrink(rows * dim);
    return std::make_shared<DenseTable>(rows, dim, numbers, data);
  }

  Index rows, dim, ld;
  std::shared_ptr<Numbers> numbers;
};

}  // namespace pyffnn::fasttext
