// Where the rows of a table lie that two threads train.
#pragma once
#include "core/types.h"

namespace pyffnn::fasttext {

// Those of even number first.
class Places {
 public:
  explicit Places(Index rows = 0) : half_(static_cast<std::int32_t>((rows + 1) / 2)) {}
  std::int32_t of(std::int32_t row) const { return (row >> 1) + (row & 1) * half_; }

 private:
  std::int32_t half_;
};

}  // namespace pyffnn::fasttext
