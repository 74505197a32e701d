// A table while it is trained: rows of whole vectors of numbers, zero at first.
#pragma once
#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>

#include "core/math.h"
#include "core/thread_pool.h"
#include "fasttext/losses.h"
#include "fasttext/numbers.h"
#include "fasttext/table.h"

namespace pyffnn::fasttext {

struct Rows {
  Rows(Index rows, Index dim)
      : rows(rows), dim(dim), ld(padded_row(dim)), numbers(std::make_shared<Numbers>(checked_product({rows, padded_row(dim)}))) {}
  float* row(Index i) const { return numbers->data() + i * ld; }

  // Throws Diverged.
  void check() const {
    const float* const x = row(0);
    constexpr Index kPart = 4096;
    const Index parts = ceil_div(rows * ld, kPart);
    std::atomic<bool> finite{true};
    threads::parallel_for(parts, threads::threads_for(static_cast<double>(rows * ld)), [&](Index first, Index last) {
      for (Index begin = first * kPart; begin < std::min(last * kPart, rows * ld) && finite.load(std::memory_order_relaxed);
           begin += kPart) {
        const Index end = std::min(begin + kPart, rows * ld);
        std::uint32_t wrong = 0;
        for (Index i = begin; i < end; ++i) {
          std::uint32_t bits = 0;
          std::memcpy(&bits, x + i, sizeof(bits));
          wrong |= ((bits & 0x7f800000u) == 0x7f800000u) ? 1u : 0u;
        }
        if (wrong != 0) finite.store(false, std::memory_order_relaxed);
      }
    });
    if (!finite.load()) throw Diverged();
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
