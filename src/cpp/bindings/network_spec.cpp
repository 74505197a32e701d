#include "bindings/network_spec.h"

#include <initializer_list>
#include <set>
#include <string>
#include <utility>

namespace pyffnn::bindings {
namespace py = pybind11;
namespace {

std::string text(py::handle x) { return py::cast<std::string>(py::repr(x)); }

// Takes keys out of the dict one by one; what was never asked for is unknown.
class Reader {
 public:
  explicit Reader(const py::dict& dict) : dict_(dict) {}

  bool has(const char* key) {
    known_.insert(key);
    return dict_.contains(key);
  }
  py::object need(const char* key) {
    if (!has(key)) throw py::value_error(std::string("spec has no key '") + key + "'");
    return dict_[key];
  }

  static Index to_index(const std::string& key, py::handle x) {
    if (PyBool_Check(x.ptr()) || !PyIndex_Check(x.ptr())) throw py::type_error(key + " must be an integer, got " + text(x));
    const py::object number = py::reinterpret_steal<py::object>(PyNumber_Index(x.ptr()));
    if (!number) throw py::error_already_set();
    int overflow = 0;
    const long long value = PyLong_AsLongLongAndOverflow(number.ptr(), &overflow);
    if (overflow != 0) throw py::value_error(key + " must be below 2^63, got " + text(x));
    return static_cast<Index>(value);
  }
  Index integer(const char* key) { return to_index(key, need(key)); }
  Index integer(const char* key, Index otherwise) { return has(key) ? integer(key) : otherwise; }

  double number(const char* key, double otherwise) {
    if (!has(key)) return otherwise;
    const py::object x = dict_[key];
    const double value = PyBool_Check(x.ptr()) ? -1.0 : PyFloat_AsDouble(x.ptr());
    if (PyBool_Check(x.ptr()) || (value == -1.0 && PyErr_Occurred())) {
      PyErr_Clear();
      throw py::type_error(std::string(key) + " must be a number, got " + text(x));
    }
    return value;
  }
  bool flag(const char* key, bool otherwise) {
    if (!has(key)) return otherwise;
    const py::object x = dict_[key];
    if (!PyBool_Check(x.ptr())) throw py::type_error(std::string(key) + " must be True or False, got " + text(x));
    return x.ptr() == Py_True;
  }
  template <class E>
  E choice(const char* key, py::object x, std::initializer_list<std::pair<const char*, E>> choices) {
    std::string names;
    for (const auto& [name, value] : choices) {
      if (py::isinstance<py::str>(x) && py::cast<std::string>(x) == name) return value;
      names += (names.empty() ? "'" : ", '") + std::string(name) + "'";
    }
    throw py::value_error(std::string(key) + " must be one of " + names + ", got " + text(x));
  }
  template <class E>
  E choice(const char* key, std::initializer_list<std::pair<const char*, E>> choices) {
    return choice(key, need(key), choices);
  }
  template <class E>
  E choice(const char* key, const char* otherwise, std::initializer_list<std::pair<const char*, E>> choices) {
    return choice(key, has(key) ? py::object(dict_[key]) : py::object(py::str(otherwise)), choices);
  }

  void refuse_unknown() const {
    for (const auto& item : dict_) {
      if (!py::isinstance<py::str>(item.first) || known_.count(py::cast<std::string>(item.first)) == 0)
        throw py::value_error("spec has an unknown key " + text(item.first));
    }
  }

 private:
  const py::dict& dict_;
  std::set<std::string> known_;
};

}  // namespace

train::Spec network_spec(const py::dict& dict) {
  using train::InputKind;
  using train::LossKind;
  using train::Pool;
  Reader r(dict);
  train::Spec s;
  s.input = r.choice<InputKind>(
      "input", {{"dense", InputKind::dense}, {"sparse", InputKind::sparse}, {"mean", InputKind::mean}, {"concat", InputKind::concat}});
  s.pool = r.choice<Pool>("pool", "mean", {{"mean", Pool::mean}, {"sqrtn", Pool::sqrtn}, {"sum", Pool::sum}});
  if (r.has("pool") && s.input != InputKind::mean) throw py::value_error("pool must be left out unless input is 'mean'");
  s.n_inputs = r.integer("n_inputs", 0);
  s.rows = r.integer("rows", 0);
  s.dim = r.integer("dim", 0);
  s.max_tokens = r.integer("max_tokens", 0);
  if (r.has("hidden")) {
    const py::object hidden = r.need("hidden");
    if (!PyList_Check(hidden.ptr()) && !PyTuple_Check(hidden.ptr()))
      throw py::type_error("hidden must be a list of integers, got " + text(hidden));
    Index i = 0;
    for (const py::handle x : hidden) s.hidden.push_back(Reader::to_index("hidden[" + std::to_string(i++) + "]", x));
  }
  s.activation = r.choice<Act>("activation", "relu",
                               {{"relu", Act::relu}, {"tanh", Act::tanh}, {"sigmoid", Act::sigmoid}, {"identity", Act::identity}});
  s.n_outputs = r.integer("n_outputs");
  s.loss = r.choice<LossKind>("loss", "softmax", {{"softmax", LossKind::softmax}, {"sigmoid", LossKind::sigmoid}});
  s.precision = r.choice<Precision>("precision", "float32",
                                    {{"float32", Precision::float32},
                                     {"bfloat16x3", Precision::bfloat16x3},
                                     {"bfloat16", Precision::bfloat16},
                                     {"auto", Precision::automatic}});
  s.optimizer = r.choice<Optim>("optimizer", "sgd",
                                {{"sgd", Optim::sgd}, {"momentum", Optim::momentum}, {"adagrad", Optim::adagrad}, {"adam", Optim::adam}});
  s.beta1 = r.number("beta1", s.beta1);
  s.beta2 = r.number("beta2", s.beta2);
  s.eps = r.number("eps", s.eps);
  s.l2 = r.number("l2", 0);
  s.weight_decay = r.number("weight_decay", 0);
  s.embedding_by_row = r.choice<bool>("embedding_optimizer", s.optimizer == Optim::adagrad && s.has_table() ? "adagrad_row" : "same",
                                      {{"same", false}, {"adagrad_row", true}});
  s.row_rates = r.flag("row_rates", false);
  s.embedding_lr = r.number("embedding_lr", 1);
  s.embedding_scale = r.number("embedding_scale", 0);
  s.freeze_embeddings = r.flag("freeze_embeddings", false);
  s.dropout = r.number("dropout", 0);
  s.input_dropout = r.number("input_dropout", 0);
  s.word_dropout = r.number("word_dropout", 0);
  s.seed = static_cast<std::uint64_t>(r.integer("seed", 0));
  r.refuse_unknown();
  return s;
}

}  // namespace pyffnn::bindings
