// From the token stream to the input of the network and back. A batch is made of segments of consecutive tokens; the words that the
// windows of a segment look at are gathered once (its span), so no matrix of windows exists and distant means are small products.
#pragma once
#include <cstdint>
#include <vector>

#include "core/workspace.h"
#include "train/lm_config.h"

namespace pyffnn::train::lm {

struct Segment {
  Index start;  // position of the first target in the stream
  Index length;
};

// Gradients of the rows of a table that a batch touched: row i belongs to id ids[i]; ids rise.
template <class T>
struct SparseRows {
  std::vector<std::int32_t> ids;
  T* rows = nullptr;
  Index ld = 0;
};

template <class T>
class Windows {
 public:
  explicit Windows(const Config& config) : config_(config) {}

  // Gathers a batch; x [m, input_size] with row stride ldx, targets [m]. `stream` holds n ids, checked here (std::out_of_range).
  // train: dropout of words and of embedding numbers as the configuration says, masks from (seed, step).
  void forward(const std::int32_t* stream, Index n, const Segment* segments, Index count, const T* table, Index ld, const T* distant,
               Index ld_distant, bool train, std::int64_t step, T* x, Index ldx, std::int32_t* target);

  // From dx (overwritten) to the gradient of the table's rows, and of the position weights: d_distant [kernels, window], stride ldg.
  void backward(T* dx, Index lddx, bool train, std::int64_t step, SparseRows<T>& rows, T* d_distant, Index ldg);

  Index examples() const { return m_; }

 private:
  struct Place {
    Index span;  // first row of the segment in span_
    Index row;   // first example
    Index length;
  };
  Index span_length(Index length) const { return config_.reach() + length - 1; }
  void build_toeplitz(const T* distant, Index ld);
  void sum_rows(SparseRows<T>& rows);

  Config config_;
  std::vector<Place> places_;
  std::vector<std::int32_t> ids_;  // of the span rows; -1: a missing word
  Index m_ = 0, longest_ = 0, ld_span_ = 0, ld_toeplitz_ = 0;
  Buffer span_, d_span_, toeplitz_, d_toeplitz_, packed_, sums_;
};

}  // namespace pyffnn::train::lm
