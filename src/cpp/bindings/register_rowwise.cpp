// Activations, softmaxes and other functions of entries or rows.
#include "bindings/operands.h"
#include "bindings/register.h"
#include "ops/fingerprint.h"
#include "ops/rowwise.h"

namespace pyffnn::bindings {
namespace {

// f(x, y, entries) on arrays of one shape, of which y may be x.
template <class F>
py::array map_flat(py::handle x_in, py::handle out_in, F f) {
  const py::array given = as_floats(x_in, "x");
  const int num = dtype_num(given);
  py::array y = result(out_in, shape_of(given), num, {&given}, InPlace::allowed);
  const py::array x = contiguous(given);
  by_dtype(num, [&](auto t) {
    using T = decltype(t);
    const T* const from = in<T>(x);
    T* const to = out<T>(y);
    const Index count = x.size();
    released([=] { f(from, to, count); });
  });
  return y;
}

py::array activation(int code, py::handle x, py::handle o) {
  const Act act = act_of(code);
  return map_flat(x, o, [act](auto* p, auto* q, Index n) { ops::activation(act, p, q, n); });
}

// Two arrays of one shape -> one; the last axis is n.
template <class F>
py::array backward2(py::handle dy_in, py::handle y_in, py::handle out_in, F f) {
  py::array dy = as_floats(dy_in, "dy"), y = as_floats(y_in, "y");
  if (shape_of(dy) != shape_of(y)) value_error("dy", "and y must have the same shape, got " + shape_text(dy) + " and " + shape_text(y));
  const int num = wider({&dy, &y});
  py::array dx = result(out_in, shape_of(y), num, {&dy, &y});
  dy = contiguous(as_dtype(dy, num));
  y = contiguous(as_dtype(y, num));
  const Index n = y.ndim() > 0 ? y.shape(y.ndim() - 1) : 1, m = n > 0 ? y.size() / n : 0;
  by_dtype(num, [&](auto t) {
    using T = decltype(t);
    const T *const dy_p = in<T>(dy), *const y_p = in<T>(y);
    T* const to = out<T>(dx);
    released([=] { f(dy_p, y_p, to, m, n); });
  });
  return dx;
}

template <class F>
py::array map_rows(py::handle x_in, py::handle out_in, F f) {
  const py::array given = as_floats(x_in, "x");
  if (given.ndim() == 0) value_error("x", "must have at least 1 dimension, got a scalar");
  const Index n = given.shape(given.ndim() - 1), m = n > 0 ? given.size() / n : 0;
  return map_flat(given, out_in, [=](auto* p, auto* q, Index) { f(p, q, m, n); });
}

// Bytes in index order, so that two equal arrays of different strides have one fingerprint.
std::uint64_t fingerprint(const py::array& given) {
  const py::array a = contiguous(given);
  const void* const bytes = a.data();
  const Index count = a.nbytes();
  return released([=] { return ops::fingerprint(bytes, count); });
}

}  // namespace

void register_rowwise(py::module_& m) {
  m.def("activation", &activation);
  m.def("activation_backward", [](int code, py::handle dy, py::handle y, py::handle o) {
    const Act act = act_of(code);
    return backward2(dy, y, o,
                     [act](auto* d, auto* v, auto* dx, Index rows, Index n) { ops::activation_backward(act, d, v, dx, rows * n); });
  });
  m.def("exp", [](py::handle x, py::handle o) { return map_flat(x, o, [](auto* p, auto* q, Index n) { ops::exp(p, q, n); }); });
  m.def("log", [](py::handle x, py::handle o) { return map_flat(x, o, [](auto* p, auto* q, Index n) { ops::log(p, q, n); }); });
  m.def("softmax", [](py::handle x, py::handle o) {
    return map_rows(x, o, [](auto* p, auto* q, Index rows, Index n) { ops::softmax(p, q, rows, n); });
  });
  m.def("log_softmax", [](py::handle x, py::handle o) {
    return map_rows(x, o, [](auto* p, auto* q, Index rows, Index n) { ops::log_softmax(p, q, rows, n); });
  });
  m.def("softmax_backward", [](py::handle dy, py::handle y, py::handle o) {
    return backward2(dy, y, o, [](auto* d, auto* v, auto* dx, Index rows, Index n) { ops::softmax_backward(d, v, dx, rows, n); });
  });
  m.def("fingerprint", &fingerprint);
}

}  // namespace pyffnn::bindings
