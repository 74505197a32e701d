// Operations that are often called for very little work: a product of 16 x 16, the activation of a hundred numbers. Each has a plain C
// entry point that takes the ordinary case at once: exact NumPy arrays of one native dtype, laid out as the kernels read them, `out` None
// or fitting. Whatever else comes, errors included, goes to the general function of its register_*.cpp, which the entry point carries as
// its `self`; so there is one contract, and both ways give the same bits.
#include <pybind11/detail/exception_translation.h>

#include "bindings/operands.h"
#include "bindings/register.h"
#include "ops/products/dense.h"
#include "ops/rowwise.h"

namespace pyffnn::bindings {
namespace {

using Array = py::detail::PyArray_Proxy;
using NumPy = py::detail::npy_api;

// Work (flops, or elements weighted by their cost) of about 2 us: for less, handing the GIL over and taking it back is not worth it.
constexpr double kWorthReleasing = 1e5;

// NumPy's side, looked up when the module is made: a look-up at the first call might give way to another thread that forks. The native
// descriptors are singletons, so one comparison tells dtype and byte order.
struct Found {
  PyTypeObject* array = nullptr;
  PyTypeObject* packed = nullptr;
  PyObject* descr[2] = {nullptr, nullptr};  // float32, float64
  decltype(NumPy::PyArray_NewFromDescr_) make = nullptr;
};
Found found;

template <class T>
PyObject* descr() {
  return found.descr[std::is_same_v<T, double>];
}

// The array behind `o` if it is an aligned ndarray of T, no subclass, not empty; else null.
template <class T>
const Array* plain(PyObject* o) {
  if (Py_TYPE(o) != found.array) return nullptr;
  const Array* a = py::detail::array_proxy(o);
  if (a->descr != descr<T>() || (a->flags & NumPy::NPY_ARRAY_ALIGNED_) == 0) return nullptr;
  for (int d = 0; d < a->nd; ++d)
    if (a->dimensions[d] == 0) return nullptr;
  return a;
}

bool is_contiguous(const Array* a) { return (a->flags & NumPy::NPY_ARRAY_C_CONTIGUOUS_) != 0; }

Index count(const Array* a) {
  Index n = 1;
  for (int d = 0; d < a->nd; ++d) n *= a->dimensions[d];
  return n;
}

// A matrix whose rows or columns run along memory without overlap.
template <class T>
struct Matrix {
  ops::ConstMat<T> mat{};
  Index rows = 0, cols = 0;

  bool read(PyObject* o, bool transpose = false) {
    const Array* a = plain<T>(o);
    if (a == nullptr || a->nd != 2) return false;
    constexpr Index item = sizeof(T);
    const Index r = a->strides[0], c = a->strides[1];
    rows = a->dimensions[0];
    cols = a->dimensions[1];
    mat.p = reinterpret_cast<const T*>(a->data);
    if (c == item && (rows == 1 || (r >= cols * item && r % item == 0))) {
      mat.rs = rows == 1 ? cols : r / item;
      mat.cs = 1;
    } else if (r == item && (cols == 1 || (c >= rows * item && c % item == 0))) {
      mat.rs = 1;
      mat.cs = cols == 1 ? rows : c / item;
    } else {
      return false;
    }
    if (transpose) {
      std::swap(rows, cols);
      std::swap(mat.rs, mat.cs);
    }
    return true;
  }
  Extent extent() const {
    const T* end = mat.p + (rows - 1) * mat.rs + (cols - 1) * mat.cs + 1;
    return {reinterpret_cast<const char*>(mat.p), reinterpret_cast<const char*>(end)};
  }
};

template <class T>
Extent extent_of(const T* p, Index n) {
  return {reinterpret_cast<const char*>(p), reinterpret_cast<const char*>(p + n)};
}

// The result's array: a fresh one for None, `out` where it fits and shares no memory with `inputs`; else null, without an error.
template <class T>
struct Result {
  py::object owner;
  T* data = nullptr;

  bool take(PyObject* out, int nd, const Py_ssize_t* shape, std::initializer_list<Extent> inputs) {
    if (out == Py_None) return make(nd, shape);
    const Array* a = plain<T>(out);
    if (a == nullptr || !is_contiguous(a) || (a->flags & NumPy::NPY_ARRAY_WRITEABLE_) == 0 || a->nd != nd) return false;
    for (int d = 0; d < nd; ++d)
      if (a->dimensions[d] != shape[d]) return false;
    const Extent mine = extent_of(reinterpret_cast<const T*>(a->data), count(a));
    for (const Extent& in : inputs)
      if (mine.begin < in.end && in.begin < mine.end) return false;
    return keep(out);
  }
  bool make(int nd, const Py_ssize_t* shape) {
    double bytes = sizeof(T);
    for (int d = 0; d < nd; ++d) bytes *= static_cast<double>(shape[d]);
    if (bytes > static_cast<double>(physical_memory())) return false;
    const FromBlocks from(bytes);
    Py_INCREF(descr<T>());
    owner = py::reinterpret_steal<py::object>(found.make(found.array, descr<T>(), nd, shape, nullptr, nullptr, 0, nullptr));
    if (!owner) throw py::error_already_set();
    data = reinterpret_cast<T*>(py::detail::array_proxy(owner.ptr())->data);
    return true;
  }
  bool keep(PyObject* out) {
    owner = py::reinterpret_borrow<py::object>(out);
    data = reinterpret_cast<T*>(py::detail::array_proxy(out)->data);
    return true;
  }
};

// The number of an activation or a precision; -1, which is none, for anything but a small Python int.
int code_of(PyObject* o) {
  if (!PyLong_CheckExact(o)) return -1;
  int overflow = 0;
  const long v = PyLong_AsLongAndOverflow(o, &overflow);
  return v >= 0 && v < 16 ? static_cast<int>(v) : -1;
}
bool is_bool(PyObject* o) { return o == Py_True || o == Py_False; }

template <class T>
void product(const Matrix<T>& a, const Matrix<T>& b, T* c, const ops::Fuse<T>& fuse, Precision precision) {
  const auto take = [&] { ops::gemm<T>(a.rows, b.cols, a.cols, a.mat, b.mat, c, b.cols, fuse, false, precision); };
  if (2.0 * static_cast<double>(a.rows) * static_cast<double>(a.cols) * static_cast<double>(b.cols) <= kWorthReleasing) return take();
  const ReleaseGil release;
  take();
}
template <class T>
void product(const Matrix<T>& a, const ops::PackedMatrix<T>& b, T* c, const ops::Fuse<T>& fuse) {
  const ReleaseGil release(2.0 * static_cast<double>(a.rows) * static_cast<double>(a.cols) * static_cast<double>(b.n()) > kWorthReleasing);
  ops::gemm<T>(a.rows, a.mat, b, c, b.n(), fuse);
}

// The packed matrix behind `o` where nothing speaks against it; else null.
template <class T>
const ops::PackedMatrix<T>* packed_operand(PyObject* o, PyObject* precision) {
  if (Py_TYPE(o) != found.packed || code_of(precision) != kUnsaid) return nullptr;
  const PyPacked* const p = as_packed(o);
  return p->usable() ? p->of<T>() : nullptr;
}

// Each attempt gives a new reference, or null without an error where the case is not its own.

// (a, b, transpose_a, transpose_b, out, precision)
struct Matmul {
  static constexpr Py_ssize_t kArgs = 6, kFirst = 0;
  template <class T>
  static PyObject* attempt(PyObject* const* args) {
    Matrix<T> a, b;
    const int precision = code_of(args[5]);
    if (!is_precision(precision) || !is_bool(args[2]) || !is_bool(args[3])) return nullptr;
    if (!a.read(args[0], args[2] == Py_True)) return nullptr;
    if (const ops::PackedMatrix<T>* const packed = packed_operand<T>(args[1], args[5])) {
      Result<T> c;
      const Py_ssize_t shape[] = {a.rows, packed->n()};
      if (args[3] == Py_True || a.cols != packed->k() || packed->n() == 0 || !c.take(args[4], 2, shape, {a.extent()})) return nullptr;
      product(a, *packed, c.data, {});
      return c.owner.release().ptr();
    }
    if (!b.read(args[1], args[3] == Py_True) || a.cols != b.rows) return nullptr;
    Result<T> c;
    const Py_ssize_t shape[] = {a.rows, b.cols};
    if (!c.take(args[4], 2, shape, {a.extent(), b.extent()})) return nullptr;
    product(a, b, c.data, {}, known_precision(precision));
    return c.owner.release().ptr();
  }
};

// (x, w, b, activation, out, precision)
struct Linear {
  static constexpr Py_ssize_t kArgs = 6, kFirst = 0;
  template <class T>
  static PyObject* attempt(PyObject* const* args) {
    Matrix<T> x, w;
    const int act = code_of(args[3]), precision = code_of(args[5]);
    if (!is_act(act) || !is_precision(precision) || !x.read(args[0])) return nullptr;
    const ops::PackedMatrix<T>* const packed = packed_operand<T>(args[1], args[5]);
    if (packed == nullptr && !w.read(args[1])) return nullptr;
    const Index k = packed != nullptr ? packed->k() : w.rows, n = packed != nullptr ? packed->n() : w.cols;
    if (x.cols != k || n == 0) return nullptr;
    const T* bias = nullptr;
    if (args[2] != Py_None) {
      const Array* b = plain<T>(args[2]);
      if (b == nullptr || b->nd != 1 || b->dimensions[0] != n || !is_contiguous(b)) return nullptr;
      bias = reinterpret_cast<const T*>(b->data);
    }
    Result<T> y;
    const Py_ssize_t shape[] = {x.rows, n};
    const Extent w_extent = packed != nullptr ? Extent{nullptr, nullptr} : w.extent();
    if (!y.take(args[4], 2, shape, {x.extent(), w_extent, extent_of(bias, bias == nullptr ? 0 : n)})) return nullptr;
    const auto fuse = ops::Fuse<T>::linear(bias, static_cast<Act>(act));
    if (packed != nullptr)
      product(x, *packed, y.data, fuse);
    else
      product(x, w, y.data, fuse, known_precision(precision));
    return y.owner.release().ptr();
  }
};

// f(x, y, rows, columns) on contiguous arrays of one shape, of which y may be x.
template <class T, class F>
PyObject* map(PyObject* x_in, PyObject* out, double cost, F f) {
  const Array* x = plain<T>(x_in);
  if (x == nullptr || x->nd == 0 || !is_contiguous(x)) return nullptr;
  const Index n = count(x), cols = x->dimensions[x->nd - 1];
  const T* const data = reinterpret_cast<const T*>(x->data);
  Result<T> y;
  if (out == x_in && (x->flags & NumPy::NPY_ARRAY_WRITEABLE_) != 0) {
    y.keep(out);
  } else if (!y.take(out, x->nd, x->dimensions, {extent_of(data, n)})) {
    return nullptr;
  }
  const ReleaseGil release(cost * static_cast<double>(n) > kWorthReleasing);
  f(data, y.data, n / cols, cols);
  return y.owner.release().ptr();
}

// (activation, x, out)
struct Activation {
  static constexpr Py_ssize_t kArgs = 3, kFirst = 1;
  template <class T>
  static PyObject* attempt(PyObject* const* args) {
    const int act = code_of(args[0]);
    if (!is_act(act)) return nullptr;
    return map<T>(args[1], args[2], act == static_cast<int>(Act::relu) ? 2 : 20,
                  [act](const T* x, T* y, Index m, Index n) { ops::activation<T>(static_cast<Act>(act), x, y, m * n); });
  }
};

// (x, out)
struct Softmax {
  static constexpr Py_ssize_t kArgs = 2, kFirst = 0;
  template <class T>
  static PyObject* attempt(PyObject* const* args) {
    return map<T>(args[0], args[1], 20, [](const T* x, T* y, Index m, Index n) { ops::softmax<T>(x, y, m, n); });
  }
};
struct LogSoftmax {
  static constexpr Py_ssize_t kArgs = 2, kFirst = 0;
  template <class T>
  static PyObject* attempt(PyObject* const* args) {
    return map<T>(args[0], args[1], 20, [](const T* x, T* y, Index m, Index n) { ops::log_softmax<T>(x, y, m, n); });
  }
};

template <class Op>
PyObject* entry(PyObject* general, PyObject* const* args, Py_ssize_t nargs) {
  if (nargs == Op::kArgs && Py_TYPE(args[Op::kFirst]) == found.array) {
    try {
      PyObject* const type = py::detail::array_proxy(args[Op::kFirst])->descr;
      PyObject* y = nullptr;
      if (type == descr<float>())
        y = Op::template attempt<float>(args);
      else if (type == descr<double>())
        y = Op::template attempt<double>(args);
      if (y != nullptr) return y;
    } catch (...) {
      py::detail::try_translate_exceptions();
      return nullptr;
    }
  }
  return PyObject_Vectorcall(general, args, static_cast<std::size_t>(nargs), nullptr);
}

// Puts the entry point in the place of the general function `name`.
template <class Op>
void shorten(py::module_& m, const char* name) {
  static PyMethodDef method{name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&entry<Op>)), METH_FASTCALL, nullptr};
  const py::object general = m.attr(name), module = m.attr("__name__");
  PyObject* const call = PyCFunction_NewEx(&method, general.ptr(), module.ptr());
  if (call == nullptr) throw py::error_already_set();
  m.attr(name) = py::reinterpret_steal<py::object>(call);
}

}  // namespace

void register_hot_calls(py::module_& m) {
  const NumPy& api = NumPy::get();
  found = {api.PyArray_Type_,
           reinterpret_cast<PyTypeObject*>(py::type::of<PyPacked>().ptr()),
           {api.PyArray_DescrFromType_(kFloat32), api.PyArray_DescrFromType_(kFloat64)},
           api.PyArray_NewFromDescr_};
  shorten<Matmul>(m, "matmul");
  shorten<Linear>(m, "linear");
  shorten<Activation>(m, "activation");
  shorten<Softmax>(m, "softmax");
  shorten<LogSoftmax>(m, "log_softmax");
}

}  // namespace pyffnn::bindings
