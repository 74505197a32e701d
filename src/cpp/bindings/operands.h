// Operands of a product as Python gives them: arrays that are read as they lie, and packed matrices.
#pragma once
#include <memory>

#include "bindings/arrays.h"
#include "ops/products/packed.h"

namespace pyffnn::bindings {

// Element (i, j) of `a`, or of its transpose; one of the strides must be 1, and a single row or column may carry any.
template <class T>
ops::ConstMat<T> operand(const py::array& a, bool transpose = false) {
  constexpr Index item = sizeof(T);
  const Index rs = a.shape(0) <= 1 && a.strides(1) == item ? a.shape(1) : a.strides(0) / item;
  const Index cs = a.shape(1) <= 1 && a.strides(0) == item ? a.shape(0) : a.strides(1) / item;
  return transpose ? ops::ConstMat<T>{in<T>(a), cs, rs} : ops::ConstMat<T>{in<T>(a), rs, cs};
}

// Of one of the two element types. Nothing changes once it is made, so any number of threads may use it.
struct PyPacked {
  std::unique_ptr<const ops::PackedMatrix<float>> f32;
  std::unique_ptr<const ops::PackedMatrix<double>> f64;

  template <class T>
  const ops::PackedMatrix<T>* of() const {
    if constexpr (std::is_same_v<T, float>) {
      return f32.get();
    } else {
      return f64.get();
    }
  }
  template <class T>
  std::unique_ptr<const ops::PackedMatrix<T>>& slot() {
    if constexpr (std::is_same_v<T, float>) {
      return f32;
    } else {
      return f64;
    }
  }
  int num() const { return f32 != nullptr ? kFloat32 : kFloat64; }
  Index k() const { return f32 != nullptr ? f32->k() : f64->k(); }
  Index n() const { return f32 != nullptr ? f32->n() : f64->n(); }
  Index bytes() const { return f32 != nullptr ? f32->bytes() : f64->bytes(); }
  Precision precision() const { return f32 != nullptr ? f32->precision() : f64->precision(); }
  const char* isa() const { return f32 != nullptr ? f32->isa() : f64->isa(); }
  bool usable() const { return f32 == nullptr || f32->usable(); }
};

// The packed matrix behind `o`, or null.
inline const PyPacked* as_packed(py::handle o) { return py::isinstance<PyPacked>(o) ? o.cast<const PyPacked*>() : nullptr; }

// Precisions as ops.py numbers them; kUnsaid: float32, or that of a packed operand.
constexpr int kUnsaid = static_cast<int>(Precision::automatic) + 1;
inline bool is_precision(int code) { return code >= 0 && code <= kUnsaid; }
// Of a code that is_precision() takes.
inline Precision known_precision(int code) { return code == kUnsaid ? Precision::float32 : static_cast<Precision>(code); }
inline Precision precision_of(int code) {
  if (!is_precision(code))
    value_error("precision", "must be a number from 0 to " + std::to_string(kUnsaid) + ", got " + std::to_string(code));
  return known_precision(code);
}
// Activations as ops.py numbers them.
inline bool is_act(int code) { return code >= 0 && code < kActs; }
inline Act act_of(int code) {
  if (!is_act(code)) value_error("activation", "must be a number from 0 to " + std::to_string(kActs - 1) + ", got " + std::to_string(code));
  return static_cast<Act>(code);
}

// A ValueError where a product in precision `code` cannot be taken with b, the argument `name`.
void check_packed(const PyPacked& b, const char* name, int code);

}  // namespace pyffnn::bindings
