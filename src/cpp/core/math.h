// Sizes: rounding, strides, products that must not overflow.
#pragma once
#include <initializer_list>
#include <stdexcept>

#include "core/types.h"

namespace pyffnn {

constexpr Index ceil_div(Index a, Index b) { return div_sizes(a + b - 1, b); }
constexpr Index round_up(Index x, Index unit) { return ceil_div(x, unit) * unit; }

// Row distance of a matrix whose rows kernels read whole: a multiple of kRowUnit.
constexpr Index padded_row(Index cols) { return round_up(cols, kRowUnit); }

// Row distance in whole cache lines, an odd number of them, so that a column of rows spreads over all sets.
template <class T>
constexpr Index padded_lines(Index cols) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  Index lines = ceil_div(cols, line);
  if (lines > 1 && lines % 2 == 0) ++lines;
  return lines * line;
}

// The product of sizes of at least 0. Throws std::overflow_error.
inline Index checked_product(std::initializer_list<Index> sizes) {
  Index product = 1;
  for (const Index s : sizes)
    if (__builtin_mul_overflow(product, s, &product)) throw std::overflow_error("a size is beyond 2^63");
  return product;
}

}  // namespace pyffnn
