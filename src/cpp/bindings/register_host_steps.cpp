// What networks of other libraries (Thinc) need beside the products: their activations, layer normalisation, an Adam step, clipping.
#include <cstring>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "ops/flat_step.h"
#include "ops/rowwise.h"

namespace pyffnn::bindings {
namespace {

constexpr int kGeluTanh = kCurves;  // one more, which has a kernel of its own

int curve_of(int code) {
  if (code < 0 || code > kGeluTanh)
    value_error("curve", "must be a number from 0 to " + std::to_string(kGeluTanh) + ", got " + std::to_string(code));
  return code;
}
template <class T>
CurveArgs<T> curve_args(int kind, double slope, double offset, double low, double high) {
  return {static_cast<Curve>(kind), static_cast<T>(slope), static_cast<T>(offset), static_cast<T>(low), static_cast<T>(high)};
}

py::array curve(int code, double slope, double offset, double low, double high, py::handle x_in, py::handle out_in) {
  const int kind = curve_of(code);
  const py::array given = as_floats(x_in, "x");
  py::array y = result(out_in, shape_of(given), dtype_num(given), {&given}, InPlace::allowed);
  const py::array x = contiguous(given);
  by_dtype(dtype_num(given), [&](auto tag) {
    using T = decltype(tag);
    const auto f = curve_args<T>(kind == kGeluTanh ? 0 : kind, slope, offset, low, high);
    const T* const from = in<T>(x);
    T* const to = out<T>(y);
    const Index n = x.size();
    released([=] {
      if (kind == kGeluTanh)
        ops::gelu_tanh<T>(from, to, n);
      else
        ops::curve<T>(f, from, to, n);
    });
  });
  return y;
}

py::array curve_backward(int code, double slope, double offset, double low, double high, py::handle dy_in, py::handle x_in,
                         py::handle out_in) {
  const int kind = curve_of(code);
  const py::array dy_given = as_floats(dy_in, "dy"), x_given = as_floats(x_in, "x");
  check_shape(dy_given, shape_of(x_given), "dy");
  const int num = wider({&dy_given, &x_given});
  py::array dx = result(out_in, shape_of(x_given), num, {&dy_given, &x_given}, InPlace::allowed);
  const py::array dy = contiguous(as_dtype(dy_given, num)), x = contiguous(as_dtype(x_given, num));
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const auto f = curve_args<T>(kind == kGeluTanh ? 0 : kind, slope, offset, low, high);
    const T *const d = in<T>(dy), *const from = in<T>(x);
    T* const to = out<T>(dx);
    const Index n = x.size();
    released([=] {
      if (kind == kGeluTanh)
        ops::gelu_tanh_backward<T>(d, from, to, n);
      else
        ops::curve_backward<T>(f, d, from, to, n);
    });
  });
  return dx;
}

py::array vector_of(py::handle v_in, Index n, int num, const char* name) {
  py::array v = as_floats(v_in, name);
  check_shape(v, {n}, name);
  return contiguous(as_dtype(v, num));
}

py::tuple layer_norm(py::handle x_in, py::handle gamma_in, py::handle beta_in, double eps) {
  const py::array x = contiguous(matrix(x_in, "x"));
  const int num = dtype_num(x);
  const Index m = x.shape(0), n = x.shape(1);
  const py::array gamma = vector_of(gamma_in, n, num, "gamma"), beta = vector_of(beta_in, n, num, "beta");
  py::array y = new_array({m, n}, num), mean = new_array({m}, num), rstd = new_array({m}, num);
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T *const from = in<T>(x), *const g = in<T>(gamma), *const b = in<T>(beta);
    T *const to = out<T>(y), *const mu = out<T>(mean), *const r = out<T>(rstd);
    const T e = static_cast<T>(eps);
    released([=] { ops::layer_norm<T>(from, g, b, e, to, mu, r, m, n); });
  });
  return py::make_tuple(y, mean, rstd);
}

py::tuple layer_norm_backward(py::handle dy_in, py::handle x_in, py::handle gamma_in, py::handle mean_in, py::handle rstd_in) {
  const py::array x = contiguous(matrix(x_in, "x"));
  const int num = dtype_num(x);
  const Index m = x.shape(0), n = x.shape(1);
  const py::array dy = contiguous(as_dtype(matrix(dy_in, "dy"), num));
  check_shape(dy, {m, n}, "dy");
  const py::array gamma = vector_of(gamma_in, n, num, "gamma");
  const py::array mean = vector_of(mean_in, m, num, "mean"), rstd = vector_of(rstd_in, m, num, "rstd");
  py::array dx = new_array({m, n}, num), dgamma = new_array({n}, num), dbeta = new_array({n}, num);
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T *const d = in<T>(dy), *const from = in<T>(x), *const g = in<T>(gamma), *const mu = in<T>(mean), *const r = in<T>(rstd);
    T *const to = out<T>(dx), *const dg = out<T>(dgamma), *const db = out<T>(dbeta);
    released([=] { ops::layer_norm_backward<T>(d, from, g, mu, r, to, dg, db, m, n); });
  });
  return py::make_tuple(dx, dgamma, dbeta);
}

// An array that is changed where it lies.
py::array changed(py::handle x, const char* name) {
  if (!py::isinstance<py::array>(x))
    throw py::type_error(std::string(name) + " must be a NumPy array, got " + std::string(py::str(py::type::of(x))));
  py::array a = own_view(x);
  const int num = dtype_num(a);
  if ((num != kFloat32 && num != kFloat64) || !is_native(a))
    throw py::type_error(std::string(name) + " must have dtype float32 or float64, got " + std::string(py::str(a.dtype())));
  if (!(a.flags() & py::array::c_style) || !aligned(a)) value_error(name, "must be C-contiguous");
  if (!a.writeable()) value_error(name, "must be writable, got a read-only array");
  return a;
}

// Adam with the corrections in `rate` (Kingma & Ba 2015, end of section 2); the gradient is set to 0.
void adam_step(py::handle w_in, py::handle g_in, py::handle m1_in, py::handle m2_in, double beta1, double beta2, double eps, double rate) {
  py::array w = changed(w_in, "weights"), g = changed(g_in, "gradient"), m1 = changed(m1_in, "mom1"), m2 = changed(m2_in, "mom2");
  const std::pair<const py::array*, const char*> others[] = {{&g, "gradient"}, {&m1, "mom1"}, {&m2, "mom2"}};
  for (const auto& [a, name] : others) {
    check_shape(*a, shape_of(w), name);
    if (dtype_num(*a) != dtype_num(w)) throw py::type_error(std::string(name) + " must have the dtype of weights");
  }
  const py::array* const all[] = {&w, &g, &m1, &m2};
  for (int i = 0; i < 4; ++i)
    for (int j = 0; j < i; ++j)
      if (overlap(*all[i], *all[j])) value_error("weights", "gradient, mom1 and mom2 must not overlap");
  by_dtype(dtype_num(w), [&](auto tag) {
    using T = decltype(tag);
    const T r = static_cast<T>(rate);
    const OptimStep<T> opt{Optim::adam, r, static_cast<T>(beta1), static_cast<T>(beta2), static_cast<T>(eps), r, T(1), T(1), T(0), T(0)};
    T *const wp = out<T>(w), *const gp = out<T>(g), *const a = out<T>(m1), *const b = out<T>(m2);
    const Index n = w.size();
    released([=] {
      ops::flat_step<T>(opt, gp, wp, a, b, n);
      std::memset(gp, 0, static_cast<std::size_t>(n) * sizeof(T));
    });
  });
}

void clip_norm(py::handle x_in, double limit) {
  py::array x = changed(x_in, "x");
  by_dtype(dtype_num(x), [&](auto tag) {
    using T = decltype(tag);
    T* const p = out<T>(x);
    const Index n = x.size();
    released([=] { ops::clip_norm<T>(p, n, limit); });
  });
}

}  // namespace

void register_host_steps(py::module_& m) {
  m.def("curve", &curve);
  m.def("curve_backward", &curve_backward);
  m.def("layer_norm", &layer_norm);
  m.def("layer_norm_backward", &layer_norm_backward);
  m.def("adam_step", &adam_step);
  m.def("clip_norm", &clip_norm);
}

}  // namespace pyffnn::bindings
