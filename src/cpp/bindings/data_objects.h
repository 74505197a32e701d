// Examples and targets as Python holds them: checked when they are made, unchanging, shared by threads. They keep the arrays alive that
// they were made from and use them where they lie, if dtype and layout allow.
#pragma once
#include <memory>
#include <vector>

#include "bindings/arrays.h"
#include "net/sources/rows.h"
#include "net/sources/source.h"
#include "net/targets.h"
#include "text/corpus.h"

namespace pyffnn::bindings {

struct PyExamples {
  std::vector<py::array> arrays;
  net::RowArrays rows;
  std::unique_ptr<net::Source<float>> f32;
  std::unique_ptr<net::Source<double>> f64;
  const char* kind = "";

  Index size() const { return f32 != nullptr ? f32->size() : f64->size(); }
  // Throws TypeError where the examples are of the other dtype.
  template <class T>
  const net::Source<T>& source() const;
};

struct PyTargets {
  std::vector<py::array> arrays;
  net::Targets targets;
};

template <>
inline const net::Source<float>& PyExamples::source<float>() const {
  if (f32 == nullptr) throw py::type_error("examples must have dtype float32, got float64");
  return *f32;
}
template <>
inline const net::Source<double>& PyExamples::source<double>() const {
  if (f64 == nullptr) throw py::type_error("examples must have dtype float64, got float32");
  return *f64;
}

// Throws IndexError naming the first of p[0..n) outside [low, limit).
template <class I>
void check_range(const I* p, Index n, Index low, Index limit, const char* name) {
  for (Index i = 0; i < n; ++i)
    if (p[i] < low || p[i] >= limit)
      throw py::index_error(std::string(name) + " holds " + std::to_string(p[i]) + " at position " + std::to_string(i) + ", outside [" +
                            std::to_string(low) + ", " + std::to_string(limit) + ")");
}

inline std::string number_text(double x) { return py::cast<std::string>(py::repr(py::float_(x))); }

}  // namespace pyffnn::bindings
