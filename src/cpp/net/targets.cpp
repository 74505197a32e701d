#include "net/targets.h"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace pyffnn::net {
namespace {

[[noreturn]] void outside(std::int64_t got, Index n_outputs) {
  throw std::out_of_range("y holds " + std::to_string(got) + ", outside [0, " + std::to_string(n_outputs) +
                          "): the array was changed after its check");
}

}  // namespace

std::int64_t Targets::class_of(Index example) const {
  const std::int64_t c = classes32 != nullptr ? classes32[example] : classes64[example];
  if (c < 0 || c >= n_outputs) outside(c, n_outputs);
  return c;
}

double Targets::sum_of_weights(const Visit& visit) const {
  if (!weight.any()) return static_cast<double>(visit.examples());
  double total = 0;
  visit.each([&](Index example, Index) { total += weight.at(example); });
  return total;
}

template <class T>
void Targets::row(Index example, T* out) const {
  if (kind == TargetKind::sets) {
    std::fill_n(out, n_outputs, T(0));
    for (Index i = offsets[static_cast<std::size_t>(example)]; i < offsets[static_cast<std::size_t>(example) + 1]; ++i) {
      const std::int32_t label = labels[i];
      if (label < 0 || label >= n_outputs) outside(label, n_outputs);
      out[label] = T(1);
    }
    return;
  }
  for (Index j = 0; j < n_outputs; ++j) out[j] = static_cast<T>(numbers.at(example * n_outputs + j));
}

template void Targets::row(Index, float*) const;
template void Targets::row(Index, double*) const;

}  // namespace pyffnn::net
