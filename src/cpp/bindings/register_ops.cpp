#include <pybind11/stl.h>

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

Act act_of(int code) { return static_cast<Act>(code); }

// act(a b + bias), a transposed with ta; the names are those of the arguments.
py::array packed_product(py::handle a_in, const char* a_name, bool ta, const PyPacked& b, const char* b_name, py::handle bias_in, int act,
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
  compute(b.num(), [&](auto t) {
    using T = decltype(t);
    ops::gemm<T>(m, operand<T>(a, ta), *b.of<T>(), out<T>(c), n, ops::Fuse<T>::linear(has_bias ? in<T>(bias) : nullptr, act_of(act)));
  });
  return c;
}

py::array matmul(py::handle a_in, py::handle b_in, bool ta, bool tb, py::handle out_in, int precision) {
  if (const PyPacked* packed = as_packed(b_in)) {
    if (tb) value_error("transpose_b", "must be False with a packed b, got True: pack(b, transpose=True) packs the transpose");
    return packed_product(a_in, "a", ta, *packed, "b", py::none(), 0, out_in, precision);
  }
  py::array a = matrix(a_in, "a"), b = matrix(b_in, "b");
  const int num = wider({&a, &b});
  a = as_matrix(as_dtype(a, num));
  b = as_matrix(as_dtype(b, num));
  const Index m = a.shape(ta ? 1 : 0), k = a.shape(ta ? 0 : 1), kb = b.shape(tb ? 1 : 0), n = b.shape(tb ? 0 : 1);
  if (k != kb)
    value_error("a", "and b do not fit: a" + std::string(ta ? "^T" : "") + " has shape " + shape_text({m, k}) + ", b" + (tb ? "^T" : "") +
                         " has shape " + shape_text({kb, n}));
  py::array c = result(out_in, {m, n}, num, {&a, &b});
  compute(num, [&](auto t) {
    using T = decltype(t);
    ops::gemm<T>(m, n, k, operand<T>(a, ta), operand<T>(b, tb), out<T>(c), n, {}, false, precision_of(precision));
  });
  return c;
}

py::array linear(py::handle x_in, py::handle w_in, py::handle b_in, int act, py::handle out_in, int precision) {
  if (const PyPacked* packed = as_packed(w_in)) return packed_product(x_in, "x", false, *packed, "w", b_in, act, out_in, precision);
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
  compute(num, [&](auto t) {
    using T = decltype(t);
    ops::gemm<T>(m, n, k, operand<T>(x), operand<T>(w), out<T>(y), n, ops::Fuse<T>::linear(has_bias ? in<T>(b) : nullptr, act_of(act)),
                 false, precision_of(precision));
  });
  return y;
}

py::tuple linear_backward(py::handle dy_in, py::handle x_in, py::handle w_in, py::handle y_in, int act, bool need_dx, int precision) {
  py::array dy = matrix(dy_in, "dy"), x = matrix(x_in, "x"), w = matrix(w_in, "w"), y;
  const bool has_y = act_of(act) != Act::identity;
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
  compute(num, [&](auto t) {
    using T = decltype(t);
    if (has_y) ops::activation_backward<T>(act_of(act), in<T>(dy), in<T>(y), out<T>(dz), m * n);
    ops::linear_backward<T>(m, n, k, in<T>(x), k, in<T>(w), n, in<T>(dz), n, need_dx ? out<T>(dx) : nullptr, k, out<T>(dw), n, out<T>(db),
                            precision_of(precision));
  });
  return py::make_tuple(need_dx ? py::object(dx) : py::none(), dw, db);
}

py::array activation(int act, py::handle x_in, py::handle out_in) {
  const py::array given = as_floats(x_in, "x");
  const int num = dtype_num(given);
  py::array y = result(out_in, shape_of(given), num, {&given}, InPlace::allowed);
  const py::array x = contiguous(given);
  compute(num, [&](auto t) {
    using T = decltype(t);
    ops::activation<T>(act_of(act), in<T>(x), out<T>(y), x.size());
  });
  return y;
}

template <class F>
py::array map_flat(py::handle x_in, py::handle out_in, F f) {
  const py::array given = as_floats(x_in, "x");
  const int num = dtype_num(given);
  py::array y = result(out_in, shape_of(given), num, {&given}, InPlace::allowed);
  const py::array x = contiguous(given);
  compute(num, [&](auto t) {
    using T = decltype(t);
    f(in<T>(x), out<T>(y), x.size());
  });
  return y;
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
  compute(num, [&](auto t) {
    using T = decltype(t);
    f(in<T>(dy), in<T>(y), out<T>(dx), m, n);
  });
  return dx;
}

template <class F>
py::array map_rows(py::handle x_in, py::handle out_in, F f) {
  const py::array given = as_floats(x_in, "x");
  if (given.ndim() == 0) value_error("x", "must have at least 1 dimension, got a scalar");
  const int num = dtype_num(given);
  py::array y = result(out_in, shape_of(given), num, {&given}, InPlace::allowed);
  const py::array x = contiguous(given);
  const Index n = x.shape(x.ndim() - 1), m = n > 0 ? x.size() / n : 0;
  compute(num, [&](auto t) {
    using T = decltype(t);
    f(in<T>(x), out<T>(y), m, n);
  });
  return y;
}

void check_targets(const py::array& targets, Index m, Index classes) {
  check_shape(targets, {m}, "targets");
  const Index bad = ops::first_bad_id(in<std::int64_t>(targets), m, classes);
  if (bad >= 0)
    throw py::index_error("targets[" + std::to_string(bad) + "] = " + std::to_string(in<std::int64_t>(targets)[bad]) + " is outside [0, " +
                          std::to_string(classes) + ")");
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
  const py::array t = as_int64(t_in, "targets");
  const Index m = z.shape(0), n = z.shape(1);
  check_targets(t, m, n);
  const py::array cw = as_weights(cw_in, n, num, "class_weight"), sw = as_weights(sw_in, m, num, "sample_weight");
  py::array dz = new_array({m, n}, num);
  const double loss = compute(num, [&](auto tag) {
    using T = decltype(tag);
    return ops::cross_entropy<T>(in<T>(z), in<std::int64_t>(t), or_null<T>(cw, cw_in), or_null<T>(sw, sw_in), out<T>(dz), m, n);
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
  const double loss = compute(num, [&](auto tag) {
    using T = decltype(tag);
    return ops::binary_cross_entropy<T>(in<T>(z), in<T>(t), or_null<T>(sw, sw_in), out<T>(dz), m, n);
  });
  return py::make_tuple(loss, dz);
}

py::tuple linear_cross_entropy(py::handle x_in, py::handle w_in, py::handle b_in, py::handle t_in, py::handle sw_in, int precision) {
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
  const py::array t = as_int64(t_in, "targets");
  check_targets(t, m, n);
  const py::array sw = as_weights(sw_in, m, num, "sample_weight");
  py::array dx = new_array({m, k}, num), dw = new_array({k, n}, num), db = new_array({n}, num);
  const double loss = compute(num, [&](auto tag) {
    using T = decltype(tag);
    if constexpr (sizeof(T) == sizeof(float)) {
      if (const Precision chosen = ops::choose(precision_of(precision), m, n, k); chosen != Precision::float32)
        return train::linear_xent_tiles(m, n, k, in<T>(x), in<T>(w), or_null<T>(b, b_in), in<std::int64_t>(t), or_null<T>(sw, sw_in),
                                        out<T>(dx), out<T>(dw), out<T>(db), chosen == Precision::bfloat16x3);
    }
    return train::linear_xent<T>(m, n, k, in<T>(x), in<T>(w), or_null<T>(b, b_in), in<std::int64_t>(t), or_null<T>(sw, sw_in), out<T>(dx),
                                 out<T>(dw), out<T>(db));
  });
  return py::make_tuple(loss, dx, dw, db);
}

// f(ids as int32 or int64 pointer).
template <class F>
void with_ids(const py::array& ids, F f) {
  if (ids.itemsize() == 4)
    f(in<std::int32_t>(ids));
  else
    f(in<std::int64_t>(ids));
}

void check_ids(const py::array& ids, Index rows) {
  Index bad = -1;
  with_ids(ids, [&](auto p) { bad = ops::first_bad_id(p, ids.size(), rows); });
  if (bad < 0) return;
  long long value = 0;
  with_ids(ids, [&](auto p) { value = static_cast<long long>(p[bad]); });
  throw py::index_error("ids entry " + std::to_string(bad) + " = " + std::to_string(value) + " is outside [0, " + std::to_string(rows) +
                        ")");
}

// A table is read in place when its rows are contiguous, whatever the distance between them.
py::array as_table(const py::array& a) {
  const bool fits =
      aligned(a) && a.strides(1) == a.itemsize() && a.strides(0) >= a.shape(1) * a.itemsize() && a.strides(0) % a.itemsize() == 0;
  return fits ? a : contiguous(a);
}

py::array embedding(py::handle table_in, py::handle ids_in, py::handle out_in) {
  const py::array table = as_table(matrix(table_in, "table")), ids = as_ids(ids_in, "ids");
  const int num = dtype_num(table);
  const Index d = table.shape(1);
  check_ids(ids, table.shape(0));
  std::vector<Index> shape = shape_of(ids);
  shape.push_back(d);
  py::array y = result(out_in, shape, num, {&table, &ids});
  compute(num, [&](auto tag) {
    using T = decltype(tag);
    with_ids(ids, [&](auto p) { ops::embedding<T>(in<T>(table), table.strides(0) / table.itemsize(), p, ids.size(), d, out<T>(y), d); });
  });
  return y;
}

Index positive_rows(Index rows) {
  if (rows < 0) value_error("num_rows", "must not be negative, got " + std::to_string(rows));
  return rows;
}

py::array embedding_backward(py::handle dy_in, py::handle ids_in, Index rows, py::handle out_in) {
  const py::array dy = contiguous(as_floats(dy_in, "dy")), ids = as_ids(ids_in, "ids");
  std::vector<Index> shape = shape_of(ids);
  if (dy.ndim() != ids.ndim() + 1)
    value_error("dy", "must have shape ids.shape + (d,), got " + shape_text(dy) + " for ids of shape " + shape_text(ids));
  const Index d = dy.shape(dy.ndim() - 1);
  shape.push_back(d);
  check_shape(dy, shape, "dy");
  check_ids(ids, positive_rows(rows));
  const int num = dtype_num(dy);
  py::array grad = result(out_in, {rows, d}, num, {&dy, &ids});
  compute(num, [&](auto tag) {
    using T = decltype(tag);
    with_ids(ids, [&](auto p) { ops::embedding_backward<T>(in<T>(dy), p, ids.size(), rows, d, out<T>(grad)); });
  });
  return grad;
}

void check_offsets(const py::array& offsets, Index count) {
  if (offsets.size() < 1) value_error("offsets", "must have at least one entry (bags + 1), got none");
  const auto* o = in<std::int64_t>(offsets);
  if (o[0] < 0) value_error("offsets", "must not be negative, got " + std::to_string(o[0]));
  for (Index i = 1; i < offsets.size(); ++i)
    if (o[i] < o[i - 1]) value_error("offsets", "must not decrease; offsets[" + std::to_string(i) + "] = " + std::to_string(o[i]));
  if (o[offsets.size() - 1] > count)
    value_error("offsets", "end at " + std::to_string(o[offsets.size() - 1]) + ", beyond the " + std::to_string(count) + " ids");
}

py::array mean_pool(py::handle table_in, py::handle ids_in, py::handle offsets_in, py::handle w_in, py::handle out_in) {
  const py::array table = as_table(matrix(table_in, "table")), ids = as_ids(ids_in, "ids"), offsets = as_int64(offsets_in, "offsets");
  check_rank(ids, 1, "ids");
  check_rank(offsets, 1, "offsets");
  check_offsets(offsets, ids.size());
  check_ids(ids, table.shape(0));
  const int num = dtype_num(table);
  const py::array w = as_weights(w_in, ids.size(), num, "weights");
  const Index bags = offsets.size() - 1, d = table.shape(1);
  py::array y = result(out_in, {bags, d}, num, {&table, &ids, &offsets, &w});
  compute(num, [&](auto tag) {
    using T = decltype(tag);
    with_ids(ids, [&](auto p) {
      ops::mean_pool<T>(in<T>(table), table.strides(0) / table.itemsize(), p, in<Index>(offsets), or_null<T>(w, w_in), bags, d, out<T>(y),
                        d);
    });
  });
  return y;
}

py::array mean_pool_backward(py::handle dy_in, py::handle ids_in, py::handle offsets_in, Index rows, py::handle w_in, py::handle out_in) {
  const py::array dy = contiguous(matrix(dy_in, "dy")), ids = as_ids(ids_in, "ids"), offsets = as_int64(offsets_in, "offsets");
  check_rank(ids, 1, "ids");
  check_rank(offsets, 1, "offsets");
  check_offsets(offsets, ids.size());
  check_ids(ids, positive_rows(rows));
  const Index bags = offsets.size() - 1, d = dy.shape(1);
  if (dy.shape(0) != bags) value_error("dy", "must have one row a bag (" + std::to_string(bags) + "), got shape " + shape_text(dy));
  const int num = dtype_num(dy);
  const py::array w = as_weights(w_in, ids.size(), num, "weights");
  py::array grad = result(out_in, {rows, d}, num, {&dy, &ids, &offsets, &w});
  compute(num, [&](auto tag) {
    using T = decltype(tag);
    with_ids(ids, [&](auto p) {
      ops::mean_pool_backward<T>(in<T>(dy), p, in<Index>(offsets), or_null<T>(w, w_in), bags, rows, d, out<T>(grad));
    });
  });
  return grad;
}

// Bytes in index order, so that two equal arrays of different strides have one fingerprint.
std::uint64_t fingerprint(const py::array& given) {
  const py::array a = contiguous(given);
  const ReleaseGil release;
  return ops::fingerprint(a.data(), a.nbytes());
}

}  // namespace

void register_ops(py::module_& m) {
  m.def("matmul", &matmul);
  m.def("linear", &linear);
  m.def("linear_backward", &linear_backward);
  m.def("activation", &activation);
  m.def("activation_backward", [](int act, py::handle dy, py::handle y, py::handle o) {
    return backward2(dy, y, o,
                     [act](auto* d, auto* v, auto* dx, Index rows, Index n) { ops::activation_backward(act_of(act), d, v, dx, rows * n); });
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
  m.def("linear_cross_entropy_bytes", &train::linear_xent_tiles_bytes, py::arg("m"), py::arg("n"), py::arg("k"), py::arg("split"));
  m.def("embedding", &embedding);
  m.def("embedding_backward", &embedding_backward);
  m.def("mean_pool", &mean_pool);
  m.def("mean_pool_backward", &mean_pool_backward);
  m.def("fingerprint", &fingerprint);
}

}  // namespace pyffnn::bindings
