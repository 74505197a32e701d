// Rows of tables by id, and means and extremes of bags of them.
#include "bindings/ids.h"
#include "bindings/register.h"
#include "bindings/scalars.h"
#include "ops/bag_rows.h"
#include "ops/embedding.h"
#include "ops/pool_extremes.h"

namespace pyffnn::bindings {
namespace {

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
  const Ids ids(ids_in, "ids", table.shape(0));
  const Index d = table.shape(1);
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

constexpr char kNumRows[] = "num_rows", kClosed[] = "include_last_offset";
using NumRows = Whole<kNumRows>;
using Closed = Flag<kClosed>;

Index positive(NumRows rows) {
  if (rows.value < 0) value_error("num_rows", "must not be negative, got " + std::to_string(rows.value));
  return rows.value;
}

py::array embedding_backward(py::handle dy_in, py::handle ids_in, NumRows num_rows, py::handle out_in) {
  const Index rows = positive(num_rows);
  const py::array dy = contiguous(as_floats(dy_in, "dy"));
  const Ids ids(ids_in, "ids");
  std::vector<Index> shape = shape_of(ids.array());
  if (dy.ndim() != ids.array().ndim() + 1)
    value_error("dy", "must have shape ids.shape + (d,), got " + shape_text(dy) + " for ids of shape " + shape_text(shape));
  const Index d = dy.shape(dy.ndim() - 1);
  shape.push_back(d);
  check_shape(dy, shape, "dy");
  ids.check_below(rows);
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
      : ids(ids_in, "ids", rows), offsets(offsets_in, "offsets", Ids::Width::int64), weighted(!w_in.is_none()) {
    check_rank(ids.array(), 1, "ids");
    check_rank(offsets.array(), 1, "offsets");
    offsets.check_bounds(ids.size());
    weights = as_weights(w_in, ids.size(), num, "weights", offsets.view().int64(), count());
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

py::array mean_pool_backward(py::handle dy_in, py::handle ids_in, py::handle offsets_in, NumRows num_rows, py::handle w_in,
                             py::handle out_in) {
  const Index rows = positive(num_rows);
  const py::array dy = contiguous(matrix(dy_in, "dy"));
  const int num = dtype_num(dy);
  const Bags bags(ids_in, offsets_in, w_in, rows, num);
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

// Bags as PyTorch has them: they begin at the first id, and the end of the last one is left out unless `closed`.
struct TorchBags {
  Ids ids, given;
  std::unique_ptr<Index[]> offsets;
  Index count;

  TorchBags(py::handle ids_in, py::handle offsets_in, bool closed, Index rows)
      : ids(ids_in, "ids", rows), given(offsets_in, "offsets", Ids::Width::int64), count(given.size() - (closed ? 1 : 0)) {
    check_rank(ids.array(), 1, "ids");
    check_rank(given.array(), 1, "offsets");
    const Index n = ids.size(), last = given.size() - 1;
    const std::int64_t* const o = given.view().int64();
    const std::string many = std::to_string(n) + " ids";
    if (closed && last < 0) value_error("offsets", "must hold the end of the last bag, got none");
    if (last < 0 && n > 0) value_error("offsets", "must name a bag for the " + many + ", got none");
    if (last >= 0 && o[0] != 0) value_error("offsets", "must begin with 0, got " + std::to_string(o[0]));
    if (closed && o[last] != n)
      value_error("offsets", "must end with the number of ids, " + std::to_string(n) + ", got " + std::to_string(o[last]));
    if (last >= 0 && o[last] > n)
      value_error("offsets", "must not lie beyond the " + many + ", the last one is " + std::to_string(o[last]));
    if (last >= 0) given.check_bounds(n);
    offsets.reset(new Index[static_cast<std::size_t>(count) + 1]);
    std::copy(o, o + given.size(), offsets.get());
    offsets[static_cast<std::size_t>(count)] = n;
  }
  void check_rows(const py::array& dy) const {
    if (dy.shape(0) != count) value_error("dy", "must have one row a bag (" + std::to_string(count) + "), got shape " + shape_text(dy));
  }
};

py::array embedding_bag(py::handle table_in, py::handle ids_in, py::handle offsets_in, bool mean, Closed closed, py::handle out_in) {
  const py::array table = as_table(matrix(table_in, "table"));
  const int num = dtype_num(table);
  const TorchBags bags(ids_in, offsets_in, closed.value, table.shape(0));
  const Index count = bags.count, d = table.shape(1);
  py::array y = result(out_in, {count, d}, num, {&table, &bags.ids.given(), &bags.given.given()});
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T* const rows = in<T>(table);
    const Index ld = row_distance<T>(table);
    const IdsView at = bags.ids.view();
    const Index* const offsets = bags.offsets.get();
    T* const to = out<T>(y);
    released([=] { at.visit([=](auto p) { ops::mean_pool<T>(rows, ld, p, offsets, nullptr, count, d, to, d, mean); }); });
  });
  return y;
}

py::array embedding_bag_backward(py::handle dy_in, py::handle ids_in, py::handle offsets_in, NumRows num_rows, bool mean, Closed closed,
                                 py::handle out_in) {
  const Index rows = positive(num_rows);
  const py::array dy = contiguous(matrix(dy_in, "dy"));
  const int num = dtype_num(dy);
  const TorchBags bags(ids_in, offsets_in, closed.value, rows);
  bags.check_rows(dy);
  const Index count = bags.count, d = dy.shape(1);
  py::array grad = result(out_in, {rows, d}, num, {&dy, &bags.ids.given(), &bags.given.given()});
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T* const from = in<T>(dy);
    const IdsView at = bags.ids.view();
    const Index* const offsets = bags.offsets.get();
    T* const to = out<T>(grad);
    released([=] { at.visit([=](auto p) { ops::mean_pool_backward<T>(from, p, offsets, nullptr, count, rows, d, to, mean); }); });
  });
  return grad;
}

template <ops::Extreme kWhich>
py::array extreme_pool(py::handle table_in, py::handle ids_in, py::handle offsets_in, py::handle out_in) {
  const py::array table = as_table(matrix(table_in, "table"));
  const int num = dtype_num(table);
  const Bags bags(ids_in, offsets_in, py::none(), table.shape(0), num);
  const Index count = bags.count(), d = table.shape(1);
  py::array y = result(out_in, {count, d}, num, {&table, &bags.ids.given(), &bags.offsets.given()});
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T* const rows = in<T>(table);
    const Index ld = row_distance<T>(table);
    const IdsView at = bags.ids.view();
    const Index* const offsets = bags.offsets.view().int64();
    T* const to = out<T>(y);
    released([=] { at.visit([=](auto p) { ops::pool_extreme<T>(kWhich, rows, ld, p, offsets, count, d, to, d); }); });
  });
  return y;
}

template <ops::Extreme kWhich>
py::array extreme_pool_backward(py::handle dy_in, py::handle table_in, py::handle ids_in, py::handle offsets_in, py::handle out_in) {
  py::array dy = matrix(dy_in, "dy"), table = matrix(table_in, "table");
  const int num = wider({&dy, &table});
  dy = contiguous(as_dtype(dy, num));
  table = as_table(as_dtype(table, num));
  const Bags bags(ids_in, offsets_in, py::none(), table.shape(0), num);
  if (bags.ids.size() > INT32_MAX) value_error("ids", "must be fewer than 2^31, got " + std::to_string(bags.ids.size()));
  const Index count = bags.count(), d = table.shape(1), rows = table.shape(0);
  check_shape(dy, {count, d}, "dy");
  py::array grad = result(out_in, {rows, d}, num, {&dy, &table, &bags.ids.given(), &bags.offsets.given()});
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T *const from = in<T>(dy), *const at_rows = in<T>(table);
    const Index ld = row_distance<T>(table);
    const IdsView at = bags.ids.view();
    const Index* const offsets = bags.offsets.view().int64();
    T* const to = out<T>(grad);
    released([=] { at.visit([=](auto p) { ops::pool_extreme_backward<T>(kWhich, from, at_rows, ld, p, offsets, count, rows, d, to); }); });
  });
  return grad;
}

py::tuple embedding_bag_rows(py::handle dy_in, py::handle ids_in, py::handle offsets_in, NumRows num_rows, bool mean, Closed closed) {
  const Index rows = positive(num_rows);
  const py::array dy = contiguous(matrix(dy_in, "dy"));
  const int num = dtype_num(dy);
  const TorchBags bags(ids_in, offsets_in, closed.value, rows);
  bags.check_rows(dy);
  const Index count = bags.count, d = dy.shape(1);
  const IdsView at = bags.ids.view();
  if (4.0 * static_cast<double>(rows) > static_cast<double>(physical_memory()))
    throw memory_error("cannot keep a number for each of " + std::to_string(rows) + " rows");
  if (at.count >= Index{1} << 31) value_error("ids", "must be fewer than 2^31, got " + std::to_string(at.count));
  const ops::TouchedRows touched = released([=] { return at.visit([=](auto p) { return ops::touched_rows(p, at.count, rows); }); });
  const Index distinct = touched.distinct;
  py::array_t<std::int64_t> at_rows(distinct);
  std::copy(touched.rows, touched.rows + distinct, at_rows.mutable_data());
  py::array values = new_array({distinct, d}, num);
  by_dtype(num, [&](auto tag) {
    using T = decltype(tag);
    const T* const from = in<T>(dy);
    const ops::TouchedRows* const found = &touched;
    const Index* const offsets = bags.offsets.get();
    T* const to = out<T>(values);
    released([=] { ops::bag_row_sums<T>(from, *found, offsets, mean, count, d, to); });
  });
  return py::make_tuple(at_rows, values);
}

}  // namespace

void register_embedding(py::module_& m) {
  m.def("embedding", &embedding);
  m.def("embedding_backward", &embedding_backward);
  m.def("mean_pool", &mean_pool);
  m.def("mean_pool_backward", &mean_pool_backward);
  m.def("max_pool", &extreme_pool<ops::Extreme::largest>);
  m.def("max_pool_backward", &extreme_pool_backward<ops::Extreme::largest>);
  m.def("min_pool", &extreme_pool<ops::Extreme::smallest>);
  m.def("min_pool_backward", &extreme_pool_backward<ops::Extreme::smallest>);
  m.def("embedding_bag", &embedding_bag);
  m.def("embedding_bag_backward", &embedding_bag_backward);
  m.def("embedding_bag_rows", &embedding_bag_rows);
}

}  // namespace pyffnn::bindings
