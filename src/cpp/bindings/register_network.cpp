#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "bindings/c_model.h"
#include "bindings/data_objects.h"
#include "bindings/interrupts.h"
#include "bindings/lent.h"
#include "bindings/network_spec.h"
#include "bindings/order.h"
#include "bindings/register.h"
#include "bindings/text_input.h"
#include "core/thread_pool.h"
#include "net/network.h"
#include "net/sources/text.h"

namespace pyffnn::bindings {
namespace {

template <class T>
constexpr int kNum = sizeof(T) == 4 ? kFloat32 : kFloat64;

// ids from the most to the least frequent: a permutation of 0 .. n - 1
std::vector<std::int32_t> permutation_of(py::handle x, Index n) {
  const py::array a = as_int64(x, "by_frequency");
  check_shape(a, {n}, "by_frequency");
  std::vector<std::int32_t> out(static_cast<std::size_t>(n));
  std::vector<bool> seen(out.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Index id = in<std::int64_t>(a)[i];
    if (id < 0 || id >= n || seen[static_cast<std::size_t>(id)]) value_error("by_frequency", "must hold each id once");
    seen[static_cast<std::size_t>(id)] = true;
    out[i] = static_cast<std::int32_t>(id);
  }
  return out;
}

template <class T>
py::array view(const net::Param<T>& p, const net::Array<T>& array, const py::capsule& owner) {
  constexpr Index item = sizeof(T);
  if (array.ld == 1 && p.by_row) return py::array_t<T>({p.rows}, {item}, array.p(), owner);
  if (!p.is_matrix()) return py::array_t<T>({p.cols}, {item}, array.p(), owner);
  return py::array_t<T>({p.rows, p.cols}, {p.ld * item, item}, array.p(), owner);
}

template <class T>
class PyNetwork {
 public:
  explicit PyNetwork(std::unique_ptr<net::Network<T>> network) : net_(std::move(network)) {}
  PyNetwork(const py::dict& dict, py::handle by_frequency) {
    const net::Spec spec = network_spec(dict);
    spec.check();
    check_memory(spec);
    std::vector<std::int32_t> order;
    const bool wants = spec.output == net::OutputKind::adaptive || spec.output == net::OutputKind::sampled;
    if (wants)
      order = permutation_of(by_frequency, spec.n_outputs);
    else if (!by_frequency.is_none())
      throw py::value_error("by_frequency must be None unless output is 'adaptive' or 'sampled'");
    const ReleaseGil release;
    net_ = std::make_shared<net::Network<T>>(spec, std::move(order));
  }

  const std::shared_ptr<net::Network<T>>& shared() const { return net_; }
  py::dict spec() const { return spec_dict(net_->spec()); }
  py::dict parameters() const {
    py::dict d;
    for (const auto& p : net_->params().all()) {
      d[py::str(p->name)] = view(*p, p->value, lent(p->value.memory, p->version));
      if (p->weights.exists())
        d[py::str(p->name + ".weights")] =
            py::array_t<T>({p->rows}, {static_cast<Index>(sizeof(T))}, p->weights.p(), lent(p->weights.memory, p->version));
    }
    return d;
  }
  py::dict state() const {
    py::dict d;
    const std::shared_ptr<net::Version> none;
    for (const auto& p : net_->params().all()) {
      if (p->state1.exists()) d[py::str(p->name + ".s1")] = view(*p, p->state1, lent(p->state1.memory, none));
      if (p->state2.exists()) d[py::str(p->name + (p->by_row ? ".rate" : ".s2"))] = view(*p, p->state2, lent(p->state2.memory, none));
    }
    return d;
  }
  std::int64_t step() const { return net_->step(); }
  void set_step(std::int64_t step) {
    if (step < 0) value_error("step", "must not be negative, got " + std::to_string(step));
    net_->set_step(step);
  }
  void initialise(std::int64_t seed, py::handle counts) {
    std::vector<std::int64_t> seen;
    if (!counts.is_none()) {
      if (!net_->spec().of_words()) throw py::value_error("counts must be None for output 'classes'");
      seen = int64s(counts, "counts");
      if (static_cast<Index>(seen.size()) != net_->spec().n_outputs)
        value_error("counts", "must have " + std::to_string(net_->spec().n_outputs) + " numbers, got " + std::to_string(seen.size()));
      for (const std::int64_t c : seen)
        if (c < 0) value_error("counts", "must not be negative, got " + std::to_string(c));
    }
    const ReleaseGil release;
    net_->initialise(static_cast<std::uint64_t>(seed), seen.empty() ? nullptr : seen.data());
  }

  py::tuple train(const PyExamples& e, const PyTargets& t, py::handle order, py::handle size, py::handle lr, int n_threads) {
    const Index wanted = integer_of("batch_size", size);
    const net::Source<T>& source = e.source<T>();
    const Order o = order_of(order, source.size(), source.kind() == net::SourceKind::stream, run());
    if (o.offsets.empty() && wanted < 1) value_error("batch_size", "must be at least 1, got " + std::to_string(wanted));
    // No larger than what there is, so that nothing is added up beyond 2^63.
    const Index batch_size = std::min(wanted, std::max<Index>(static_cast<Index>(o.start.size()), 1));
    net::Batches batches{o.visit(), batch_size, nullptr, 0};
    if (!o.offsets.empty()) {
      batches.offsets = o.offsets.data();
      batches.count = static_cast<Index>(o.offsets.size()) - 1;
    } else {
      batches.count = (batches.visit.count + batch_size - 1) / batch_size;
    }
    const std::vector<double> rates = rates_of(lr, batches.count);
    py::array_t<double> losses(batches.count), weights(batches.count);
    double *const loss = losses.mutable_data(), *const weight = weights.mutable_data();
    bool finite = true;
    Interrupts interrupts;
    const Index done =
        without_gil(n_threads, [&] { return net_->train(source, t.targets, batches, rates.data(), loss, weight, finite, interrupts); });
    losses.resize({done});
    weights.resize({done});
    return py::make_tuple(losses, weights, finite);
  }

  py::tuple evaluate(const PyExamples& e, const PyTargets& t, py::handle order, bool accuracy, int n_threads) {
    const net::Source<T>& source = e.source<T>();
    const Order o = order_of(order, source.size(), source.kind() == net::SourceKind::stream, run());
    Interrupts interrupts;
    const net::Evaluation r = without_gil(n_threads, [&] { return net_->evaluate(source, t.targets, o.visit(), accuracy, interrupts); });
    return py::make_tuple(r.loss, r.weight, r.correct);
  }

  py::array predict(const PyExamples& e, py::handle order, int n_threads) {
    const net::Source<T>& source = e.source<T>();
    const Order o = order_of(order, source.size(), source.kind() == net::SourceKind::stream, run());
    py::array result = new_array({o.examples, net_->spec().n_outputs}, kNum<T>);
    T* const to = out<T>(result);
    Interrupts interrupts;
    without_gil(n_threads, [&] {
      net_->predict(source, o.visit(), to, interrupts);
      return 0;
    });
    return result;
  }

  py::array values(const PyExamples& e, const std::string& name, py::handle order, int n_threads) {
    net::Stage stage = net::Stage::output;
    if (name == "input")
      stage = net::Stage::input;
    else if (name == "hidden")
      stage = net::Stage::hidden;
    else if (name != "output")
      throw py::value_error("stage must be 'input', 'hidden' or 'output', got '" + name + "'");
    const net::Source<T>& source = e.source<T>();
    const Order o = order_of(order, source.size(), source.kind() == net::SourceKind::stream, run());
    py::array result = new_array({o.examples, net_->width(stage)}, kNum<T>);
    T* const to = out<T>(result);
    Interrupts interrupts;
    without_gil(n_threads, [&] {
      net_->values(source, o.visit(), stage, to, interrupts);
      return 0;
    });
    return result;
  }

  // predict(Examples.text(features.encode_texts(texts))) in one call, for one text or a few: what lies between costs as much as they do.
  py::array predict_texts(const std::shared_ptr<text::Featurizer>& features, Index length, py::handle texts, int n_threads) {
    if (length < 0) value_error("length", "must not be negative, got " + std::to_string(length));
    const net::TextSource<T> source(encode_texts(features, texts), length);
    const Order o = order_of(py::none(), source.size(), false, 1);
    py::array result = new_array({o.examples, net_->spec().n_outputs}, kNum<T>);
    T* const to = out<T>(result);
    Interrupts interrupts;
    without_gil(n_threads, [&] {
      net_->predict(source, o.visit(), to, interrupts);
      return 0;
    });
    return result;
  }

  py::tuple top_k(const PyExamples& e, py::handle most, double threshold, py::handle order, int n_threads) {
    const Index k = integer_of("k", most);
    if (k < 1) value_error("k", "must be at least 1, got " + std::to_string(k));
    const net::Source<T>& source = e.source<T>();
    const Order o = order_of(order, source.size(), source.kind() == net::SourceKind::stream, run());
    py::array p = new_array({o.examples, k}, kNum<T>);
    py::array_t<std::int32_t> ids(std::vector<Index>{o.examples, k});
    T* const to_p = out<T>(p);
    std::int32_t* const to_ids = ids.mutable_data();
    Interrupts interrupts;
    without_gil(n_threads, [&] {
      net_->top_k(source, o.visit(), k, threshold, to_ids, to_p, interrupts);
      return 0;
    });
    return py::make_tuple(ids, p);
  }

  py::array_t<double> log_prob(const PyExamples& e, const PyTargets& t, py::handle first, py::handle last, int n_threads) {
    const Index begin = integer_of("begin", first), end = integer_of("end", last);
    const net::Source<T>& source = e.source<T>();
    if (begin < 0 || end < begin || end > source.size())
      throw py::value_error("begin and end must lie in the " + std::to_string(source.size()) + " examples, got " + std::to_string(begin) +
                            " and " + std::to_string(end));
    const Order o = runs_of(begin, end, source.kind() == net::SourceKind::stream ? run() : 1);
    py::array_t<double> result(end - begin);
    double* const to = result.mutable_data();
    Interrupts interrupts;
    without_gil(n_threads, [&] {
      net_->log_prob(source, t.targets, o.visit(), to, interrupts);
      return 0;
    });
    return result;
  }

  py::array_t<double> distribution(py::handle x, int n_threads) {
    if (net_->spec().input != net::InputKind::windows) throw py::value_error("distribution: the network reads no stream of ids");
    const py::array ids = as_ids(x, "ids");
    check_rank(ids, 1, "ids");
    std::vector<std::int32_t> own;
    const std::vector<std::int64_t> wide = int64s(ids, "ids");
    check_range(wide.data(), static_cast<Index>(wide.size()), 0, net_->spec().rows, "ids");
    own.assign(wide.begin(), wide.end());
    py::array_t<double> result(net_->spec().n_outputs);
    double* const to = result.mutable_data();
    without_gil(n_threads, [&] {
      net_->distribution(own.data(), static_cast<Index>(own.size()), to);
      return 0;
    });
    return result;
  }

  py::tuple gradients(const PyExamples& e, const PyTargets& t, py::handle order, bool dropout) {
    const net::Source<T>& source = e.source<T>();
    const Order o = order_of(order, source.size(), source.kind() == net::SourceKind::stream, run());
    py::dict d;
    std::map<std::string, T*> grads;
    for (const auto& p : net_->params().all()) {
      if (p->name == "embedding" && net_->spec().freeze_embeddings) continue;
      py::array a = new_array(p->is_matrix() ? std::vector<Index>{p->rows, p->cols} : std::vector<Index>{p->cols}, kNum<T>);
      grads[p->name] = out<T>(a);
      d[py::str(p->name)] = a;
    }
    const double loss = without_gil(0, [&] { return net_->gradients(source, t.targets, o.visit(), dropout, grads); });
    return py::make_tuple(loss, d);
  }

  std::unique_ptr<PyNetwork> fork(const PyExamples* e, py::handle table, const py::dict& training) {
    const Index rows = integer_of("rows", table);
    if (rows < 0) value_error("rows", "must not be negative, got " + std::to_string(rows));
    net::Spec settings = net_->spec();
    if (training.size() > 0) {
      constexpr const char* free[] = {"precision",
                                      "beta1",
                                      "beta2",
                                      "eps",
                                      "l2",
                                      "weight_decay",
                                      "clip",
                                      "embedding_lr",
                                      "dropout",
                                      "input_dropout",
                                      "word_dropout",
                                      "embedding_dropout",
                                      "output_dropout",
                                      "freeze_embeddings",
                                      "frozen_steps",
                                      "samples",
                                      "spread_power",
                                      "seed"};
      for (const auto& item : training) {
        const std::string key = py::cast<std::string>(py::str(item.first));
        if (std::find(std::begin(free), std::end(free), key) == std::end(free))
          throw py::value_error("training must have keys that concern training alone, got '" + key + "'");
      }
      py::dict all = spec_dict(settings);
      all.attr("update")(training);
      settings = network_spec(all);
    }
    net::Spec larger = settings;
    if (rows > larger.rows && larger.has_table()) larger.rows = rows;
    larger.check();
    check_memory(larger);
    const net::Source<T>* const source = e == nullptr ? nullptr : &e->source<T>();
    const ReleaseGil release;
    return std::make_unique<PyNetwork>(net_->fork(source, rows, settings));
  }
  // then(): called while no reader can look, in one piece with the change. The GIL is held over both, so that no fork of the process comes
  // between them.
  void absorb(const PyNetwork& fork, const py::object& then) {
    if (&fork == this) throw py::value_error("fork must be another network");
    {
      const ReleaseGil release;
      net_->lock().lock();
    }
    const std::unique_lock<SharedLock> lock(net_->lock(), std::adopt_lock);
    net_->absorb(*fork.net_);
    if (!then.is_none()) then();
  }

  void set_rows(py::handle ids, py::handle values) {
    const std::vector<std::int64_t> rows = table_rows(ids);
    const py::array v = contiguous(as_dtype(as_floats(values, "values"), kNum<T>));
    check_shape(v, {static_cast<Index>(rows.size()), net_->spec().dim}, "values");
    const T* const from = in<T>(v);
    const ReleaseGil release;
    net_->set_rows(rows.data(), static_cast<Index>(rows.size()), from);
  }
  void set_row_rates(py::handle ids, double rate) {
    if (!(rate >= 0) || std::isinf(rate)) value_error("rate", "must be finite and not negative, got " + number_text(rate));
    const std::vector<std::int64_t> rows = table_rows(ids);
    const ReleaseGil release;
    net_->set_row_rates(rows.data(), static_cast<Index>(rows.size()), static_cast<T>(rate));
  }
  void set_row_weights(py::handle ids, py::handle values) {
    const std::vector<std::int64_t> rows = table_rows(ids);
    const py::array v = contiguous(as_dtype(as_floats(values, "values"), kNum<T>));
    check_shape(v, {static_cast<Index>(rows.size())}, "values");
    const T* const from = in<T>(v);
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (!(from[i] >= 0) || std::isinf(from[i])) value_error("values", "must be finite and not negative, got " + number_text(from[i]));
    const ReleaseGil release;
    net_->set_row_weights(rows.data(), static_cast<Index>(rows.size()), from);
  }

  Index kept_bytes() const { return net_->kept_bytes(); }
  Index workspace_bytes() {
    const ReleaseGil release;
    return net_->workspace_bytes();
  }
  net::Network<T>& net() { return *net_; }

 private:
  // Examples of a run of a stream: with distant means, so many that their cost is shared and their products stay small.
  Index run() const { return net_->spec().distant_kernels > 0 ? 32 : 512; }

  static void check_memory(const net::Spec& s) {
    const auto d = [](Index x) { return static_cast<double>(x); };
    double numbers = d(s.rows) * d(s.dim);
    Index below = s.width();
    for (const Index h : s.hidden) {
      numbers += d(below) * d(h) + (s.residual ? d(h) * d(s.last_size()) : 0);
      below = s.residual ? s.last_size() : h;
    }
    if (s.input == net::InputKind::sparse) numbers += d(s.n_inputs) * d(s.width());
    if (s.input == net::InputKind::windows && s.residual) numbers += d(s.width()) * d(s.last_size());
    numbers += d(s.output_size()) * d(s.n_outputs);
    const int copies = 1 + (s.optimizer != Optim::sgd) + (s.optimizer == Optim::adam);
    if (numbers * copies * sizeof(T) > static_cast<double>(physical_memory()))
      throw memory_error("cannot allocate a network of " + number_text(numbers) + " weights");
  }
  // Learning rates, one a batch; a single number stands for all.
  static std::vector<double> rates_of(py::handle lr, Index batches) {
    const py::array a = contiguous(as_dtype(as_floats(lr, "lr"), kFloat64));
    std::vector<double> rates;
    if (a.ndim() == 0)
      rates.assign(static_cast<std::size_t>(batches), in<double>(a)[0]);
    else {
      check_shape(a, {batches}, "lr");
      rates.assign(in<double>(a), in<double>(a) + batches);
    }
    for (const double r : rates)
      if (!std::isfinite(r)) value_error("lr", "must be finite, got " + number_text(r));
    return rates;
  }
  std::vector<std::int64_t> table_rows(py::handle ids) const {
    if (!net_->has_table() || !net_->spec().has_table()) throw py::value_error("the network has no embedding table");
    std::vector<std::int64_t> rows = int64s(ids, "ids");
    check_range(rows.data(), static_cast<Index>(rows.size()), 0, net_->total_rows(), "ids");
    return rows;
  }
  // f() reads plain numbers and pointers alone, taken before: without the GIL no reference may be counted.
  template <class F>
  static auto without_gil(int n_threads, F&& f) {
    if (n_threads < 0) value_error("n_threads", "must not be negative, got " + std::to_string(n_threads));
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(n_threads);
    return f();
  }

  std::shared_ptr<net::Network<T>> net_;
};

// While it is entered no other thread changes the network; of the thread that entered it, changes are refused.
template <class T>
class Reading {
 public:
  explicit Reading(py::object network) : network_(std::move(network)), lock_(&network_.cast<PyNetwork<T>&>().net().lock()) {}
  void enter() {
    const ReleaseGil release;
    lock_->lock_shared();
  }
  void exit() { lock_->unlock_shared(); }

 private:
  py::object network_;
  SharedLock* lock_;
};

template <class T>
void register_of(py::module_& m, const char* name, const char* reading) {
  using N = PyNetwork<T>;
  const auto none = py::none();
  py::class_<Reading<T>>(m, reading).def("__enter__", [](Reading<T>& r) { r.enter(); }).def("__exit__", [](Reading<T>& r, const py::args&) {
    r.exit();
  });
  py::class_<N> network(m, name);
  if constexpr (std::is_same_v<T, float>)
    network.def("c_model", &lend<N>, py::arg("features").none(true), py::arg("length"), py::arg("one_unit"), py::arg("labels"),
                py::arg("mean"), py::arg("spread"));
  network.def(py::init<const py::dict&, py::handle>(), py::arg("spec"), py::arg("by_frequency") = none)
      .def_property_readonly("spec", &N::spec)
      .def("parameters", &N::parameters)
      .def("state", &N::state)
      .def_property("step", &N::step, &N::set_step)
      .def("initialise", &N::initialise, py::arg("seed"), py::arg("counts") = none)
      .def("train", &N::train, py::arg("examples"), py::arg("targets"), py::arg("order"), py::arg("batch_size"), py::arg("lr"),
           py::arg("n_threads") = 0)
      .def("evaluate", &N::evaluate, py::arg("examples"), py::arg("targets"), py::arg("order") = none, py::arg("accuracy") = true,
           py::arg("n_threads") = 0)
      .def("predict", &N::predict, py::arg("examples"), py::arg("order") = none, py::arg("n_threads") = 0)
      .def("values", &N::values, py::arg("examples"), py::arg("stage") = "output", py::arg("order") = none, py::arg("n_threads") = 0)
      .def("predict_texts", &N::predict_texts, py::arg("features").none(false), py::arg("length"), py::arg("texts"),
           py::arg("n_threads") = 0)
      .def("top_k", &N::top_k, py::arg("examples"), py::arg("k"), py::arg("threshold") = 0.0, py::arg("order") = none,
           py::arg("n_threads") = 0)
      .def("log_prob", &N::log_prob, py::arg("examples"), py::arg("targets"), py::arg("begin"), py::arg("end"), py::arg("n_threads") = 0)
      .def("distribution", &N::distribution, py::arg("ids"), py::arg("n_threads") = 0)
      .def("gradients", &N::gradients, py::arg("examples"), py::arg("targets"), py::arg("order") = none, py::arg("dropout") = false)
      .def("fork", &N::fork, py::arg("examples").none(true) = none, py::arg("rows") = 0, py::arg("training") = py::dict())
      .def("absorb", &N::absorb, py::arg("fork"), py::arg("then") = none)
      .def("reading", [](py::object self) { return std::make_unique<Reading<T>>(std::move(self)); })
      .def("set_rows", &N::set_rows, py::arg("ids"), py::arg("values"))
      .def("set_row_rates", &N::set_row_rates, py::arg("ids"), py::arg("rate"))
      .def("set_row_weights", &N::set_row_weights, py::arg("ids"), py::arg("values"))
      .def("kept_bytes", &N::kept_bytes)
      .def("workspace_bytes", &N::workspace_bytes);
}

}  // namespace

void register_network(py::module_& m) {
  register_of<float>(m, "Network", "NetworkReading");
  register_of<double>(m, "Network64", "Network64Reading");
}

}  // namespace pyffnn::bindings
