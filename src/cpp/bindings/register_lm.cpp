// The language model's training object: weights live in C++, padded and on huge pages, and are seen from Python as live views.
#include <pybind11/stl.h>

#include <memory>
#include <mutex>
#include <stdexcept>

#include "bindings/lent.h"
#include "bindings/register.h"
#include "core/thread_pool.h"
#include "train/lm.h"

namespace pyffnn::bindings {
namespace {

namespace lm = train::lm;

template <class Value>
Value take(const py::dict& d, const char* key) {
  if (!d.contains(key)) throw py::key_error(std::string("configuration lacks ") + key);
  return d[key].cast<Value>();
}

Optim optim_of(const std::string& name) {
  if (name == "sgd") return Optim::sgd;
  if (name == "momentum") return Optim::momentum;
  if (name == "adagrad") return Optim::adagrad;
  if (name == "adam") return Optim::adam;
  throw py::value_error("optimizer must be sgd, momentum, adagrad or adam, got " + name);
}

lm::Nonlinearity nonlinearity_of(const std::string& name) {
  if (name == "identity") return lm::Nonlinearity::identity;
  if (name == "sigmoid") return lm::Nonlinearity::sigmoid;
  if (name == "tanh") return lm::Nonlinearity::tanh;
  if (name == "relu") return lm::Nonlinearity::relu;
  if (name == "gelu") return lm::Nonlinearity::gelu;
  throw py::value_error("activation must be identity, sigmoid, tanh, relu or gelu, got " + name);
}

Precision precision_of(const std::string& name) {
  if (name == "float32") return Precision::float32;
  if (name == "bfloat16x3") return Precision::bfloat16x3;
  if (name == "bfloat16") return Precision::bfloat16;
  if (name == "auto") return Precision::automatic;
  throw py::value_error("precision must be float32, bfloat16x3, bfloat16 or auto, got " + name);
}

lm::Config config_of(const py::dict& d) {
  lm::Config c;
  c.vocab = take<Index>(d, "vocab");
  c.context = take<Index>(d, "context");
  c.dim = take<Index>(d, "dim");
  c.distant_kernels = take<Index>(d, "distant_kernels");
  c.distant_window = take<Index>(d, "distant_window");
  c.hidden = take<std::vector<Index>>(d, "hidden");
  c.act = nonlinearity_of(take<std::string>(d, "activation"));
  if (d.contains("precision")) c.precision = precision_of(take<std::string>(d, "precision"));
  c.residual = take<bool>(d, "residual");
  c.layer_norm = take<bool>(d, "layer_norm");
  c.direct = take<bool>(d, "direct");
  c.tied = take<bool>(d, "tied");
  c.drop_embedding = take<double>(d, "drop_embedding");
  c.drop_hidden = take<double>(d, "drop_hidden");
  c.drop_output = take<double>(d, "drop_output");
  c.drop_word = take<double>(d, "drop_word");
  const auto output = take<std::string>(d, "output");
  if (output != "softmax" && output != "adaptive" && output != "sampled")
    throw py::value_error("output must be softmax, adaptive or sampled, got " + output);
  c.output = output == "adaptive" ? lm::OutputKind::adaptive : output == "sampled" ? lm::OutputKind::sampled : lm::OutputKind::full;
  c.cutoffs = take<std::vector<Index>>(d, "cutoffs");
  c.samples = take<Index>(d, "samples");
  c.optim = optim_of(take<std::string>(d, "optimizer"));
  c.beta1 = take<double>(d, "beta1");
  c.beta2 = take<double>(d, "beta2");
  c.eps = take<double>(d, "eps");
  c.l2 = take<double>(d, "l2");
  c.decay = take<double>(d, "decay");
  c.clip = take<double>(d, "clip");
  c.seed = take<std::uint64_t>(d, "seed");
  if (c.vocab < 1 || c.vocab > INT32_MAX) throw py::value_error("vocab must be in 1 .. 2**31 - 1, got " + std::to_string(c.vocab));
  if (c.context < 1) throw py::value_error("context must be at least 1, got " + std::to_string(c.context));
  if (c.dim < 1) throw py::value_error("dim must be at least 1, got " + std::to_string(c.dim));
  if (c.distant_kernels < 0 || (c.distant_kernels > 0 && c.distant_window < 1))
    throw py::value_error("distant_kernels must be at least 0, and distant_window at least 1 with them");
  for (const Index h : c.hidden)
    if (h < 1) throw py::value_error("hidden sizes must be at least 1, got " + std::to_string(h));
  for (const double rate : {c.drop_embedding, c.drop_hidden, c.drop_output, c.drop_word})
    if (!(rate >= 0 && rate < 1)) throw py::value_error("dropout rates must be in 0 <= rate < 1, got " + std::to_string(rate));
  if (c.output == lm::OutputKind::adaptive) {
    if (c.tied) throw py::value_error("an adaptive output cannot be tied");
    Index last = 0;
    for (const Index cut : c.cutoffs) {
      if (cut <= last || cut >= c.vocab) throw py::value_error("cutoffs must rise within 1 .. vocab - 1");
      last = cut;
    }
    if (last == 0) throw py::value_error("cutoffs must not be empty");
  }
  if (c.output == lm::OutputKind::sampled && c.samples < 1)
    throw py::value_error("samples must be at least 1, got " + std::to_string(c.samples));
  return c;
}

// ids from the most to the least frequent: a permutation of 0 .. vocab - 1
std::vector<std::int32_t> permutation_of(py::handle x, Index vocab) {
  const py::array a = as_int64(x, "by_frequency");
  check_shape(a, {vocab}, "by_frequency");
  std::vector<std::int32_t> out(static_cast<std::size_t>(vocab));
  std::vector<bool> seen(out.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Index id = in<Index>(a)[i];
    if (id < 0 || id >= vocab || seen[static_cast<std::size_t>(id)]) value_error("by_frequency", "must hold each id once");
    seen[static_cast<std::size_t>(id)] = true;
    out[i] = static_cast<std::int32_t>(id);
  }
  return out;
}

template <class T>
class PyLanguageModel {
 public:
  PyLanguageModel(const py::dict& config, py::handle by_frequency) {
    const lm::Config c = config_of(config);
    std::vector<std::int32_t> order;
    if (c.output != lm::OutputKind::full) order = permutation_of(by_frequency, c.vocab);
    model_ = std::make_unique<lm::Model<T>>(c, order);
  }

  // name -> [rows, cols] view; rows are parted by padding
  py::dict arrays(py::object self, const std::string& which) {
    py::dict out;
    for (const auto& p : model_->params().all()) {
      T* data = which == "weights" ? p->w : which == "s1" ? p->s1 : which == "s2" ? p->s2 : p->g;
      if (data == nullptr) continue;
      const auto item = static_cast<Index>(sizeof(T));
      const py::object owner = data == p->w ? lent(self, p->version) : self;
      out[p->name.c_str()] = py::array_t<T>({p->rows, p->cols}, {p->ld * item, item}, data, owner);
    }
    return out;
  }

  // Batches: batch b is segments [offsets[b], offsets[b + 1]). Returns the mean loss of each; stops after one that is not finite.
  py::array_t<double> train(py::handle ids, py::handle starts, py::handle lengths, py::handle offsets, py::handle rates, int n_threads) {
    const Stream stream(ids);
    const auto segments = segments_of(starts, lengths);
    const py::array bounds = as_int64(offsets, "offsets");
    const auto lr = py::array_t<double, py::array::c_style | py::array::forcecast>::ensure(rates);
    if (!lr || lr.ndim() != 1) throw py::value_error("learning_rates must be a 1-D array of numbers");
    check_shape(bounds, {lr.size() + 1}, "offsets");
    const Index* at = in<Index>(bounds);
    for (Index b = 0; b < lr.size(); ++b)
      if (at[b] < 0 || at[b] > at[b + 1] || at[b + 1] > static_cast<Index>(segments.size()))
        throw py::value_error("offsets must rise from 0 to the number of segments");
    py::array_t<double> losses(lr.size());
    double* out = losses.mutable_data();
    const double* rate = lr.data();
    Index done = 0;
    {
      const ReleaseGil release;
      const std::lock_guard<std::mutex> lock(mutex_);
      const threads::ScopedNumThreads scope(n_threads);
      for (; done < lr.size();) {
        out[done] = model_->train(stream.ids, stream.n, segments.data() + at[done], at[done + 1] - at[done], rate[done]);
        if (!(out[done++] < 1e300)) break;
      }
    }
    losses.resize({done});
    return losses;
  }

  double gradients(py::handle ids, py::handle starts, py::handle lengths, bool dropout, int n_threads) {
    const Stream stream(ids);
    const auto segments = segments_of(starts, lengths);
    const ReleaseGil release;
    const std::lock_guard<std::mutex> lock(mutex_);
    const threads::ScopedNumThreads scope(n_threads);
    return model_->gradients(stream.ids, stream.n, segments.data(), static_cast<Index>(segments.size()), dropout);
  }

  py::array_t<double> log_prob(py::handle ids, Index begin, Index end, int n_threads) {
    const Stream stream(ids);
    if (begin < 0 || end < begin || end > stream.n) throw py::value_error("begin and end must lie in the stream");
    py::array_t<double> result(end - begin);
    double* out = result.mutable_data();
    const ReleaseGil release;
    const std::lock_guard<std::mutex> lock(mutex_);
    const threads::ScopedNumThreads scope(n_threads);
    model_->log_prob(stream.ids, stream.n, begin, end, out);
    return result;
  }

  py::array_t<double> next_distribution(py::handle ids, int n_threads) {
    const Stream stream(ids);
    py::array_t<double> result(model_->config().vocab);
    double* out = result.mutable_data();
    const ReleaseGil release;
    const std::lock_guard<std::mutex> lock(mutex_);
    const threads::ScopedNumThreads scope(n_threads);
    model_->next_distribution(stream.ids, stream.n, out);
    return result;
  }

  lm::Model<T>& model() { return *model_; }

 private:
  // A contiguous native int32 array as it is (perhaps memory-mapped); anything else is refused rather than copied in silence.
  struct Stream {
    explicit Stream(py::handle x) : array(as_ids(x, "ids")) {
      if (array.itemsize() != 4) throw py::type_error("ids must have dtype int32, got int64");
      check_rank(array, 1, "ids");
      ids = in<std::int32_t>(array);
      n = array.size();
    }
    py::array array;
    const std::int32_t* ids;
    Index n;
  };

  static std::vector<lm::Segment> segments_of(py::handle starts, py::handle lengths) {
    const py::array s = as_int64(starts, "starts"), l = as_int64(lengths, "lengths");
    check_rank(s, 1, "starts");
    check_shape(l, {s.size()}, "lengths");
    std::vector<lm::Segment> out(static_cast<std::size_t>(s.size()));
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = {in<Index>(s)[i], in<Index>(l)[i]};
      if (out[i].length < 1) value_error("lengths", "must be at least 1");
    }
    return out;
  }

  std::unique_ptr<lm::Model<T>> model_;
  std::mutex mutex_;  // one call at a time: the workspace is shared
};

template <class T>
void register_model(py::module_& m, const char* name) {
  using Self = PyLanguageModel<T>;
  py::class_<Self>(m, name)
      .def(py::init<const py::dict&, py::handle>(), py::arg("config"), py::arg("by_frequency") = py::none())
      .def(
          "arrays", [](py::object self, const std::string& which) { return self.cast<Self&>().arrays(self, which); }, py::arg("which"))
      .def("train", &Self::train, py::arg("ids"), py::arg("starts"), py::arg("lengths"), py::arg("offsets"), py::arg("learning_rates"),
           py::arg("n_threads") = 0)
      .def("gradients", &Self::gradients, py::arg("ids"), py::arg("starts"), py::arg("lengths"), py::arg("dropout") = false,
           py::arg("n_threads") = 0)
      .def("log_prob", &Self::log_prob, py::arg("ids"), py::arg("begin"), py::arg("end"), py::arg("n_threads") = 0)
      .def("next_distribution", &Self::next_distribution, py::arg("ids"), py::arg("n_threads") = 0)
      .def("workspace_bytes", [](Self& s) { return s.model().workspace_bytes(); })
      .def("kept_bytes", [](Self& s) { return s.model().kept_bytes(); })
      .def_property("step", [](Self& s) { return s.model().step(); }, [](Self& s, std::int64_t v) { s.model().set_step(v); });
}

}  // namespace

void register_lm(py::module_& m) {
  register_model<float>(m, "LanguageModelFloat32");
  register_model<double>(m, "LanguageModelFloat64");
}

}  // namespace pyffnn::bindings
