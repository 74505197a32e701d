// Matrix products, layers, and right operands packed for many of them.
#include "bindings/operands.h"
#include "bindings/register.h"
#include "bindings/scalars.h"
#include "core/dispatch.h"
#include "ops/products/dense.h"
#include "ops/rowwise.h"

namespace pyffnn::bindings {
namespace {

constexpr const char* kPrecisions[] = {"float32", "bfloat16x6", "bfloat16x3", "bfloat16", "auto"};
const char* dtype_text(const PyPacked& p) { return p.num() == kFloat32 ? "float32" : "float64"; }
const char* precision_text(const PyPacked& p) { return kPrecisions[static_cast<int>(p.precision())]; }

constexpr char kTranspose[] = "transpose", kTransposeA[] = "transpose_a", kTransposeB[] = "transpose_b", kNeedDx[] = "need_dx";

std::unique_ptr<PyPacked> pack(py::handle w_in, Flag<kTranspose> transposed, int precision) {
  const bool transpose = transposed.value;
  py::array w = as_floats(w_in, "w");
  check_rank(w, 2, "w");
  w = as_matrix(w);
  const Index k = w.shape(transpose ? 1 : 0), n = w.shape(transpose ? 0 : 1);
  const Precision chosen = precision_of(precision);
  auto packed = std::make_unique<PyPacked>();
  by_dtype(dtype_num(w), [&](auto t) {
    using T = decltype(t);
    const ops::ConstMat<T> from = operand<T>(w, transpose);
    auto* const slot = &packed->slot<T>();
    released([=] { *slot = std::make_unique<const ops::PackedMatrix<T>>(k, n, from, chosen); });
  });
  return packed;
}

}  // namespace

void check_packed(const PyPacked& b, const char* name, int code) {
  const Precision wanted = precision_of(code);
  if (!b.usable())
    value_error(name, "was packed in " + std::string(precision_text(b)) + " on ISA '" + b.isa() + "', and ISA '" + dispatch::active().isa +
                          "' has no tiles: pack it again");
  // Without tiles every precision is float32; float64 takes no notice of it.
  if (code == kUnsaid || b.num() == kFloat64 || !dispatch::active().has_tiles() || wanted == b.precision()) return;
  value_error("precision", "must be left out or that of the packed " + std::string(name) + ", '" + precision_text(b) + "', got '" +
                               kPrecisions[code] + "'");
}

namespace {

// act(a b + bias), a transposed with ta; the names are those of the arguments.
py::array packed_product(py::handle a_in, const char* a_name, bool ta, const PyPacked& b, const char* b_name, py::handle bias_in, Act act,
                         py::handle out_in, int precision) {
  check_packed(b, b_name, precision);
  const auto fit = [&](const py::array& x, const char* name) {
    if (b.num() == kFloat32 && dtype_num(x) == kFloat64)
      throw py::type_error(std::string(name) + " must have dtype float32 beside a packed " + b_name + " of float32, got float64");
    return as_dtype(x, b.num());
  };
  const py::array a = as_matrix(fit(matrix(a_in, a_name), a_name));
  const Index m = a.shape(ta ? 1 : 0), k = a.shape(ta ? 0 : 1), n = b.n();
  if (k != b.k())
    value_error(a_name, "and " + std::string(b_name) + " do not fit: " + a_name + (ta ? "^T" : "") + " has shape " + shape_text({m, k}) +
                            ", " + b_name + " has shape " + shape_text({b.k(), n}));
  py::array bias;
  const bool has_bias = !bias_in.is_none();
  if (has_bias) {
    bias = contiguous(fit(as_floats(bias_in, "b"), "b"));
    check_shape(bias, {n}, "b");
  }
  py::array c = has_bias ? result(out_in, {m, n}, b.num(), {&a, &bias}) : result(out_in, {m, n}, b.num(), {&a});
  by_dtype(b.num(), [&](auto t) {
    using T = decltype(t);
    const ops::ConstMat<T> left = operand<T>(a, ta);
    const ops::PackedMatrix<T>* const right = b.of<T>();
    const auto fuse = ops::Fuse<T>::linear(has_bias ? in<T>(bias) : nullptr, act);
    T* const to = out<T>(c);
    released([=] { ops::gemm<T>(m, left, *right, to, n, fuse); });
  });
  return c;
}

py::array matmul(py::handle a_in, py::handle b_in, Flag<kTransposeA> transpose_a, Flag<kTransposeB> transpose_b, py::handle out_in,
                 int precision) {
  const bool ta = transpose_a.value, tb = transpose_b.value;
  if (const PyPacked* packed = as_packed(b_in)) {
    if (tb) value_error("transpose_b", "must be False with a packed b, got True: pack(b, transpose=True) packs the transpose");
    return packed_product(a_in, "a", ta, *packed, "b", py::none(), Act::identity, out_in, precision);
  }
  const Precision wanted = precision_of(precision);
  py::array a = matrix(a_in, "a"), b = matrix(b_in, "b");
  const int num = wider({&a, &b});
  a = as_matrix(as_dtype(a, num));
  b = as_matrix(as_dtype(b, num));
  const Index m = a.shape(ta ? 1 : 0), k = a.shape(ta ? 0 : 1), kb = b.shape(tb ? 1 : 0), n = b.shape(tb ? 0 : 1);
  if (k != kb)
    value_error("a", "and b do not fit: a" + std::string(ta ? "^T" : "") + " has shape " + shape_text({m, k}) + ", b" + (tb ? "^T" : "") +
                         " has shape " + shape_text({kb, n}));
  py::array c = result(out_in, {m, n}, num, {&a, &b});
  by_dtype(num, [&](auto t) {
    using T = decltype(t);
    const ops::ConstMat<T> left = operand<T>(a, ta), right = operand<T>(b, tb);
    T* const to = out<T>(c);
    released([=] { ops::gemm<T>(m, n, k, left, right, to, n, {}, false, wanted); });
  });
  return c;
}

py::array linear(py::handle x_in, py::handle w_in, py::handle b_in, int act_in, py::handle out_in, int precision) {
  const Act act = act_of(act_in);
  if (const PyPacked* packed = as_packed(w_in)) return packed_product(x_in, "x", false, *packed, "w", b_in, act, out_in, precision);
  const Precision wanted = precision_of(precision);
  py::array x = matrix(x_in, "x"), w = matrix(w_in, "w"), b;
  const bool has_bias = !b_in.is_none();
  int num = wider({&x, &w});
  if (has_bias) {
    b = as_floats(b_in, "b");
    num = wider({&x, &w, &b});
  }
  x = as_matrix(as_dtype(x, num));
  w = as_matrix(as_dtype(w, num));
  const Index m = x.shape(0), k = x.shape(1), n = w.shape(1);
  if (w.shape(0) != k) value_error("x", "and w do not fit: x has shape " + shape_text(x) + ", w has shape " + shape_text(w));
  if (has_bias) {
    check_shape(b, {n}, "b");
    b = contiguous(as_dtype(b, num));
  }
  py::array y = has_bias ? result(out_in, {m, n}, num, {&x, &w, &b}) : result(out_in, {m, n}, num, {&x, &w});
  by_dtype(num, [&](auto t) {
    using T = decltype(t);
    const ops::ConstMat<T> left = operand<T>(x), right = operand<T>(w);
    const auto fuse = ops::Fuse<T>::linear(has_bias ? in<T>(b) : nullptr, act);
    T* const to = out<T>(y);
    released([=] { ops::gemm<T>(m, n, k, left, right, to, n, fuse, false, wanted); });
  });
  return y;
}

py::tuple linear_backward(py::handle dy_in, py::handle x_in, py::handle w_in, py::handle y_in, int act_in, Flag<kNeedDx> needed,
                          int precision) {
  const bool need_dx = needed.value;
  const Act act = act_of(act_in);
  const Precision wanted = precision_of(precision);
  py::array dy = matrix(dy_in, "dy"), x = matrix(x_in, "x"), w = matrix(w_in, "w"), y;
  const bool has_y = act != Act::identity;
  if (has_y && y_in.is_none()) value_error("y", "(the saved output) is needed when activation is given, got None");
  int num = wider({&dy, &x, &w});
  const Index m = x.shape(0), k = x.shape(1), n = w.shape(1);
  if (w.shape(0) != k) value_error("x", "and w do not fit: x has shape " + shape_text(x) + ", w has shape " + shape_text(w));
  check_shape(dy, {m, n}, "dy");
  if (has_y) {
    y = matrix(y_in, "y");
    check_shape(y, {m, n}, "y");
    num = wider({&dy, &x, &w, &y});
    y = contiguous(as_dtype(y, num));
  }
  dy = contiguous(as_dtype(dy, num));
  x = contiguous(as_dtype(x, num));
  w = contiguous(as_dtype(w, num));
  py::array dx = need_dx ? new_array({m, k}, num) : py::array(), dw = new_array({k, n}, num), db = new_array({n}, num);
  py::array dz = has_y ? new_array({m, n}, num) : dy;
  by_dtype(num, [&](auto t) {
    using T = decltype(t);
    const T *const dy_p = in<T>(dy), *const y_p = has_y ? in<T>(y) : nullptr, *const x_p = in<T>(x), *const w_p = in<T>(w);
    const T* const dz_p = in<T>(dz);
    T *const to = has_y ? out<T>(dz) : nullptr, *const dx_p = need_dx ? out<T>(dx) : nullptr, *const dw_p = out<T>(dw),
             *const db_p = out<T>(db);
    released([=] {
      if (to != nullptr) ops::activation_backward<T>(act, dy_p, y_p, to, m * n);
      ops::linear_backward<T>(m, n, k, x_p, k, w_p, n, dz_p, n, dx_p, k, dw_p, n, db_p, wanted);
    });
  });
  return py::make_tuple(need_dx ? py::object(dx) : py::none(), dw, db);
}

}  // namespace

void register_products(py::module_& m) {
  py::class_<PyPacked>(m, "PackedMatrix")
      .def_property_readonly("shape", [](const PyPacked& p) { return py::make_tuple(p.k(), p.n()); })
      .def_property_readonly("dtype",
                             [](const PyPacked& p) { return p.num() == kFloat32 ? py::dtype::of<float>() : py::dtype::of<double>(); })
      .def_property_readonly("precision", &precision_text)
      .def_property_readonly("isa", [](const PyPacked& p) { return std::string(p.isa()); })
      .def_property_readonly("nbytes", &PyPacked::bytes)
      .def("__repr__", [](const PyPacked& p) {
        return "PackedMatrix(shape=" + shape_text({p.k(), p.n()}) + ", dtype=" + dtype_text(p) + ", precision='" + precision_text(p) +
               "', isa='" + p.isa() + "', nbytes=" + std::to_string(p.bytes()) + ")";
      });
  m.def("pack", &pack);
  m.def("matmul", &matmul);
  m.def("linear", &linear);
  m.def("linear_backward", &linear_backward);
}

}  // namespace pyffnn::bindings
