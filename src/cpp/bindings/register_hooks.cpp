// Kernels that no operation of `ops` exposes alone, for tests; nothing without PYFFNN_HOOKS, where pybind11 need not even be read.
#if defined(PYFFNN_HOOKS)
#include "bindings/arrays.h"
#include "bindings/register.h"
#include "core/dispatch.h"

namespace pyffnn::bindings {
namespace {

// Written in place, so it must be exactly what the kernel works on.
py::array state(py::handle x, const std::vector<Index>& shape, int num, const char* name) {
  return result(x, shape, num, {}, InPlace::allowed, name);
}

template <class T>
OptimStep<T> step_of(int kind, const py::dict& settings) {
  if (kind < 0 || kind >= kOptims)
    value_error("kind", "must be a number from 0 to " + std::to_string(kOptims - 1) + ", got " + std::to_string(kind));
  auto number = [&](const char* key) { return settings[key].cast<T>(); };
  OptimStep<T> o{};
  o.kind = static_cast<Optim>(kind);
  o.lr = number("lr");
  o.beta1 = number("beta1");
  o.beta2 = number("beta2");
  o.eps = number("eps");
  o.lr_over_c1 = number("lr_over_c1");
  o.rsqrt_c2 = number("rsqrt_c2");
  o.scale = number("scale");
  o.l2 = number("l2");
  o.decay = number("decay");
  return o;
}

void optim_step(int kind, const py::array& g_in, py::handle w_in, py::handle s1_in, py::handle s2_in, const py::dict& settings) {
  const py::array g = contiguous(as_floats(g_in, "g"));
  const int num = dtype_num(g);
  py::array w = state(w_in, shape_of(g), num, "w"), s1 = state(s1_in, shape_of(g), num, "s1"), s2 = state(s2_in, shape_of(g), num, "s2");
  auto run = [&](auto t) {
    using T = decltype(t);
    const OptimStep<T> o = step_of<T>(kind, settings);
    dispatch::kernels<T>().optim_step(o, in<T>(g), out<T>(w), out<T>(s1), out<T>(s2), g.size());
  };
  num == kFloat32 ? run(float{}) : run(double{});
}

void adagrad_row(const py::array& g_in, py::handle w_in, py::handle s_in, const py::dict& settings) {
  const py::array g = contiguous(as_floats(g_in, "g"));
  const int num = dtype_num(g);
  py::array w = state(w_in, shape_of(g), num, "w"), s = state(s_in, {1}, num, "s");
  auto run = [&](auto t) {
    using T = decltype(t);
    const OptimStep<T> o = step_of<T>(static_cast<int>(Optim::adagrad), settings);
    dispatch::kernels<T>().adagrad_row(o, in<T>(g), out<T>(w), out<T>(s), g.size());
  };
  num == kFloat32 ? run(float{}) : run(double{});
}

py::array dropout(const py::array& x_in, double rate, std::uint64_t key, std::uint64_t counter0) {
  if (!(rate >= 0 && rate <= 1)) value_error("rate", "must lie in [0, 1], got " + std::to_string(rate));
  const py::array x = contiguous(as_floats(x_in, "x"));
  py::array y = new_array(shape_of(x), dtype_num(x));
  by_dtype(dtype_num(x), [&](auto t) {
    using T = decltype(t);
    const T* const from = in<T>(x);
    T* const to = out<T>(y);
    const Index count = x.size();
    released([=] { dispatch::kernels<T>().dropout(from, to, count, static_cast<T>(rate), key, counter0); });
  });
  return y;
}

py::array uniform(Index n, double scale, std::uint64_t key, std::uint64_t counter0, bool f64) {
  py::array y = new_array({n}, f64 ? kFloat64 : kFloat32);
  by_dtype(dtype_num(y), [&](auto t) {
    using T = decltype(t);
    T* const to = out<T>(y);
    released([=] { dispatch::kernels<T>().uniform(to, n, static_cast<T>(scale), key, counter0); });
  });
  return y;
}

}  // namespace

void register_hooks(py::module_& m) {
  m.def("kernel_optim_step", &optim_step);
  m.def("kernel_adagrad_row", &adagrad_row);
  m.def("kernel_dropout", &dropout);
  m.def("kernel_uniform", &uniform);
}

}  // namespace pyffnn::bindings
#else
namespace pybind11 {
class module_;
}

namespace pyffnn::bindings {

void register_hooks(pybind11::module_&) {}

}  // namespace pyffnn::bindings
#endif
