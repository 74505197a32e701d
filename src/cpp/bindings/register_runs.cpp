// Sums, means and maxima of runs of rows, and sums of gathered rows: what Thinc calls reduce_* and gather_add.
#include "bindings/ids.h"
#include "bindings/register.h"
#include "ops/runs.h"

namespace pyffnn::bindings {
namespace {

// Lengths of runs as the bounds of each.
struct Runs {
  std::vector<Index> offsets{0};

  Runs(py::handle lengths_in, Index least) {
    const Ids lengths(lengths_in, "lengths");
    check_rank(lengths.array(), 1, "lengths");
    offsets.reserve(static_cast<std::size_t>(lengths.size()) + 1);
    const IdsView at = lengths.view();
    at.visit([&](auto p) {
      for (Index i = 0; i < at.count; ++i) {
        const Index length = p[i];
        if (length < least)
          throw py::value_error("all sequence lengths must be " + std::string(least > 0 ? "> 0" : ">= 0") + ", got " +
                                std::to_string(length));
        offsets.push_back(offsets.back() + length);
      }
    });
  }
  Index count() const { return static_cast<Index>(offsets.size()) - 1; }
  Index rows() const { return offsets.back(); }
  void check_rows(Index rows_there) const {
    if (rows() > rows_there)
      throw py::index_error("lengths must sum up to the number of rows, got " + std::to_string(rows()) + " for " +
                            std::to_string(rows_there) + " rows");
  }
};

py::array int32_array(Index m, Index n) { return py::array_t<std::int32_t>(std::vector<Index>{m, n}); }

py::array run_sums(py::handle x_in, py::handle lengths_in, bool mean) {
  const py::array x = contiguous(matrix(x_in, "x"));
  const Runs runs(lengths_in, 0);
  runs.check_rows(x.shape(0));
  const Index d = x.shape(1), count = runs.count();
  py::array y = new_array({count, d}, dtype_num(x));
  by_dtype(dtype_num(x), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = in<T>(x);
    T* const to = out<T>(y);
    const Index* const offsets = runs.offsets.data();
    released([=] { ops::run_sums<T>(from, d, offsets, count, mean, to); });
  });
  return y;
}

void check_one_a_run(const py::array& dy, const Runs& runs) {
  if (dy.shape(0) != runs.count())
    value_error("dy", "must have one row a run (" + std::to_string(runs.count()) + "), got shape " + shape_text(dy));
}

py::array run_sums_backward(py::handle dy_in, py::handle lengths_in, bool mean) {
  const py::array dy = contiguous(matrix(dy_in, "dy"));
  const Runs runs(lengths_in, 0);
  check_one_a_run(dy, runs);
  const Index d = dy.shape(1), count = runs.count();
  py::array dx = new_array({runs.rows(), d}, dtype_num(dy));
  by_dtype(dtype_num(dy), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = in<T>(dy);
    T* const to = out<T>(dx);
    const Index* const offsets = runs.offsets.data();
    released([=] { ops::run_sums_backward<T>(from, d, offsets, count, mean, to); });
  });
  return dx;
}

py::tuple run_max(py::handle x_in, py::handle lengths_in) {
  const py::array x = contiguous(matrix(x_in, "x"));
  const Runs runs(lengths_in, 1);
  runs.check_rows(x.shape(0));
  const Index d = x.shape(1), count = runs.count();
  py::array best = new_array({count, d}, dtype_num(x)), which = int32_array(count, d);
  by_dtype(dtype_num(x), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = in<T>(x);
    T* const to = out<T>(best);
    std::int32_t* const at = out<std::int32_t>(which);
    const Index* const offsets = runs.offsets.data();
    released([=] { ops::run_max<T>(from, d, offsets, count, to, at); });
  });
  return py::make_tuple(best, which);
}

py::array run_max_backward(py::handle dy_in, py::handle which_in, py::handle lengths_in) {
  const py::array dy = contiguous(matrix(dy_in, "dy"));
  const Runs runs(lengths_in, 1);
  check_one_a_run(dy, runs);
  const Ids given(which_in, "which");
  check_shape(given.array(), shape_of(dy), "which");
  const Index d = dy.shape(1), count = runs.count();
  std::vector<std::int32_t> which(static_cast<std::size_t>(count * d));
  given.view().visit([&](auto p) {
    for (Index r = 0; r < count; ++r)
      for (Index j = 0; j < d; ++j) {
        const Index row = p[r * d + j], length = runs.offsets[static_cast<std::size_t>(r) + 1] - runs.offsets[static_cast<std::size_t>(r)];
        if (row < 0 || row >= length)
          throw py::index_error("which entry " + std::to_string(row) + " is outside its run of length " + std::to_string(length));
        which[static_cast<std::size_t>(r * d + j)] = static_cast<std::int32_t>(row);
      }
  });
  py::array dx = new_array({runs.rows(), d}, dtype_num(dy));
  by_dtype(dtype_num(dy), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = in<T>(dy);
    T* const to = out<T>(dx);
    const std::int32_t* const at = which.data();
    const Index* const offsets = runs.offsets.data();
    released([=] { ops::run_max_backward<T>(from, at, d, offsets, count, to); });
  });
  return dx;
}

py::array rank_three(py::handle x_in) {
  const py::array x = as_floats(x_in, "x");
  check_rank(x, 3, "x");
  if (x.shape(2) < 1) value_error("x", "must have at least one piece a cell, got shape " + shape_text(x));
  return contiguous(x);
}

py::tuple cell_max(py::handle x_in) {
  const py::array x = rank_three(x_in);
  const Index rows = x.shape(0), d = x.shape(1), pieces = x.shape(2);
  py::array best = new_array({rows, d}, dtype_num(x)), which = int32_array(rows, d);
  by_dtype(dtype_num(x), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = in<T>(x);
    T* const to = out<T>(best);
    std::int32_t* const at = out<std::int32_t>(which);
    released([=] { ops::cell_max<T>(from, pieces, rows * d, to, at); });
  });
  return py::make_tuple(best, which);
}

py::array cell_max_backward(py::handle dy_in, py::handle which_in, Index pieces) {
  const py::array dy = contiguous(matrix(dy_in, "dy"));
  if (pieces < 1) value_error("pieces", "must be at least 1, got " + std::to_string(pieces));
  const Ids given(which_in, "which");
  check_shape(given.array(), shape_of(dy), "which");
  const Index rows = dy.shape(0), d = dy.shape(1);
  std::vector<std::int32_t> which(static_cast<std::size_t>(rows * d));
  given.view().visit([&](auto p) {
    for (std::size_t i = 0; i < which.size(); ++i) {
      const Index piece = p[i];
      if (piece < 0 || piece >= pieces)
        throw py::index_error("which entry " + std::to_string(piece) + " is out of bounds for maxout with size " + std::to_string(pieces));
      which[i] = static_cast<std::int32_t>(piece);
    }
  });
  py::array dx = new_array({rows, d, pieces}, dtype_num(dy));
  by_dtype(dtype_num(dy), [&](auto tag) {
    using T = decltype(tag);
    const T* const from = in<T>(dy);
    T* const to = out<T>(dx);
    const std::int32_t* const at = which.data();
    released([=] { ops::cell_max_backward<T>(from, at, pieces, rows * d, to); });
  });
  return dx;
}

py::array gather_sum(py::handle table_in, py::handle ids_in) {
  const py::array table = contiguous(matrix(table_in, "table"));
  const Ids ids(ids_in, "ids");
  check_rank(ids.array(), 2, "ids");
  ids.check_below(table.shape(0));
  const Index count = ids.array().shape(0), per = ids.array().shape(1), d = table.shape(1);
  py::array y = new_array({count, d}, dtype_num(table));
  by_dtype(dtype_num(table), [&](auto tag) {
    using T = decltype(tag);
    const T* const rows = in<T>(table);
    T* const to = out<T>(y);
    const IdsView at = ids.view();
    released([=] { at.visit([=](auto p) { ops::gather_sum<T>(rows, d, p, count, per, d, to); }); });
  });
  return y;
}

}  // namespace

void register_runs(py::module_& m) {
  m.def("run_sums", &run_sums);
  m.def("run_sums_backward", &run_sums_backward);
  m.def("run_max", &run_max);
  m.def("run_max_backward", &run_max_backward);
  m.def("cell_max", &cell_max);
  m.def("cell_max_backward", &cell_max_backward);
  m.def("gather_sum", &gather_sum);
}

}  // namespace pyffnn::bindings
