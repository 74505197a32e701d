// The one place where Python objects become pointers: dtype, rank, contiguity, aliasing and writability are checked here by hand
// (array_t converts silently, so an output argument might not be written).
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bindings/gil.h"
#include "bindings/interchange.h"
#include "bindings/recycled.h"
#include "core/types.h"

namespace pyffnn::bindings {

namespace py = pybind11;

struct memory_error : std::bad_alloc {
  explicit memory_error(std::string text) : text_(std::move(text)) {}
  const char* what() const noexcept override { return text_.c_str(); }
  std::string text_;
};

inline std::string shape_text(const std::vector<Index>& shape) {
  std::string s = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) s += (i ? ", " : "") + std::to_string(shape[i]);
  return s + (shape.size() == 1 ? ",)" : ")");
}
inline std::vector<Index> shape_of(const py::array& a) { return {a.shape(), a.shape() + a.ndim()}; }
inline std::string shape_text(const py::array& a) { return shape_text(shape_of(a)); }

[[noreturn]] inline void value_error(const char* name, const std::string& text) { throw py::value_error(std::string(name) + " " + text); }

inline int dtype_num(const py::array& a) { return py::detail::array_descriptor_proxy(py::detail::array_proxy(a.ptr())->descr)->type_num; }
constexpr int kFloat32 = py::detail::npy_api::NPY_FLOAT_, kFloat64 = py::detail::npy_api::NPY_DOUBLE_;

inline bool is_native(const py::array& a) {
  const char order = a.dtype().byteorder();
  return order == '=' || order == '|' || order == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>');
}

// An array of our own over the memory of `a`: wherever Python runs for a moment, another thread may give `a` another shape.
inline py::array own_view(py::handle a) {
  const py::detail::npy_api& api = py::detail::npy_api::get();
  PyObject* const view = api.PyArray_View_(a.ptr(), nullptr, reinterpret_cast<PyObject*>(api.PyArray_Type_));
  if (view == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::array>(view);
}

// Any array-like to a NumPy array, without a copy where that is possible. Its shape is ours alone.
inline py::array as_array(py::handle x, const char* name) {
  if (py::isinstance<py::array>(x)) return own_view(x);
  if (x.is_none()) throw py::type_error(std::string(name) + " must be an array, got None");
  return own_view(foreign_array(x, name));
}

// float32 or float64, native byte order. Sequences of Python numbers become float64; integer arrays are a TypeError.
inline py::array as_floats(py::handle x, const char* name) {
  py::array a = as_array(x, name);
  int num = dtype_num(a);
  if (num != kFloat32 && num != kFloat64 && !py::isinstance<py::array>(x) &&
      (a.size() == 0 || std::string("iub").find(a.dtype().kind()) != std::string::npos) &&
      (PyList_Check(x.ptr()) || PyTuple_Check(x.ptr()) || PyLong_Check(x.ptr()))) {
    a = py::array(a.attr("astype")("float64"));
    num = kFloat64;
  }
  if (num != kFloat32 && num != kFloat64)
    throw py::type_error(std::string(name) + " must have dtype float32 or float64, got " + std::string(py::str(a.dtype())));
  if (!is_native(a)) a = py::array(a.attr("astype")(num == kFloat32 ? "float32" : "float64"));
  return a;
}

inline py::array as_dtype(const py::array& a, int num) {
  return dtype_num(a) == num ? a : py::array(a.attr("astype")(num == kFloat32 ? "float32" : "float64"));
}

inline bool aligned(const py::array& a) { return (a.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0; }

inline py::array contiguous(const py::array& a) {
  if ((a.flags() & py::array::c_style) && aligned(a)) return a;
  static const py::handle numpy = py::module_::import("numpy").release();
  return py::array(numpy.attr("array")(a, py::arg("order") = "C", py::arg("copy") = true));
}

// int32 or int64, native; other integers are widened; anything else is a TypeError. empty_may_differ: a sequence without entries has no
// integer type to go by.
inline py::array integers(py::array a, bool empty_may_differ, const char* name) {
  const char kind = a.dtype().kind();
  if (kind != 'i' && kind != 'u') {
    if (a.size() == 0 && empty_may_differ) return contiguous(py::array(a.attr("astype")("int64")));
    throw py::type_error(std::string(name) + " must have dtype int32 or int64, got " + std::string(py::str(a.dtype())));
  }
  if (kind == 'u' && a.itemsize() == 8) throw py::type_error(std::string(name) + " must have dtype int32 or int64, got uint64");
  if (kind == 'u' || (a.itemsize() != 4 && a.itemsize() != 8) || !is_native(a)) a = py::array(a.attr("astype")("int64"));
  return contiguous(a);
}
inline py::array as_ids(py::handle x, const char* name) { return integers(as_array(x, name), !py::isinstance<py::array>(x), name); }
inline py::array widened(const py::array& ids) { return ids.itemsize() == 8 ? ids : contiguous(py::array(ids.attr("astype")("int64"))); }
inline py::array as_int64(py::handle x, const char* name) { return widened(as_ids(x, name)); }

inline void check_rank(const py::array& a, Index rank, const char* name) {
  if (a.ndim() != rank) value_error(name, "must have " + std::to_string(rank) + " dimensions, got shape " + shape_text(a));
}
inline void check_shape(const py::array& a, const std::vector<Index>& shape, const char* name) {
  if (shape_of(a) != shape) value_error(name, "must have shape " + shape_text(shape) + ", got " + shape_text(a));
}

inline Index physical_memory() {
  static const Index bytes = static_cast<Index>(::sysconf(_SC_PHYS_PAGES)) * static_cast<Index>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

// A fresh array. More than the machine's memory is a MemoryError at once, not a killed process later.
inline py::array new_array(const std::vector<Index>& shape, int num) {
  double bytes = num == kFloat32 ? 4 : 8;
  for (const Index s : shape) {
    if (s < 0) throw py::value_error("a size must not be negative, got " + shape_text(shape));
    bytes *= static_cast<double>(s);
  }
  if (bytes > static_cast<double>(physical_memory())) throw memory_error("cannot allocate an array of shape " + shape_text(shape));
  const FromBlocks from(bytes);
  if (num == kFloat32) return py::array_t<float>(shape);
  return py::array_t<double>(shape);
}

struct Extent {
  const char *begin, *end;
};
inline Extent extent(const py::array& a) {
  const char* lo = static_cast<const char*>(a.data());
  const char* hi = lo;
  if (a.size() == 0) return {lo, lo};
  for (Index d = 0; d < a.ndim(); ++d) {
    const Index span = (a.shape(d) - 1) * a.strides(d);
    (span < 0 ? lo : hi) += span;
  }
  return {lo, hi + a.itemsize()};
}
inline bool overlap(const py::array& a, const py::array& b) {
  const Extent x = extent(a), y = extent(b);
  return x.begin < y.end && y.begin < x.end;
}

enum class InPlace { no, allowed };

// The result array: `out` as given when it fits exactly, else an error; a fresh one for None.
inline py::array result(py::handle out, const std::vector<Index>& shape, int num, std::initializer_list<const py::array*> inputs,
                        InPlace in_place = InPlace::no, const char* name = "out") {
  if (out.is_none()) return new_array(shape, num);
  if (!py::isinstance<py::array>(out))
    throw py::type_error(std::string(name) + " must be a NumPy array, got " + std::string(py::str(py::type::of(out))));
  py::array a = py::reinterpret_borrow<py::array>(out);
  if (dtype_num(a) != num || !is_native(a))
    throw py::type_error(std::string(name) + " must have dtype " + (num == kFloat32 ? "float32" : "float64") + ", got " +
                         std::string(py::str(a.dtype())));
  check_shape(a, shape, name);
  if (!(a.flags() & py::array::c_style) || !aligned(a)) value_error(name, "must be C-contiguous");
  if (!a.writeable()) value_error(name, "must be writable, got a read-only array");
  for (const py::array* in : inputs) {
    if (!overlap(a, *in)) continue;
    const bool same = a.data() == in->data() && shape_of(a) == shape_of(*in) && (in->flags() & py::array::c_style);
    if (!(in_place == InPlace::allowed && same && dtype_num(*in) == num)) value_error(name, "must not overlap an input");
  }
  return a;
}

template <class T>
const T* in(const py::array& a) {
  return static_cast<const T*>(a.data());
}
template <class T>
T* out(py::array& a) {
  return static_cast<T*>(a.mutable_data());
}

// f(T{}) with T = float or double by dtype.
template <class F>
auto by_dtype(int num, F&& f) {
  if (num == kFloat32) return f(float{});
  return f(double{});
}

inline int wider(std::initializer_list<const py::array*> arrays) {
  for (const py::array* a : arrays)
    if (dtype_num(*a) == kFloat64) return kFloat64;
  return kFloat32;
}

// A matrix argument that a product can read as it is: one of its strides is one element and the other no overlap; else copied.
inline py::array as_matrix(const py::array& a) {
  const Index item = a.itemsize(), r = a.strides(0), c = a.strides(1);
  const bool fits =
      aligned(a) && r >= 0 && c >= 0 && r % item == 0 && c % item == 0 &&
      ((c == item && (a.shape(0) <= 1 || r >= a.shape(1) * item)) || (r == item && (a.shape(1) <= 1 || c >= a.shape(0) * item)));
  return fits ? a : contiguous(a);
}

// Two dimensions of floats.
inline py::array matrix(py::handle x, const char* name) {
  py::array a = as_floats(x, name);
  check_rank(a, 2, name);
  return a;
}

// The power of two that brings weights [begin, end) to at most 1 where they are so large or small that products and sums of them would
// leave the range of the dtype `num`; else 0. Only ratios of weights matter.
template <class T>
int far_exponent(const T* w, Index begin, Index end, int num) {
  const int limit = num == kFloat32 ? 40 : 300;
  int exponent = 0;
  const T most = begin < end ? *std::max_element(w + begin, w + end) : T(0);
  if (most > T(0)) std::frexp(most, &exponent);
  return exponent > limit || exponent < -limit ? -exponent : 0;
}
// An optional vector of n non-negative finite weights, in the common dtype. Those [bounds[p], bounds[p + 1]) have a mean of their own.
inline py::array as_weights(py::handle x, Index n, int num, const char* name, const Index* bounds, Index parts) {
  if (x.is_none()) return py::array();
  py::array w = as_floats(x, name);
  check_shape(w, {n}, name);
  w = contiguous(w);
  by_dtype(dtype_num(w), [&](auto t) {
    using T = decltype(t);
    for (Index i = 0; i < n; ++i)
      if (!(in<T>(w)[i] >= T(0)) || in<T>(w)[i] - in<T>(w)[i] != T(0)) value_error(name, "must be finite and not negative");
    T* scaled = nullptr;
    for (Index p = 0; p < parts; ++p) {
      const int exponent = far_exponent(in<T>(w), bounds[p], bounds[p + 1], num);
      if (exponent == 0) continue;
      if (scaled == nullptr) {
        w = py::array(w.attr("copy")());
        scaled = static_cast<T*>(w.mutable_data());
      }
      for (Index i = bounds[p]; i < bounds[p + 1]; ++i) scaled[i] = std::ldexp(scaled[i], exponent);
    }
  });
  return contiguous(as_dtype(w, num));
}
inline py::array as_weights(py::handle x, Index n, int num, const char* name) {
  const Index bounds[] = {0, n};
  return as_weights(x, n, num, name, bounds, 1);
}
template <class T>
const T* or_null(const py::array& a, py::handle given) {
  return given.is_none() ? nullptr : in<T>(a);
}

}  // namespace pyffnn::bindings
