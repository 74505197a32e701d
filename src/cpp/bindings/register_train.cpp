#include <pybind11/stl.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>

#include "bindings/lent.h"
#include "bindings/network_spec.h"
#include "bindings/register.h"
#include "core/thread_pool.h"
#include "ops/embedding.h"
#include "train/ffnn.h"
#include "train/ffnn_text_source.h"

namespace pyffnn::bindings {
namespace {

using train::InputKind;
using train::LossKind;

template <class T>
constexpr int kNum = sizeof(T) == 4 ? kFloat32 : kFloat64;
template <class T>
constexpr const char* kDtype = sizeof(T) == 4 ? "float32" : "float64";

std::string number_text(double x) { return py::cast<std::string>(py::repr(py::float_(x))); }

// A view of a network's matrix that keeps its memory alive.
template <class T>
py::array view(const train::Matrix<T>& m) {
  const py::capsule owner = lent(m.memory, m.version);
  constexpr Index item = sizeof(T);
  if (m.cols == 0) return py::array_t<T>({m.rows}, {item}, m.p(), owner);
  return py::array_t<T>({m.rows, m.cols}, {m.ld * item, item}, m.p(), owner);
}

// Floats of exactly the network's type, C-contiguous.
template <class T>
py::array floats(py::handle x, const char* name, Index rank) {
  py::array a = as_array(x, name);
  if (dtype_num(a) != kNum<T> || !is_native(a))
    throw py::type_error(std::string(name) + " must have dtype " + kDtype<T> + ", got " + std::string(py::str(a.dtype())));
  check_rank(a, rank, name);
  return contiguous(a);
}

template <class I>
void check_range(const I* p, Index n, Index limit, const char* name) {
  const Index bad = ops::first_bad_id(p, n, limit);
  if (bad >= 0)
    throw py::index_error(std::string(name) + " holds " + std::to_string(p[bad]) + " at position " + std::to_string(bad) +
                          ", outside [0, " + std::to_string(limit) + ")");
}

// Examples of one kind of input, with the arrays that they lie in.
template <class T>
struct Examples {
  std::vector<py::array> arrays;
  std::shared_ptr<const text::Corpus> corpus;
  std::unique_ptr<train::Source<T>> source;
};

void expect(const train::Spec& spec, std::initializer_list<InputKind> kinds, const char* what) {
  for (const InputKind k : kinds)
    if (spec.input == k) return;
  constexpr const char* names[] = {"dense", "sparse", "mean", "concat"};
  throw py::value_error(std::string("a network with input '") + names[static_cast<int>(spec.input)] + "' does not take " + what);
}

template <class T>
Examples<T> dense_examples(const train::Spec& spec, py::handle x) {
  expect(spec, {InputKind::dense}, "dense examples");
  Examples<T> e;
  e.arrays = {floats<T>(x, "X", 2)};
  if (e.arrays[0].shape(1) != spec.n_inputs)
    value_error("X", "must have " + std::to_string(spec.n_inputs) + " columns, got shape " + shape_text(e.arrays[0]));
  e.source = std::make_unique<train::DenseSource<T>>(in<T>(e.arrays[0]), e.arrays[0].shape(0), spec.n_inputs);
  return e;
}

// Offsets [N + 1] that rise from 0 or more to at most `entries`.
py::array bag_offsets(py::handle x, const char* name, Index entries) {
  py::array a = as_int64(x, name);
  check_rank(a, 1, name);
  if (a.shape(0) < 1) value_error(name, "must have at least one element, got none");
  const auto* const p = in<std::int64_t>(a);
  const Index n = a.shape(0);
  if (p[0] < 0) value_error(name, "must begin at 0 or above, got " + std::to_string(p[0]));
  for (Index i = 1; i < n; ++i)
    if (p[i] < p[i - 1]) value_error(name, "must not fall, got " + std::to_string(p[i]) + " after " + std::to_string(p[i - 1]));
  if (p[n - 1] > entries) value_error(name, "must end at " + std::to_string(entries) + " at most, got " + std::to_string(p[n - 1]));
  return a;
}

py::array as_int32(py::handle x, const char* name, Index limit) {
  py::array a = as_ids(x, name);
  check_rank(a, 1, name);
  if (a.itemsize() == 4) return a;
  check_range(in<std::int64_t>(a), a.shape(0), limit, name);
  return contiguous(py::array(a.attr("astype")("int32")));
}

template <class T>
Examples<T> sparse_examples(const train::Spec& spec, py::handle indptr, py::handle indices, py::handle data) {
  expect(spec, {InputKind::sparse}, "sparse examples");
  Examples<T> e;
  const py::array values = floats<T>(data, "data", 1), ids = as_int32(indices, "indices", spec.n_inputs);
  if (values.shape(0) != ids.shape(0))
    value_error("data", "must be as long as indices (" + std::to_string(ids.shape(0)) + "), got " + std::to_string(values.shape(0)));
  const py::array offsets = bag_offsets(indptr, "indptr", ids.shape(0));
  check_range(in<std::int32_t>(ids), ids.shape(0), spec.n_inputs, "indices");
  e.source = std::make_unique<train::RowSource<T>>(in<std::int64_t>(offsets), offsets.shape(0) - 1, in<std::int32_t>(ids), in<T>(values));
  e.arrays = {values, ids, offsets};
  return e;
}

template <class T>
Examples<T> bag_examples(const train::Spec& spec, py::handle x, py::handle y) {
  expect(spec, {InputKind::mean, InputKind::concat}, "bags of ids");
  Examples<T> e;
  py::array ids = as_ids(x, "ids");
  check_rank(ids, 1, "ids");
  const bool concat = spec.input == InputKind::concat;
  if (ids.itemsize() == 8) {
    if (!concat) check_range(in<std::int64_t>(ids), ids.shape(0), spec.rows, "ids");
    ids = contiguous(py::array(ids.attr("clip")(-1, std::int64_t{INT32_MAX}).attr("astype")("int32")));
  }
  if (concat) {
    // -1 is padding, anything else that is negative a mistake.
    const auto* const p = in<std::int32_t>(ids);
    for (Index i = 0; i < ids.shape(0); ++i)
      if (p[i] < -1 || p[i] >= spec.rows)
        throw py::index_error("ids holds " + std::to_string(p[i]) + " at position " + std::to_string(i) + ", outside [-1, " +
                              std::to_string(spec.rows) + ")");
  } else {
    check_range(in<std::int32_t>(ids), ids.shape(0), spec.rows, "ids");
  }
  const py::array offsets = bag_offsets(y, "offsets", ids.shape(0));
  e.source = std::make_unique<train::RowSource<T>>(in<std::int64_t>(offsets), offsets.shape(0) - 1, in<std::int32_t>(ids), nullptr,
                                                   concat ? spec.max_tokens : 0, static_cast<std::int32_t>(spec.rows));
  e.arrays = {ids, offsets};
  return e;
}

template <class T>
Examples<T> text_examples(const train::Spec& spec, std::shared_ptr<text::Corpus> corpus) {
  expect(spec, {InputKind::mean, InputKind::concat}, "texts");
  const bool concat = spec.input == InputKind::concat;
  const Index rows = concat ? corpus->features().num_words() : corpus->num_rows();
  if (rows > spec.rows) value_error("corpus", "must have at most " + std::to_string(spec.rows) + " rows, got " + std::to_string(rows));
  Examples<T> e;
  e.source = std::make_unique<train::TextSource<T>>(*corpus, concat ? spec.max_tokens : 0, static_cast<std::int32_t>(spec.rows));
  e.corpus = std::move(corpus);
  return e;
}

// Targets and weights, checked against `n` examples.
template <class T>
struct TargetArrays {
  py::array y, weight;
  train::Targets<T> targets;
};

template <class T>
TargetArrays<T> targets_of(const train::Spec& spec, Index n, py::handle y, py::handle sample_weight) {
  TargetArrays<T> t;
  if (spec.loss == LossKind::softmax) {
    t.y = as_int64(y, "y");
    check_shape(t.y, {n}, "y");
    check_range(in<std::int64_t>(t.y), n, spec.n_outputs, "y");
    t.targets.classes = in<std::int64_t>(t.y);
  } else {
    py::array a = as_array(y, "y");
    t.y = floats<T>(a, "y", a.ndim());
    if (!(spec.n_outputs == 1 && shape_of(t.y) == std::vector<Index>{n})) check_shape(t.y, {n, spec.n_outputs}, "y");
    const T* const p = in<T>(t.y);
    for (Index i = 0; i < t.y.size(); ++i)
      if (!(p[i] >= 0 && p[i] <= 1)) value_error("y", "must lie in [0, 1], got " + number_text(static_cast<double>(p[i])));
    t.targets.values = p;
  }
  if (!sample_weight.is_none()) {
    t.weight = contiguous(as_dtype(as_floats(sample_weight, "sample_weight"), kNum<T>));
    check_shape(t.weight, {n}, "sample_weight");
    const T* const p = in<T>(t.weight);
    for (Index i = 0; i < n; ++i)
      if (!(p[i] >= 0) || std::isinf(p[i]))
        value_error("sample_weight", "must be finite and not negative, got " + number_text(static_cast<double>(p[i])));
    t.targets.weight = p;
  }
  return t;
}

// The examples to visit; None is all of them in turn.
py::array order_of(py::handle order, Index n) {
  if (order.is_none()) {
    py::array_t<std::int64_t> all(n);
    for (Index i = 0; i < n; ++i) all.mutable_data()[i] = i;
    return all;
  }
  py::array a = as_int64(order, "order");
  check_rank(a, 1, "order");
  check_range(in<std::int64_t>(a), a.shape(0), n, "order");
  return a;
}

// Learning rates, one a step; a single number stands for all.
py::array rates_of(py::handle lr, Index steps) {
  py::array a = contiguous(as_dtype(as_floats(lr, "lr"), kFloat64));
  if (a.ndim() == 0) a = contiguous(py::array(a.attr("repeat")(steps)));
  check_shape(a, {steps}, "lr");
  for (Index i = 0; i < steps; ++i)
    if (!std::isfinite(in<double>(a)[i])) value_error("lr", "must be finite, got " + number_text(in<double>(a)[i]));
  return a;
}

py::dict progress_dict(const train::Progress& p, bool evaluation) {
  py::dict d;
  d["loss"] = p.loss;
  d["weight"] = p.weight;
  d["finite"] = p.finite;
  d[evaluation ? "correct" : "steps"] = evaluation ? py::object(py::float_(p.correct)) : py::object(py::int_(p.steps));
  return d;
}

template <class T>
class PyNetwork {
 public:
  explicit PyNetwork(const py::dict& spec) : net_(make(network_spec(spec))) {}

  py::dict parameters() {
    py::dict d;
    for (const train::Parameter<T>* p : net_->parameters().all()) d[py::str(p->value.name)] = view(p->value);
    return d;
  }
  py::dict state() {
    py::dict d;
    for (const train::Parameter<T>* p : net_->parameters().all())
      for (const train::Matrix<T>* s : {&p->s1, &p->s2})
        if (s->exists()) d[py::str(s->name)] = view(*s);
    d["step"] = net_->step();
    return d;
  }
  Index kept_bytes() { return net_->kept_bytes(); }
  void set_step(std::int64_t step) {
    if (step < 0) value_error("step", "must not be negative, got " + std::to_string(step));
    net_->set_step(step);
  }
  void initialise(std::int64_t seed) {
    const ReleaseGil release;
    net_->initialise(static_cast<std::uint64_t>(seed));
  }
  void grow(Index rows, Index n_outputs) {
    train::Spec larger = spec();
    if (!spec().has_table() && rows != 0) value_error("rows", "must be 0 for a network without an embedding, got " + std::to_string(rows));
    larger.rows = std::max(rows, larger.rows);
    larger.n_outputs = std::max(n_outputs, larger.n_outputs);
    larger.check();
    check_memory(larger);
    const ReleaseGil release;
    net_->grow(rows, n_outputs);
  }
  const train::Spec& spec() const { return net_->spec(); }

  py::dict train(const Examples<T>& e, py::handle y, py::handle sample_weight, py::handle order, Index batch_size, py::handle lr,
                 int n_threads) {
    if (batch_size < 1) value_error("batch_size", "must be at least 1, got " + std::to_string(batch_size));
    const TargetArrays<T> t = targets_of<T>(spec(), e.source->size(), y, sample_weight);
    const py::array visit = order_of(order, e.source->size());
    const Index steps = (visit.shape(0) + batch_size - 1) / batch_size;
    const py::array rates = rates_of(lr, steps);
    py::array losses = new_array({steps}, kFloat64), weights = new_array({steps}, kFloat64);
    const train::Progress p = run(n_threads, [&] {
      return net_->train(*e.source, t.targets, in<std::int64_t>(visit), visit.shape(0), batch_size, in<double>(rates), out<double>(losses),
                         out<double>(weights));
    });
    py::dict result = progress_dict(p, false);
    result["losses"] = losses;
    result["weights"] = weights;
    return result;
  }
  py::dict evaluate(const Examples<T>& e, py::handle y, py::handle sample_weight, py::handle order, int n_threads) {
    const TargetArrays<T> t = targets_of<T>(spec(), e.source->size(), y, sample_weight);
    const py::array visit = order_of(order, e.source->size());
    return progress_dict(run(n_threads, [&] { return net_->evaluate(*e.source, t.targets, in<std::int64_t>(visit), visit.shape(0)); }),
                         true);
  }
  py::array predict(const Examples<T>& e, py::handle order, int n_threads) {
    const py::array visit = order_of(order, e.source->size());
    py::array result = new_array({visit.shape(0), spec().n_outputs}, kNum<T>);
    run(n_threads, [&] {
      net_->predict(*e.source, in<std::int64_t>(visit), visit.shape(0), out<T>(result));
      return 0;
    });
    return result;
  }
  py::tuple gradients(const Examples<T>& e, py::handle y, py::handle sample_weight, py::handle order) {
    const TargetArrays<T> t = targets_of<T>(spec(), e.source->size(), y, sample_weight);
    const py::array visit = order_of(order, e.source->size());
    py::dict d;
    std::map<std::string, T*> grads;
    for (const train::Parameter<T>* p : net_->parameters().all()) {
      const train::Matrix<T>& m = p->value;
      if (m.name == "embedding" && spec().freeze_embeddings) continue;
      py::array a = new_array(m.cols == 0 ? std::vector<Index>{m.rows} : std::vector<Index>{m.rows, m.cols}, kNum<T>);
      grads[m.name] = out<T>(a);
      d[py::str(m.name)] = a;
    }
    const double loss = run(0, [&] { return net_->gradients(*e.source, t.targets, in<std::int64_t>(visit), visit.shape(0), grads); });
    return py::make_tuple(loss, d);
  }

 private:
  static void check_memory(const train::Spec& s) {
    double numbers = static_cast<double>(s.rows) * static_cast<double>(train::padded(s.dim));
    for (Index l = 0; l < s.layers(); ++l) numbers += static_cast<double>(s.layer_inputs(l)) * static_cast<double>(s.layer_outputs(l));
    const int copies = 1 + (s.optimizer != Optim::sgd) + (s.optimizer == Optim::adam);
    if (numbers * copies * sizeof(T) > static_cast<double>(physical_memory()))
      throw memory_error("cannot allocate a network of " + number_text(numbers) + " weights");
  }
  static std::unique_ptr<train::Network<T>> make(const train::Spec& s) {
    s.check();
    check_memory(s);
    const ReleaseGil release;
    return std::make_unique<train::Network<T>>(s);
  }
  template <class F>
  static auto run(int n_threads, F&& f) {
    if (n_threads < 0) value_error("n_threads", "must not be negative, got " + std::to_string(n_threads));
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(n_threads);
    return f();
  }

  std::unique_ptr<train::Network<T>> net_;
};

template <class T>
void register_network(py::module_& m, const char* name) {
  using N = PyNetwork<T>;
  const auto dense = [](const N& n, py::handle x) { return dense_examples<T>(n.spec(), x); };
  const auto sparse = [](const N& n, py::handle p, py::handle i, py::handle d) { return sparse_examples<T>(n.spec(), p, i, d); };
  const auto bags = [](const N& n, py::handle i, py::handle o) { return bag_examples<T>(n.spec(), i, o); };
  const auto corpus = [](const N& n, std::shared_ptr<text::Corpus> c) { return text_examples<T>(n.spec(), std::move(c)); };
  using CorpusPtr = std::shared_ptr<text::Corpus>;
  const auto none = py::none();
  py::class_<N>(m, name)
      .def(py::init<const py::dict&>(), py::arg("spec"))
      .def("parameters", &N::parameters)
      .def("state", &N::state)
      .def("kept_bytes", &N::kept_bytes)
      .def("set_step", &N::set_step, py::arg("step"))
      .def("initialise", &N::initialise, py::arg("seed"))
      .def("grow", &N::grow, py::arg("rows") = 0, py::arg("n_outputs") = 0)

      .def(
          "train_dense",
          [dense](N& n, py::object X, py::object y, py::object w, py::object order, Index b, py::object lr, int t) {
            return n.train(dense(n, X), y, w, order, b, lr, t);
          },
          py::arg("X"), py::arg("y"), py::arg("sample_weight"), py::arg("order"), py::arg("batch_size"), py::arg("lr"),
          py::arg("n_threads") = 0)
      .def(
          "train_sparse",
          [sparse](N& n, py::object p, py::object i, py::object d, py::object y, py::object w, py::object order, Index b, py::object lr,
                   int t) { return n.train(sparse(n, p, i, d), y, w, order, b, lr, t); },
          py::arg("indptr"), py::arg("indices"), py::arg("data"), py::arg("y"), py::arg("sample_weight"), py::arg("order"),
          py::arg("batch_size"), py::arg("lr"), py::arg("n_threads") = 0)
      .def(
          "train_bags",
          [bags](N& n, py::object i, py::object o, py::object y, py::object w, py::object order, Index b, py::object lr, int t) {
            return n.train(bags(n, i, o), y, w, order, b, lr, t);
          },
          py::arg("ids"), py::arg("offsets"), py::arg("y"), py::arg("sample_weight"), py::arg("order"), py::arg("batch_size"),
          py::arg("lr"), py::arg("n_threads") = 0)
      .def(
          "train_text",
          [corpus](N& n, CorpusPtr c, py::object y, py::object w, py::object order, Index b, py::object lr, int t) {
            return n.train(corpus(n, std::move(c)), y, w, order, b, lr, t);
          },
          py::arg("corpus").none(false), py::arg("y"), py::arg("sample_weight"), py::arg("order"), py::arg("batch_size"), py::arg("lr"),
          py::arg("n_threads") = 0)

      .def(
          "evaluate_dense",
          [dense](N& n, py::object X, py::object y, py::object w, py::object order, int t) {
            return n.evaluate(dense(n, X), y, w, order, t);
          },
          py::arg("X"), py::arg("y"), py::arg("sample_weight") = none, py::arg("order") = none, py::arg("n_threads") = 0)
      .def(
          "evaluate_sparse",
          [sparse](N& n, py::object p, py::object i, py::object d, py::object y, py::object w, py::object order, int t) {
            return n.evaluate(sparse(n, p, i, d), y, w, order, t);
          },
          py::arg("indptr"), py::arg("indices"), py::arg("data"), py::arg("y"), py::arg("sample_weight") = none, py::arg("order") = none,
          py::arg("n_threads") = 0)
      .def(
          "evaluate_bags",
          [bags](N& n, py::object i, py::object o, py::object y, py::object w, py::object order, int t) {
            return n.evaluate(bags(n, i, o), y, w, order, t);
          },
          py::arg("ids"), py::arg("offsets"), py::arg("y"), py::arg("sample_weight") = none, py::arg("order") = none,
          py::arg("n_threads") = 0)
      .def(
          "evaluate_text",
          [corpus](N& n, CorpusPtr c, py::object y, py::object w, py::object order, int t) {
            return n.evaluate(corpus(n, std::move(c)), y, w, order, t);
          },
          py::arg("corpus").none(false), py::arg("y"), py::arg("sample_weight") = none, py::arg("order") = none, py::arg("n_threads") = 0)

      .def(
          "predict_dense", [dense](N& n, py::object X, py::object order, int t) { return n.predict(dense(n, X), order, t); }, py::arg("X"),
          py::arg("order") = none, py::arg("n_threads") = 0)
      .def(
          "predict_sparse",
          [sparse](N& n, py::object p, py::object i, py::object d, py::object order, int t) {
            return n.predict(sparse(n, p, i, d), order, t);
          },
          py::arg("indptr"), py::arg("indices"), py::arg("data"), py::arg("order") = none, py::arg("n_threads") = 0)
      .def(
          "predict_bags", [bags](N& n, py::object i, py::object o, py::object order, int t) { return n.predict(bags(n, i, o), order, t); },
          py::arg("ids"), py::arg("offsets"), py::arg("order") = none, py::arg("n_threads") = 0)
      .def(
          "predict_text", [corpus](N& n, CorpusPtr c, py::object order, int t) { return n.predict(corpus(n, std::move(c)), order, t); },
          py::arg("corpus").none(false), py::arg("order") = none, py::arg("n_threads") = 0)

      .def(
          "gradients_dense",
          [dense](N& n, py::object X, py::object y, py::object w, py::object order) { return n.gradients(dense(n, X), y, w, order); },
          py::arg("X"), py::arg("y"), py::arg("sample_weight") = none, py::arg("order") = none)
      .def(
          "gradients_sparse",
          [sparse](N& n, py::object p, py::object i, py::object d, py::object y, py::object w, py::object order) {
            return n.gradients(sparse(n, p, i, d), y, w, order);
          },
          py::arg("indptr"), py::arg("indices"), py::arg("data"), py::arg("y"), py::arg("sample_weight") = none, py::arg("order") = none)
      .def(
          "gradients_bags",
          [bags](N& n, py::object i, py::object o, py::object y, py::object w, py::object order) {
            return n.gradients(bags(n, i, o), y, w, order);
          },
          py::arg("ids"), py::arg("offsets"), py::arg("y"), py::arg("sample_weight") = none, py::arg("order") = none)
      .def(
          "gradients_text",
          [corpus](N& n, CorpusPtr c, py::object y, py::object w, py::object order) {
            return n.gradients(corpus(n, std::move(c)), y, w, order);
          },
          py::arg("corpus").none(false), py::arg("y"), py::arg("sample_weight") = none, py::arg("order") = none);
}

}  // namespace

void register_train(py::module_& m) {
  register_network<float>(m, "Network");
  register_network<double>(m, "Network64");
}

}  // namespace pyffnn::bindings
