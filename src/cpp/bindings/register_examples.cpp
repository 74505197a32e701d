#include <cmath>
#include <cstring>

#include "bindings/data_objects.h"
#include "bindings/register.h"
#include "bindings/settings.h"
#include "net/sources/dense.h"
#include "net/sources/stream.h"
#include "net/sources/text.h"

namespace pyffnn::bindings {
namespace {

using ExamplesPtr = std::unique_ptr<PyExamples>;
using TargetsPtr = std::unique_ptr<PyTargets>;
constexpr Index kMostRows = (Index{1} << 31) - 2;

Index width_of(py::handle x, const char* name) {
  const Index value = integer_of(name, x);
  if (value < 1 || value > kMostRows) value_error(name, "must be from 1 to 2^31 - 2, got " + std::to_string(value));
  return value;
}

// float32 or float64, contiguous, as it is: data of a million rows are not converted behind anybody's back.
py::array numbers_of(py::handle x, const char* name, Index rank) {
  py::array a = as_array(x, name);
  if ((dtype_num(a) != kFloat32 && dtype_num(a) != kFloat64) || !is_native(a))
    throw py::type_error(std::string(name) + " must have dtype float32 or float64, got " + std::string(py::str(a.dtype())));
  check_rank(a, rank, name);
  return contiguous(a);
}

// Offsets [n + 1] that rise from 0 or more to at most `entries`, copied.
std::vector<std::int64_t> offsets_of(py::handle x, const char* name, Index entries) {
  const py::array a = as_int64(x, name);
  check_rank(a, 1, name);
  if (a.shape(0) < 1) value_error(name, "must have at least one element, got none");
  std::vector<std::int64_t> p(in<std::int64_t>(a), in<std::int64_t>(a) + a.shape(0));
  if (p[0] < 0) value_error(name, "must begin at 0 or above, got " + std::to_string(p[0]));
  for (std::size_t i = 1; i < p.size(); ++i)
    if (p[i] < p[i - 1]) value_error(name, "must not fall, got " + std::to_string(p[i]) + " after " + std::to_string(p[i - 1]));
  if (p.back() > entries) value_error(name, "must end at " + std::to_string(entries) + " at most, got " + std::to_string(p.back()));
  return p;
}

// Ids in [low, limit) as int32: where they lie if they are, else a copy.
py::array ids_of(py::handle x, const char* name, Index low, Index limit) {
  py::array a = as_ids(x, name);
  check_rank(a, 1, name);
  const Index n = a.shape(0);
  if (a.itemsize() == 4) {
    check_range(in<std::int32_t>(a), n, low, limit, name);
    return a;
  }
  check_range(in<std::int64_t>(a), n, low, limit, name);
  return contiguous(py::array(a.attr("astype")("int32")));
}

ExamplesPtr dense(py::handle x) {
  auto e = std::make_unique<PyExamples>();
  e->kind = "dense";
  e->arrays = {numbers_of(x, "X", 2)};
  const py::array& a = e->arrays[0];
  if (a.shape(1) < 1) value_error("X", "must have at least one column, got shape " + shape_text(a));
  if (dtype_num(a) == kFloat32)
    e->f32 = std::make_unique<net::DenseSource<float>>(in<float>(a), a.shape(0), a.shape(1));
  else
    e->f64 = std::make_unique<net::DenseSource<double>>(in<double>(a), a.shape(0), a.shape(1));
  return e;
}

ExamplesPtr sparse(py::handle indptr, py::handle indices, py::handle data, py::handle columns) {
  const Index width = width_of(columns, "width");
  auto e = std::make_unique<PyExamples>();
  e->kind = "sparse";
  e->arrays = {numbers_of(data, "data", 1), ids_of(indices, "indices", 0, width)};
  const py::array &values = e->arrays[0], &ids = e->arrays[1];
  if (values.shape(0) != ids.shape(0))
    value_error("data", "must be as long as indices (" + std::to_string(ids.shape(0)) + "), got " + std::to_string(values.shape(0)));
  e->rows.offsets = offsets_of(indptr, "indptr", ids.shape(0));
  e->rows.ids = in<std::int32_t>(ids);
  if (dtype_num(values) == kFloat32)
    e->f32 = std::make_unique<net::BagSource<float>>(e->rows, in<float>(values), width);
  else
    e->f64 = std::make_unique<net::BagSource<double>>(e->rows, in<double>(values), width);
  return e;
}

ExamplesPtr bags(py::handle ids, py::handle offsets, py::handle table) {
  const Index rows = width_of(table, "rows");
  auto e = std::make_unique<PyExamples>();
  e->kind = "bags";
  e->arrays = {ids_of(ids, "ids", 0, rows)};
  e->rows.offsets = offsets_of(offsets, "offsets", e->arrays[0].shape(0));
  e->rows.ids = in<std::int32_t>(e->arrays[0]);
  e->f32 = std::make_unique<net::BagSource<float>>(e->rows, nullptr, rows);
  e->f64 = std::make_unique<net::BagSource<double>>(e->rows, nullptr, rows);
  return e;
}

ExamplesPtr sequences(py::handle ids, py::handle offsets, py::handle table, py::handle cut) {
  const Index rows = width_of(table, "rows"), length = width_of(cut, "length");
  auto e = std::make_unique<PyExamples>();
  e->kind = "sequences";
  e->arrays = {ids_of(ids, "ids", -1, rows)};
  e->rows.offsets = offsets_of(offsets, "offsets", e->arrays[0].shape(0));
  e->rows.ids = in<std::int32_t>(e->arrays[0]);
  e->f32 = std::make_unique<net::SequenceSource<float>>(e->rows, rows, length);
  e->f64 = std::make_unique<net::SequenceSource<double>>(e->rows, rows, length);
  return e;
}

ExamplesPtr text(std::shared_ptr<text::Corpus> corpus, Index length) {
  auto e = std::make_unique<PyExamples>();
  e->kind = length > 0 ? "sequences" : "bags";
  e->f32 = std::make_unique<net::TextSource<float>>(corpus, length);
  e->f64 = std::make_unique<net::TextSource<double>>(std::move(corpus), length);
  return e;
}

ExamplesPtr stream(py::handle x, py::handle words) {
  const Index vocab = width_of(words, "vocab");
  auto e = std::make_unique<PyExamples>();
  e->kind = "stream";
  py::array a = as_ids(x, "ids");
  if (a.itemsize() != 4) throw py::type_error("ids must have dtype int32, got int64");
  check_rank(a, 1, "ids");
  check_range(in<std::int32_t>(a), a.shape(0), 0, vocab, "ids");
  e->f32 = std::make_unique<net::StreamSource<float>>(in<std::int32_t>(a), a.shape(0), vocab);
  e->f64 = std::make_unique<net::StreamSource<double>>(in<std::int32_t>(a), a.shape(0), vocab);
  e->arrays = {std::move(a)};
  return e;
}

net::Numbers numbers_at(const py::array& a) {
  net::Numbers n;
  if (dtype_num(a) == kFloat32)
    n.f32 = in<float>(a);
  else
    n.f64 = in<double>(a);
  return n;
}

void take_weight(PyTargets& t, py::handle weight) {
  if (weight.is_none()) return;
  const py::array a = contiguous(as_floats(weight, "weight"));
  check_shape(a, {t.targets.n}, "weight");
  const net::Numbers numbers = numbers_at(a);
  for (Index i = 0; i < t.targets.n; ++i)
    if (!(numbers.at(i) >= 0) || std::isinf(numbers.at(i)))
      value_error("weight", "must be finite and not negative, got " + number_text(numbers.at(i)));
  t.targets.weight = numbers;
  t.arrays.push_back(a);
}

TargetsPtr classes(py::handle y, py::handle outputs, py::handle weight) {
  const Index n_outputs = width_of(outputs, "n_outputs");
  auto t = std::make_unique<PyTargets>();
  const py::array a = as_ids(y, "y");
  check_rank(a, 1, "y");
  t->targets.kind = net::TargetKind::classes;
  t->targets.n = a.shape(0);
  t->targets.n_outputs = n_outputs;
  if (a.itemsize() == 4) {
    check_range(in<std::int32_t>(a), a.shape(0), 0, n_outputs, "y");
    t->targets.classes32 = in<std::int32_t>(a);
  } else {
    check_range(in<std::int64_t>(a), a.shape(0), 0, n_outputs, "y");
    t->targets.classes64 = in<std::int64_t>(a);
  }
  t->arrays.push_back(a);
  take_weight(*t, weight);
  return t;
}

TargetsPtr sets(py::handle indptr, py::handle indices, py::handle outputs, py::handle weight, py::handle output_weight) {
  const Index n_outputs = width_of(outputs, "n_outputs");
  auto t = std::make_unique<PyTargets>();
  const py::array a = ids_of(indices, "indices", 0, n_outputs);
  t->targets.kind = net::TargetKind::sets;
  t->targets.offsets = offsets_of(indptr, "indptr", a.shape(0));
  t->targets.n = static_cast<Index>(t->targets.offsets.size()) - 1;
  t->targets.n_outputs = n_outputs;
  t->targets.labels = in<std::int32_t>(a);
  t->arrays.push_back(a);
  take_weight(*t, weight);
  if (!output_weight.is_none()) {
    const py::array v = contiguous(as_floats(output_weight, "output_weight"));
    check_shape(v, {n_outputs}, "output_weight");
    const net::Numbers numbers = numbers_at(v);
    for (Index j = 0; j < n_outputs; ++j) {
      if (!(numbers.at(j) >= 0) || std::isinf(numbers.at(j)))
        value_error("output_weight", "must be finite and not negative, got " + number_text(numbers.at(j)));
      t->targets.output_weight.push_back(numbers.at(j));
    }
  }
  return t;
}

TargetsPtr number_rows(py::handle y, py::handle weight, net::TargetKind kind) {
  const bool probabilities = kind == net::TargetKind::rows;
  const char* const name = probabilities ? "p" : "y";
  auto t = std::make_unique<PyTargets>();
  const py::array a = numbers_of(y, name, 2);
  t->targets.kind = kind;
  t->targets.n = a.shape(0);
  t->targets.n_outputs = a.shape(1);
  t->targets.numbers = numbers_at(a);
  for (Index i = 0; i < a.size(); ++i) {
    const double x = t->targets.numbers.at(i);
    if (probabilities ? !(x >= 0 && x <= 1) : !std::isfinite(x))
      value_error(name, std::string(probabilities ? "must lie in [0, 1]" : "must be finite") + ", got " + number_text(x));
  }
  t->arrays.push_back(a);
  take_weight(*t, weight);
  return t;
}

}  // namespace

void register_examples(py::module_& m) {
  const auto none = py::none();
  py::class_<PyExamples>(m, "Examples")
      .def_static("dense", &dense, py::arg("X"))
      .def_static("sparse", &sparse, py::arg("indptr"), py::arg("indices"), py::arg("data"), py::arg("width"))
      .def_static("bags", &bags, py::arg("ids"), py::arg("offsets"), py::arg("rows"))
      .def_static("sequences", &sequences, py::arg("ids"), py::arg("offsets"), py::arg("rows"), py::arg("length"))
      .def_static(
          "text", [](std::shared_ptr<text::Corpus> c) { return text(std::move(c), 0); }, py::arg("corpus").none(false))
      .def_static(
          "text_sequences",
          [](std::shared_ptr<text::Corpus> c, py::handle length) { return text(std::move(c), width_of(length, "length")); },
          py::arg("corpus").none(false), py::arg("length"))
      .def_static("stream", &stream, py::arg("ids"), py::arg("vocab"))
      .def("__len__", &PyExamples::size)
      .def_property_readonly("kind", [](const PyExamples& e) { return e.kind; })
      .def_property_readonly("width", [](const PyExamples& e) { return e.f32 != nullptr ? e.f32->width() : e.f64->width(); });
  py::class_<PyTargets>(m, "Targets")
      .def_static("classes", &classes, py::arg("y"), py::arg("n_outputs"), py::arg("weight") = none)
      .def_static("sets", &sets, py::arg("indptr"), py::arg("indices"), py::arg("n_outputs"), py::arg("weight") = none,
                  py::arg("output_weight") = none)
      .def_static(
          "rows", [](py::handle p, py::handle w) { return number_rows(p, w, net::TargetKind::rows); }, py::arg("p"),
          py::arg("weight") = none)
      .def_static(
          "values", [](py::handle y, py::handle w) { return number_rows(y, w, net::TargetKind::values); }, py::arg("y"),
          py::arg("weight") = none)
      .def_static(
          "slopes", [](py::handle y, py::handle w) { return number_rows(y, w, net::TargetKind::slopes); }, py::arg("y"),
          py::arg("weight") = none)
      .def("__len__", [](const PyTargets& t) { return t.targets.n; })
      .def_property_readonly("n_outputs", [](const PyTargets& t) { return t.targets.n_outputs; })
      .def_property_readonly("kind", [](const PyTargets& t) {
        constexpr const char* names[] = {"classes", "sets", "rows", "values", "slopes"};
        return names[static_cast<int>(t.targets.kind)];
      });
}

}  // namespace pyffnn::bindings
