// Predictions of fastText's models: of one text, of a list, of the lines of a file.
#include <pybind11/detail/exception_translation.h>
#include <pybind11/stl.h>

#include "bindings/fasttext_input.h"
#include "bindings/register_fasttext.h"
#include "bindings/scalars.h"
#include "core/thread_pool.h"

namespace pyffnn::bindings {
namespace {

using fasttext::Model;
using fasttext::Prediction;
using fasttext::PredictSpace;

constexpr char kK[] = "k", kThreshold[] = "threshold";
using HowMany = Whole<kK, true>;  // 10^30 are all
using Threshold = Real<kThreshold>;

Index check_k(const Model& model, Index k) {
  if (!model.settings().supervised()) throw py::value_error("Model needs to be supervised for prediction!");
  if (k == -1) return std::max<Index>(model.dictionary().labels(), 1);
  if (k <= 0) throw py::value_error("k needs to be 1 or higher! (-1 for all labels), got " + std::to_string(k));
  return std::min(k, std::max<Index>(model.dictionary().labels(), 1));
}

// A text so short that handing the GIL over is not worth it.
constexpr std::size_t kShortText = 4096;

// Predictions of many lines, a part of them after the other.
struct Found {
  static constexpr Index kPart = 64;
  explicit Found(Index lines) : parts(static_cast<std::size_t>((lines + kPart - 1) / kPart)), ends(static_cast<std::size_t>(lines)) {}
  std::vector<std::vector<Prediction>> parts;
  std::vector<Index> ends;  // within the part

  // f(prediction) of line i
  template <class F>
  void each(Index i, F&& f) const {
    const std::vector<Prediction>& part = parts[static_cast<std::size_t>(i / kPart)];
    for (Index j = i % kPart == 0 ? 0 : ends[static_cast<std::size_t>(i - 1)]; j < ends[static_cast<std::size_t>(i)]; ++j)
      f(part[static_cast<std::size_t>(j)]);
  }
  Index count(Index i) const { return ends[static_cast<std::size_t>(i)] - (i % kPart == 0 ? 0 : ends[static_cast<std::size_t>(i - 1)]); }
};

// took(i, j, space): line i has been predicted, which is line j of space.batch. For `closed` see ListReader, for labelled_only
// Model::predict_each.
template <class F>
Found predict_all(const Model& model, const std::vector<std::string_view>& texts, bool closed, bool labelled_only, Index k, float threshold,
                  double bytes, Interrupt& interrupt, F&& took) {
  const auto lines = static_cast<Index>(texts.size());
  Found found(lines);
  const auto parts = static_cast<Index>(found.parts.size());
  constexpr Index kSlice = 256;
  const double work = bytes * 40 / static_cast<double>(std::max<Index>(parts, 1));
  for (Index first = 0; first < parts; first += kSlice) {
    const Index some = std::min(kSlice, parts - first);
    // many small shares: lines are of very different lengths
    const int threads = threads::threads_for(work * static_cast<double>(some));
    const auto shares = static_cast<int>(threads == 1 ? 1 : std::min<Index>(some, 8 * threads));
    threads::parallel_for(some, shares, [&](Index begin, Index end) {
      PredictSpace space;
      const Index from = (first + begin) * Found::kPart, to = std::min(lines, (first + end) * Found::kPart);
      fasttext::ListReader reader(model.dictionary(), texts.data() + from, to - from, closed);
      model.predict_each(reader, labelled_only, k, threshold, space, [&](Index i, Index in_batch) {
        i += from;
        took(i, in_batch, space);
        std::vector<Prediction>& part = found.parts[static_cast<std::size_t>(i / Found::kPart)];
        part.insert(part.end(), space.found.begin(), space.found.end());
        found.ends[static_cast<std::size_t>(i)] = static_cast<Index>(part.size());
      });
    });
    interrupt.poll();
  }
  return found;
}

// A new reference to a label's name.
PyObject* label_name(const py::list& names, std::int32_t label, const std::string& errors) {
  if (label >= PyList_GET_SIZE(names.ptr())) throw py::value_error("names must name every label");
  PyObject* const name = PyList_GET_ITEM(names.ptr(), label);
  if (!PyUnicode_Check(name)) return decoded(std::string(py::reinterpret_borrow<py::bytes>(name)), errors).release().ptr();
  Py_INCREF(name);
  return name;
}

// An array of n numbers, made without what pybind11 looks at first; `numbers` are its own.
template <class T>
PyObject* bare_array(Py_ssize_t n, T*& numbers) {
  const py::detail::npy_api& api = py::detail::npy_api::get();
  constexpr int type = std::is_same_v<T, double> ? kFloat64 : kFloat32;
  PyObject* const a = api.PyArray_NewFromDescr_(api.PyArray_Type_, api.PyArray_DescrFromType_(type), 1, &n, nullptr, nullptr, 0, nullptr);
  if (a == nullptr) throw py::error_already_set();
  numbers = reinterpret_cast<T*>(py::detail::array_proxy(a)->data);
  return a;
}

// While many objects are made of which none can be garbage yet, Python's collector, which would look through them again and again, waits.
class __attribute__((visibility("hidden"))) NoCollection {
 public:
  NoCollection() = default;
  ~NoCollection() {
    if (was_on_) PyGC_Enable();
  }
  NoCollection(const NoCollection&) = delete;
  NoCollection& operator=(const NoCollection&) = delete;

 private:
  const bool was_on_ = PyGC_Disable() != 0;
};

py::tuple predict_list(const Model& model, const py::list& texts, Index k, float threshold, const py::list& names,
                       const std::string& errors, int n_threads) {
  k = check_k(model, k);
  const auto n = static_cast<Index>(texts.size());
  std::vector<std::string_view> lines;
  lines.reserve(texts.size());
  double bytes = 0;
  for (Index i = 0; i < n; ++i) {
    lines.push_back(one_line(PyList_GET_ITEM(texts.ptr(), i), "predict", [i] { return "text[" + std::to_string(i) + "]"; }));
    bytes += static_cast<double>(lines.back().size() + 64);
  }
  Interrupts interrupts;
  const Found found = [&] {
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(n_threads);
    return predict_all(model, lines, true, false, k, threshold, bytes, interrupts, [](Index, Index, const PredictSpace&) {});
  }();
  const NoCollection none;
  py::list all_labels(texts.size()), all_probabilities(texts.size());
  for (Index i = 0; i < n; ++i) {
    const auto count = static_cast<Py_ssize_t>(found.count(i));
    float* p = nullptr;
    PyList_SET_ITEM(all_probabilities.ptr(), i, bare_array(count, p));
    py::list labels(static_cast<std::size_t>(count));
    Py_ssize_t j = 0;
    found.each(i, [&](const Prediction& prediction) {
      p[j] = fasttext::probability(prediction);
      PyList_SET_ITEM(labels.ptr(), j++, label_name(names, prediction.label, errors));
    });
    PyList_SET_ITEM(all_labels.ptr(), i, labels.release().ptr());
  }
  return py::make_tuple(std::move(all_labels), std::move(all_probabilities));
}

py::tuple predict_text(const Model& model, std::string_view line, Index k, float threshold, const py::list& names,
                       const std::string& errors, PredictSpace& space) {
  {
    const ReleaseGil release(line.size() > kShortText);
    const char* at = line.data();
    model.read_line(at, at + line.size(), true, space.line);
    model.predict(k, threshold, space);
  }
  // Out of the space, which is this thread's: what is made below may run Python code (a collection, a handler of errors) that predicts.
  std::vector<Prediction> predictions = std::move(space.found);
  py::tuple found(2);
  const auto count = static_cast<Py_ssize_t>(predictions.size());
  py::tuple labels(predictions.size());
  double* p = nullptr;
  PyTuple_SET_ITEM(found.ptr(), 1, bare_array(count, p));
  for (Py_ssize_t i = 0; i < count; ++i) {
    const Prediction& prediction = predictions[static_cast<std::size_t>(i)];
    p[i] = fasttext::probability(prediction);
    PyTuple_SET_ITEM(labels.ptr(), i, label_name(names, prediction.label, errors));
  }
  PyTuple_SET_ITEM(found.ptr(), 0, labels.release().ptr());
  space.found = std::move(predictions);  // its memory serves the next text
  return found;
}

py::tuple predict_one(const Model& model, py::handle text, Index k, float threshold, const py::list& names, const std::string& errors) {
  k = check_k(model, k);
  const std::string_view line = one_line(text, "predict", [] { return std::string("text"); });
  if (line.size() > kShortText) {
    PredictSpace space;
    return predict_text(model, line, k, threshold, names, errors, space);
  }
  // The memory of the text before, of this thread.
  static thread_local PredictSpace space;
  return predict_text(model, line, k, threshold, names, errors, space);
}

// predict_one for one model and its names, with Python's own call: (text, k, threshold, errors). What comes in other types goes by
// pybind11.
PyObject* predict_directly(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  const auto* const model = static_cast<const Model*>(PyCapsule_GetPointer(PyTuple_GET_ITEM(self, 0), nullptr));
  PyObject *const owner = PyTuple_GET_ITEM(self, 1), *const names = PyTuple_GET_ITEM(self, 2);
  try {
    if (nargs != 4) throw py::type_error("expected text, k, threshold and errors");
    if (PyLong_CheckExact(args[1]) && PyFloat_CheckExact(args[2]) && PyUnicode_CheckExact(args[3])) {
      int overflow = 0;
      const long long k = PyLong_AsLongLongAndOverflow(args[1], &overflow);
      const char* const errors = overflow == 0 ? PyUnicode_AsUTF8(args[3]) : nullptr;
      if (errors != nullptr)
        return predict_one(*model, args[0], k, static_cast<float>(PyFloat_AS_DOUBLE(args[2])), py::reinterpret_borrow<py::list>(names),
                           errors)
            .release()
            .ptr();
      PyErr_Clear();
    }
    return py::handle(owner)
        .attr("predict_one")(py::handle(args[0]), py::handle(args[1]), py::handle(args[2]), py::handle(names), py::handle(args[3]))
        .release()
        .ptr();
  } catch (...) {
    py::detail::try_translate_exceptions();
    return nullptr;
  }
}

py::object predictor(py::handle owner, const py::list& names) {
  static PyMethodDef method{"predict", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&predict_directly)), METH_FASTCALL,
                            nullptr};
  const auto* const model = owner.cast<const Model*>();
  const py::capsule pointer(model);
  PyObject* const call = PyCFunction_New(&method, py::make_tuple(pointer, owner, names).ptr());
  if (call == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(call);
}

// All lines of a file: (offsets of true labels, true labels, offsets of predictions, predicted labels, scores). labelled_only: those
// without a known label or without a row are left out.
py::tuple predict_lines(const Model& model, py::handle file, Index k, float threshold, bool labelled_only, int n_threads) {
  k = check_k(model, k);
  const TextBytes text(file);
  Interrupts interrupts;
  std::vector<std::int64_t> gold_offsets{0}, offsets{0};
  std::vector<std::int32_t> gold, labels;
  std::vector<float> scores;
  {
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(n_threads);
    // Lines are cut one by one where </s> stands in the text: only reading tells where one ends.
    const std::vector<std::string_view> lines = fasttext::cut_lines(text.bytes(), interrupts);
    const auto n = static_cast<Index>(lines.size());
    std::vector<std::vector<std::int32_t>> known(lines.size());
    std::vector<char> counted(lines.size(), 0);
    const auto took = [&](Index i, Index j, const PredictSpace& space) {
      const fasttext::Batch& batch = space.batch;
      if (labelled_only && (batch.num_labels(j) == 0 || batch.num_rows(j) == 0)) return;
      counted[static_cast<std::size_t>(i)] = 1;
      known[static_cast<std::size_t>(i)].assign(batch.labels_of(j), batch.labels_of(j) + batch.num_labels(j));
    };
    const Found found =
        predict_all(model, lines, false, labelled_only, k, threshold, static_cast<double>(text.bytes().size()), interrupts, took);
    for (Index i = 0; i < n; ++i) {
      if (!counted[static_cast<std::size_t>(i)]) continue;
      const auto& own = known[static_cast<std::size_t>(i)];
      gold.insert(gold.end(), own.begin(), own.end());
      gold_offsets.push_back(static_cast<std::int64_t>(gold.size()));
      found.each(i, [&](const Prediction& p) {
        labels.push_back(p.label);
        scores.push_back(fasttext::probability(p));
      });
      offsets.push_back(static_cast<std::int64_t>(labels.size()));
    }
  }
  return py::make_tuple(to_array(gold_offsets), to_array(gold), to_array(offsets), to_array(labels), to_array(scores));
}

// How often each label is true, is predicted, and is both.
struct Counts {
  explicit Counts(std::size_t labels) : gold(labels), predicted(labels), hits(labels) {}
  std::int64_t examples = 0;
  std::vector<std::int64_t> gold, predicted, hits;

  void add(const std::int32_t* labels, Index num_labels, const std::vector<Prediction>& found) {
    ++examples;
    for (Index i = 0; i < num_labels; ++i) ++gold[static_cast<std::size_t>(labels[i])];
    for (const Prediction& p : found) {
      ++predicted[static_cast<std::size_t>(p.label)];
      if (std::find(labels, labels + num_labels, p.label) != labels + num_labels) ++hits[static_cast<std::size_t>(p.label)];
    }
  }
  void add(const Counts& more) {
    examples += more.examples;
    for (std::size_t i = 0; i < gold.size(); ++i) {
      gold[i] += more.gold[i];
      predicted[i] += more.predicted[i];
      hits[i] += more.hits[i];
    }
  }
};

// What predict_lines gives out for lines with a label and a row, counted: (lines; of each label how often it is true, is predicted, and is
// both).
py::tuple count_lines(const Model& model, py::handle file, Index k, float threshold, int n_threads) {
  k = check_k(model, k);
  const TextBytes text(file);
  Interrupts interrupts;
  const auto labels = static_cast<std::size_t>(std::max<Index>(model.dictionary().labels(), 1));
  Counts counts(labels);
  {
    const ReleaseGil release;
    const threads::ScopedNumThreads scope(n_threads);
    constexpr std::size_t kSlice = std::size_t{16} << 20, kPart = std::size_t{1} << 16;
    const std::vector<std::string_view> slices = fasttext::cut_parts(text.bytes(), static_cast<int>(text.bytes().size() / kSlice + 1));
    for (const std::string_view slice : slices) {
      const int threads = threads::threads_for(static_cast<double>(slice.size()) * 40);
      // many small parts: lines are of very different lengths
      const std::vector<std::string_view> parts = fasttext::cut_parts(slice, threads == 1 ? 1 : static_cast<int>(slice.size() / kPart + 1));
      std::vector<Counts> found(parts.size(), Counts(labels));
      threads::parallel_for(static_cast<Index>(parts.size()), static_cast<int>(parts.size()), [&](Index begin, Index end) {
        PredictSpace space;
        for (auto p = static_cast<std::size_t>(begin); p < static_cast<std::size_t>(end); ++p) {
          fasttext::TextReader reader(model.dictionary(), parts[p]);
          model.predict_each(reader, true, k, threshold, space, [&](Index, Index j) {
            const fasttext::Batch& batch = space.batch;
            if (batch.num_labels(j) > 0 && batch.num_rows(j) > 0) found[p].add(batch.labels_of(j), batch.num_labels(j), space.found);
          });
        }
      });
      for (const Counts& more : found) counts.add(more);
      interrupts.poll();
    }
  }
  return py::make_tuple(counts.examples, to_array(counts.gold), to_array(counts.predicted), to_array(counts.hits));
}

}  // namespace

void add_fasttext_predict(py::class_<Model, std::shared_ptr<Model>>& model) {
  using namespace py::literals;
  model
      .def(
          "predict",
          [](const Model& of, const py::list& texts, HowMany k, Threshold threshold, const py::list& names, const std::string& errors,
             int n_threads) { return predict_list(of, texts, k.value, threshold.value, names, errors, n_threads); },
          "texts"_a, "k"_a, "threshold"_a, "names"_a, "errors"_a, "n_threads"_a)
      .def(
          "predict_one",
          [](const Model& of, py::handle text, HowMany k, Threshold threshold, const py::list& names, const std::string& errors) {
            return predict_one(of, text, k.value, threshold.value, names, errors);
          },
          "text"_a, "k"_a, "threshold"_a, "names"_a, "errors"_a)
      .def("predictor", &predictor, "names"_a)
      .def(
          "count_lines",
          [](const Model& of, py::handle file, HowMany k, Threshold threshold, int n_threads) {
            return count_lines(of, file, k.value, threshold.value, n_threads);
          },
          "file"_a, "k"_a, "threshold"_a, "n_threads"_a)
      .def(
          "predict_lines",
          [](const Model& of, py::handle file, HowMany k, Threshold threshold, bool labelled_only, int n_threads) {
            return predict_lines(of, file, k.value, threshold.value, labelled_only, n_threads);
          },
          "file"_a, "k"_a, "threshold"_a, "labelled_only"_a, "n_threads"_a);
}

}  // namespace pyffnn::bindings
