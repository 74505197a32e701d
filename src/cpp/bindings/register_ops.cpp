#include <pybind11/stl.h>

#include "bindings/ids.h"
#include "bindings/operands.h"
#include "bindings/register.h"
#include "ops/dense.h"
#include "ops/embedding.h"
#include "ops/fingerprint.h"
#include "ops/rowwise.h"
#include "ops/tile_gemm.h"
#include "train/linear_xent.h"

namespace pyffnn::bindings {
namespace {

py::array matrix(py::handle x, const char* name) {
  py::array a = as_floats(x, name);
  check_rank(a, 2, name);
  return a;
}

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

py::array matmul(py::handle a_in, py::handle b_in, bool ta, bool tb, py::handle out_in, int precision) {
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

py::tuple linear_backward(py::handle dy_in, py::handle x_in, py::handle w_in, py::handle y_in, int act_in, bool need_dx, int precision) {
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

Ids class_ids(py::handle x, Index m, Index classes) {
  Ids targets(x, "targets", Ids::Width::int64);
  check_shape(targets.array(), {m}, "targets");
  targets.check_below(classes);
  return targets;
}

// An optional vector of n non-negative finite weights, in the common dtype.
py::array as_weights(py::handle x, Index n, int num, const char* name) {
  if (x.is_none()) return py::array();
  py::array w = as_floats(x, name);
  check_shape(w, {n}, name);
  w = contiguous(as_dtype(w, num));
  auto bad = [&](auto t) {
    using T = decltype(t);
    for (Index i = 0; i < n; ++i)
      if (!(in<T>(w)[i] >= T(0)) || in<T>(w)[i] - in<T>(w)[i] != T(0)) return true;
    return false;
  };
  if (num == kFloat32 ? bad(float{}) : bad(double{})) value_error(name, "must be finite and not negative");
  return w;
}
template <class T>
const T* or_null(const py::array& a, py::handle given) {
  return given.is_none() ? nullptr : in<T>(a);
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
    return released([=] {
      if constexpr (sizeof(T) == sizeof(float)) {
        if (const Precision chosen = ops::choose(wanted, m, n, k); chosen != Precision::float32)
          return train::linear_xent_tiles(m, n, k, x_p, w_p, b_p, t_p, sw_p, dx_p, dw_p, db_p, chosen == Precision::bfloat16x3);
      }
      return train::linear_xent<T>(m, n, k, x_p, w_p, b_p, t_p, sw_p, dx_p, dw_p, db_p);
    });
  });
  return py::make_tuple(loss, dx, dw, db);
}

// A table is read in place when its rows are contiguous, whatever the distance between them.
py::array as_table(const py::array& a) {
  const bool fits =
      aligned(a) && a.strides(1) == a.itemsize() && a.strides(0) >= a.shape(1) * a.itemsize() && a.strides(0) % a.itemsize() == 0;
  return fits ? a : contiguous(a);
}
template <class T>
Index row_distance(const py::array& table) {
  return table.strides(0) / static_cast<Index>(sizeof(T));
}

py::array embedding(py::handle table_in, py::handle ids_in, py::handle out_in) {
  const py::array table = as_table(matrix(table_in, "table"));
  const Ids ids(ids_in, "ids");
  const Index d = table.shape(1);
  ids.check_below(table.shape(0));
  std::vector<Index> shape = shape_of(ids.array());
  shape.push_back(d);
  py::array y = result(out_in, shape, dtype_num(table), {&table, &ids.given()});
  by_dtype(dtype_num(table), [&](auto tag) {
    using T = decltype(tag);
    const T* const rows = in<T>(table);
    const Index ld = row_distance<T>(table);
    const IdsView at = ids.view();
    T* const to = out<T>(y);
    released([=] { at.visit([=](auto p) { ops::embedding<T>(rows, ld, p, at.count, d, to, d); }); });
  });
  return y;
}

Index positive_rows(Index rows) {
  if (rows < 0) value_error("num_rows", "must not be negative, got " + std::to_string(rows));
  return rows;
}

py::array embedding_backward(py::handle dy_in, py::handle ids_in, Index rows, py::handle out_in) {
  const py::array dy = contiguous(as_floats(dy_in, "dy"));
  const Ids ids(ids_in, "ids");
  std::vector<Index> shape = shape_of(ids.array());
  if (dy.ndim() != ids.array().ndim() + 1)
    value_error("dy", "must have shape ids.shape + (d,), got " + shape_text(dy) + " for ids of shape " + shape_text(shape));
  const Index d = dy.shape(dy.ndim() - 1);
  shape.push_back(d);
  check_shape(dy, shape, "dy");
  ids.check_below(positive_rows(rows));
  py::array grad = result(out_in, {rows, d}, dtype_num(dy), {&dy, &ids.given()});
  by_dtype(dtype_num(dy), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = in<T>(dy);
    const IdsView at = ids.view();
    T* const to = out<T>(grad);
    released([=] { at.visit([=](auto p) { ops::embedding_backward<T>(from, p, at.count, rows, d, to); }); });
  });
  return grad;
}

// Bags of ids, and what each id weighs.
struct Bags {
  Ids ids, offsets;
  py::array weights;
  bool weighted;

  Bags(py::handle ids_in, py::handle offsets_in, py::handle w_in, Index rows, int num)
      : ids(ids_in, "ids"), offsets(offsets_in, "offsets", Ids::Width::int64), weighted(!w_in.is_none()) {
    check_rank(ids.array(), 1, "ids");
    check_rank(offsets.array(), 1, "offsets");
    offsets.check_bounds(ids.size());
    ids.check_below(rows);
    weights = as_weights(w_in, ids.size(), num, "weights");
  }
  Index count() const { return offsets.size() - 1; }
};

py::array mean_pool(py::handle table_in, py::handle ids_in, py::handle offsets_in, py::handle w_in, py::handle out_in) {
  const py::array table = as_table(matrix(table_in, "table"));
  const int num = dtype_num(table);
  const Bags bags(ids_in, offsets_in, w_in, table.shape(0), num);
  const Index count = bags.count(), d = table.shape(1);
  py::array y = result(out_in, {count, d}, num, {&table, &bags.ids.given(), &bags.offsets.given(), &bags.weights});
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T *const rows = in<T>(table), *const w = bags.weighted ? in<T>(bags.weights) : nullptr;
    const Index ld = row_distance<T>(table);
    const IdsView at = bags.ids.view();
    const Index* const offsets = bags.offsets.view().int64();
    T* const to = out<T>(y);
    released([=] { at.visit([=](auto p) { ops::mean_pool<T>(rows, ld, p, offsets, w, count, d, to, d); }); });
  });
  return y;
}

py::array mean_pool_backward(py::handle dy_in, py::handle ids_in, py::handle offsets_in, Index rows, py::handle w_in, py::handle out_in) {
  const py::array dy = contiguous(matrix(dy_in, "dy"));
  const int num = dtype_num(dy);
  const Bags bags(ids_in, offsets_in, w_in, positive_rows(rows), num);
  const Index count = bags.count(), d = dy.shape(1);
  if (dy.shape(0) != count) value_error("dy", "must have one row a bag (" + std::to_string(count) + "), got shape " + shape_text(dy));
  py::array grad = result(out_in, {rows, d}, num, {&dy, &bags.ids.given(), &bags.offsets.given(), &bags.weights});
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T *const from = in<T>(dy), *const w = bags.weighted ? in<T>(bags.weights) : nullptr;
    const IdsView at = bags.ids.view();
    const Index* const offsets = bags.offsets.view().int64();
    T* const to = out<T>(grad);
    released([=] { at.visit([=](auto p) { ops::mean_pool_backward<T>(from, p, offsets, w, count, rows, d, to); }); });
  });
  return grad;
}

// Bytes in index order, so that two equal arrays of different strides have one fingerprint.
std::uint64_t fingerprint(const py::array& given) {
  const py::array a = contiguous(given);
  const void* const bytes = a.data();
  const Index count = a.nbytes();
  return released([=] { return ops::fingerprint(bytes, count); });
}

Index linear_cross_entropy_bytes(Index m, Index n, Index k, bool split) {
  for (const Index size : {m, n, k})
    if (size < 0 || size > (Index{1} << 31)) value_error("m, n and k", "must be sizes of arrays, got " + shape_text({m, n, k}));
  return train::linear_xent_tiles_bytes(m, n, k, split);
}

}  // namespace

void register_ops(py::module_& m) {
  m.def("matmul", &matmul);
  m.def("linear", &linear);
  m.def("linear_backward", &linear_backward);
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
  m.def("cross_entropy", &cross_entropy);
  m.def("binary_cross_entropy", &binary_cross_entropy);
  m.def("linear_cross_entropy", &linear_cross_entropy);
  m.def("linear_cross_entropy_bytes", &linear_cross_entropy_bytes, py::arg("m"), py::arg("n"), py::arg("k"), py::arg("split"));
  m.def("embedding", &embedding);
  m.def("embedding_backward", &embedding_backward);
  m.def("mean_pool", &mean_pool);
  m.def("mean_pool_backward", &mean_pool_backward);
  m.def("fingerprint", &fingerprint);
}

}  // namespace pyffnn::bindings
