// What examples are to be: classes, sets of labels, rows of probabilities, or real numbers, each with a weight; or what is to be
// differentiated.
#pragma once
#include <cstdint>
#include <vector>

#include "net/batch.h"

namespace pyffnn::net {

// slopes: no loss of its own, the sum of these times the values of the outputs stands in its place, whose gradient is that of the outputs.
enum class TargetKind { classes, sets, rows, values, slopes };

// Numbers of either type, or none.
struct Numbers {
  const float* f32 = nullptr;
  const double* f64 = nullptr;
  bool any() const { return f32 != nullptr || f64 != nullptr; }
  double at(Index i) const { return f32 != nullptr ? static_cast<double>(f32[i]) : f64[i]; }
};

// Checked when made. Views of somebody's memory, but for `offsets`; classes and labels are checked again as they are read.
class Targets {
 public:
  TargetKind kind = TargetKind::classes;
  Index n = 0, n_outputs = 0;
  const std::int32_t* classes32 = nullptr;  // classes: one of the two
  const std::int64_t* classes64 = nullptr;
  std::vector<std::int64_t> offsets;  // sets: labels[offsets[i] .. offsets[i + 1])
  const std::int32_t* labels = nullptr;
  Numbers numbers;                    // rows, values, slopes: [n, n_outputs]
  Numbers weight;                     // of each example; none: 1
  std::vector<double> output_weight;  // sets: of each label's loss; empty: 1

  double weight_of(Index example) const { return weight.any() ? weight.at(example) : 1.0; }
  // Throws std::out_of_range where memory holds a class that is none.
  std::int64_t class_of(Index example) const;
  double sum_of_weights(const Visit& visit) const;
  // out [n_outputs]: ones at the labels of a set, or the numbers of a row.
  template <class T>
  void row(Index example, T* out) const;
};

}  // namespace pyffnn::net
