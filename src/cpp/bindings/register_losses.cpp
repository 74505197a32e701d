// Losses with their gradients.
#include "bindings/ids.h"
#include "bindings/operands.h"
#include "bindings/register.h"
#include "ops/linear_xent/linear_xent.h"
#include "ops/losses.h"

namespace pyffnn::bindings {
namespace {

Ids class_ids(py::handle x, Index m, Index classes) {
  Ids targets(x, "targets", Ids::Width::int64);
  check_shape(targets.array(), {m}, "targets");
  targets.check_below(classes);
  return targets;
}

py::tuple cross_entropy(py::handle z_in, py::handle t_in, py::handle cw_in, py::handle sw_in) {
  py::array z = matrix(z_in, "logits");
  const int num = dtype_num(z);
  z = contiguous(z);
  const Index m = z.shape(0), n = z.shape(1);
  const Ids t = class_ids(t_in, m, n);
  const py::array cw = as_weights(cw_in, n, num, "class_weight"), sw = as_weights(sw_in, m, num, "sample_weight");
  py::array dz = new_array({m, n}, num);
  const double loss = by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T *const z_p = in<T>(z), *const cw_p = or_null<T>(cw, cw_in), *const sw_p = or_null<T>(sw, sw_in);
    const std::int64_t* const t_p = t.view().int64();
    T* const to = out<T>(dz);
    return released([=] { return ops::cross_entropy<T>(z_p, t_p, cw_p, sw_p, to, m, n); });
  });
  return py::make_tuple(loss, dz);
}

py::tuple binary_cross_entropy(py::handle z_in, py::handle t_in, py::handle sw_in) {
  py::array z = as_floats(z_in, "logits"), t = as_floats(t_in, "targets");
  const int num = dtype_num(z);
  if (shape_of(z) != shape_of(t)) value_error("targets", "must have the shape of logits " + shape_text(z) + ", got " + shape_text(t));
  z = contiguous(z);
  t = contiguous(as_dtype(t, num));
  const Index m = z.ndim() > 0 ? z.shape(0) : 1, n = m > 0 ? z.size() / m : 0;
  auto bad = [&](auto tag) {
    using T = decltype(tag);
    for (Index i = 0; i < t.size(); ++i)
      if (!(in<T>(t)[i] >= T(0) && in<T>(t)[i] <= T(1))) return i;
    return Index{-1};
  };
  if (const Index i = num == kFloat32 ? bad(float{}) : bad(double{}); i >= 0)
    value_error("targets", "must lie in [0, 1]; entry " + std::to_string(i) + " (flat) does not");
  const py::array sw = as_weights(sw_in, m, num, "sample_weight");
  py::array dz = new_array(shape_of(z), num);
  const double loss = by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T *const z_p = in<T>(z), *const t_p = in<T>(t), *const sw_p = or_null<T>(sw, sw_in);
    T* const to = out<T>(dz);
    return released([=] { return ops::binary_cross_entropy<T>(z_p, t_p, sw_p, to, m, n); });
  });
  return py::make_tuple(loss, dz);
}

py::tuple linear_cross_entropy(py::handle x_in, py::handle w_in, py::handle b_in, py::handle t_in, py::handle sw_in, int precision) {
  const Precision wanted = precision_of(precision);
  py::array x = matrix(x_in, "x"), w = matrix(w_in, "w"), b = b_in.is_none() ? py::array() : as_floats(b_in, "b");
  int num = b_in.is_none() ? wider({&x, &w}) : wider({&x, &w, &b});
  const Index m = x.shape(0), k = x.shape(1), n = w.shape(1);
  if (w.shape(0) != k) value_error("x", "and w do not fit: x has shape " + shape_text(x) + ", w has shape " + shape_text(w));
  x = contiguous(as_dtype(x, num));
  w = contiguous(as_dtype(w, num));
  if (!b_in.is_none()) {
    check_shape(b, {n}, "b");
    b = contiguous(as_dtype(b, num));
  }
  const Ids t = class_ids(t_in, m, n);
  const py::array sw = as_weights(sw_in, m, num, "sample_weight");
  py::array dx = new_array({m, k}, num), dw = new_array({k, n}, num), db = new_array({n}, num);
  const double loss = by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T *const x_p = in<T>(x), *const w_p = in<T>(w), *const b_p = or_null<T>(b, b_in), *const sw_p = or_null<T>(sw, sw_in);
    const std::int64_t* const t_p = t.view().int64();
    T *const dx_p = out<T>(dx), *const dw_p = out<T>(dw), *const db_p = out<T>(db);
    return released([=] { return ops::linear_xent<T>(m, n, k, x_p, w_p, b_p, t_p, sw_p, dx_p, dw_p, db_p, wanted); });
  });
  return py::make_tuple(loss, dx, dw, db);
}

Index linear_cross_entropy_bytes(Index m, Index n, Index k, int parts) {
  for (const Index size : {m, n, k})
    if (size < 0 || size > (Index{1} << 31)) value_error("m, n and k", "must be sizes of arrays, got " + shape_text({m, n, k}));
  return ops::linear_xent_bytes(m, n, k, parts);
}

}  // namespace

void register_losses(py::module_& m) {
  m.def("cross_entropy", &cross_entropy);
  m.def("binary_cross_entropy", &binary_cross_entropy);
  m.def("linear_cross_entropy", &linear_cross_entropy);
  m.def("linear_cross_entropy_bytes", &linear_cross_entropy_bytes, py::arg("m"), py::arg("n"), py::arg("k"), py::arg("parts"));
}

}  // namespace pyffnn::bindings
