// Record batches of the Arrow C interface for Python.
#include "bindings/arrays.h"
#include "bindings/arrow_batch.h"
#include "bindings/gil.h"
#include "bindings/ids.h"
#include "bindings/register.h"

namespace pyffnn::bindings {
namespace {

template <class A>
A* struct_of(py::handle capsule, const char* name) {
  auto* const found = static_cast<A*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (found == nullptr) throw py::error_already_set();
  if (found->release == nullptr) throw py::value_error(std::string(name) + " has been taken from already");
  return found;
}

template <class A>
py::capsule capsule_of(std::unique_ptr<A> a, const char* name) {
  py::capsule capsule(a.get(), name, [](PyObject* self) {
    auto* const held = static_cast<A*>(PyCapsule_GetPointer(self, PyCapsule_GetName(self)));
    if (held->release != nullptr) held->release(held);
    delete held;
  });
  a.release();
  return capsule;
}
template <class A>
py::capsule given(const ArrowBatch& batch, const char* name) {
  auto a = std::make_unique<A>();
  batch.give(a.get());
  return capsule_of(std::move(a), name);
}

ArrowBatch batch_of(py::handle x) {
  const py::object pair = x.attr("__arrow_c_array__")();
  if (!PyTuple_Check(pair.ptr()) || PyTuple_GET_SIZE(pair.ptr()) != 2)
    throw py::type_error("__arrow_c_array__ must give a schema and an array");
  return {struct_of<ArrowSchema>(PyTuple_GET_ITEM(pair.ptr(), 0), "arrow_schema"),
          struct_of<ArrowArray>(PyTuple_GET_ITEM(pair.ptr(), 1), "arrow_array")};
}

// The batches of a stream of another library.
class __attribute__((visibility("hidden"))) ArrowReader {
 public:
  explicit ArrowReader(py::handle x)
      : capsule_(x.attr("__arrow_c_stream__")()), stream_(struct_of<ArrowArrayStream>(capsule_, "arrow_array_stream")) {}

  ArrowBatch next() {
    ArrowArray array{};
    call([&] { return stream_->get_next(stream_, &array); });
    if (array.release == nullptr) throw py::stop_iteration();
    ArrowSchema schema{};
    const int failed = without_gil([&] { return stream_->get_schema(stream_, &schema); });
    if (failed != 0) {
      array.release(&array);
      fail(failed);
    }
    return {&schema, &array};
  }

 private:
  template <class F>
  static int without_gil(F&& f) {
    const ReleaseGil release;
    return f();
  }
  template <class F>
  void call(F&& f) {
    const int failed = without_gil(f);
    if (PyErr_Occurred() != nullptr) throw py::error_already_set();
    if (failed != 0) fail(failed);
  }
  [[noreturn]] void fail(int code) {
    const char* const why = stream_->get_last_error(stream_);
    throw std::runtime_error("the Arrow stream cannot be read: " + (why == nullptr ? "error " + std::to_string(code) : std::string(why)));
  }

  py::object capsule_;
  ArrowArrayStream* stream_;
};

// A stream that we give: batches of a Python iterator, the first of which tells the schema.
struct GivenStream {
  py::object batches;
  std::unique_ptr<ArrowBatch> first;
  std::string error;

  // The next batch, or nothing.
  std::unique_ptr<ArrowBatch> next() {
    if (first != nullptr) return std::move(first);
    PyObject* const item = PyIter_Next(batches.ptr());
    if (item == nullptr) {
      if (PyErr_Occurred() != nullptr) throw py::error_already_set();
      return nullptr;
    }
    return std::make_unique<ArrowBatch>(batch_of(py::reinterpret_steal<py::object>(item)));
  }
  template <class F>
  static int call(ArrowArrayStream* stream, F&& f) {
    const py::gil_scoped_acquire hold;
    auto& self = *static_cast<GivenStream*>(stream->private_data);
    try {
      f(self);
      return 0;
    } catch (const std::exception& e) {
      self.error = e.what();
      return 5;  // EIO
    }
  }
};

py::capsule stream_of(py::object batches) {
  auto self = std::make_unique<GivenStream>();
  self->batches = py::reinterpret_steal<py::object>(PyObject_GetIter(batches.ptr()));
  if (!self->batches) throw py::error_already_set();
  auto stream = std::make_unique<ArrowArrayStream>();
  stream->get_schema = [](ArrowArrayStream* s, ArrowSchema* out) {
    return GivenStream::call(s, [&](GivenStream& self) {
      if (self.first == nullptr) self.first = self.next();
      if (self.first == nullptr) throw std::runtime_error("there are no batches, which alone tell the schema");
      self.first->give(out);
    });
  };
  stream->get_next = [](ArrowArrayStream* s, ArrowArray* out) {
    return GivenStream::call(s, [&](GivenStream& self) {
      *out = ArrowArray{};
      if (const auto batch = self.next()) batch->give(out);
    });
  };
  stream->get_last_error = [](ArrowArrayStream* s) { return static_cast<GivenStream*>(s->private_data)->error.c_str(); };
  stream->release = [](ArrowArrayStream* s) {
    const py::gil_scoped_acquire hold;
    delete static_cast<GivenStream*>(s->private_data);
    s->release = nullptr;
  };
  stream->private_data = self.release();
  return capsule_of(std::move(stream), "arrow_array_stream");
}

template <class T>
std::shared_ptr<const std::vector<char>> bytes_of(const std::vector<T>& values) {
  const auto* const bytes = reinterpret_cast<const char*>(values.data());
  auto found = std::make_shared<std::vector<char>>(bytes, bytes + values.size() * sizeof(T));
  if (found->empty()) found->push_back(0);
  return found;
}

using Buffer = std::shared_ptr<const std::vector<char>>;

MadeColumn label_column(std::string name, const py::list& names, const std::vector<std::int32_t>& labels, Buffer there) {
  std::vector<std::int32_t> ends{0};
  std::vector<char> bytes;
  for (const py::handle label : names) {
    const auto text = py::cast<std::string>(label);
    bytes.insert(bytes.end(), text.begin(), text.end());
    ends.push_back(static_cast<std::int32_t>(bytes.size()));
  }
  auto values = std::make_unique<MadeColumn>();
  *values = {"", "u", static_cast<std::int64_t>(names.size()), {nullptr, bytes_of(ends), bytes_of(bytes)}, nullptr, nullptr};
  return {std::move(name), "i", static_cast<std::int64_t>(labels.size()), {std::move(there), bytes_of(labels)}, nullptr, std::move(values)};
}

// The batch with `label` and `score` (single: one a row, null where there is none), or with `labels` and `scores`, lists of those.
ArrowBatch with_predictions(const ArrowBatch& batch, const py::list& names, py::handle ends_given, py::handle labels_given,
                            py::handle scores_given, bool single) {
  const py::array ends = as_int64(ends_given, "ends"), labels = as_int64(labels_given, "labels"),
                  scores = contiguous(as_dtype(as_floats(scores_given, "scores"), kFloat32));
  const Index n = batch.rows();
  check_shape(ends, {n}, "ends");
  check_shape(labels, {scores.size()}, "labels");
  const auto* const to = in<std::int64_t>(ends);
  for (Index i = 0; i < n; ++i)
    if (to[i] < (i == 0 ? 0 : to[i - 1]) || to[i] > scores.size() || to[i] > INT32_MAX)
      throw py::value_error("ends must rise to the number of scores");
  std::vector<std::int32_t> found;
  std::vector<float> p(in<float>(scores), in<float>(scores) + scores.size());
  for (Index i = 0; i < labels.size(); ++i) {
    const std::int64_t label = in<std::int64_t>(labels)[i];
    if (label < 0 || label >= static_cast<Index>(names.size())) throw py::index_error("labels holds " + std::to_string(label));
    found.push_back(static_cast<std::int32_t>(label));
  }
  if (!single) {
    std::vector<std::int32_t> offsets{0};
    for (Index i = 0; i < n; ++i) offsets.push_back(static_cast<std::int32_t>(to[i]));
    const Buffer at = bytes_of(offsets);
    const auto list = [&](const char* name, MadeColumn items) {
      MadeColumn column{name, "+l", n, {nullptr, at}, nullptr, nullptr};
      column.child = std::make_unique<MadeColumn>(std::move(items));
      return made(std::move(column));
    };
    const auto count = static_cast<std::int64_t>(p.size());
    return batch.with(list("labels", label_column("item", names, found, nullptr)))
        .with(list("scores", MadeColumn{"item", "f", count, {nullptr, bytes_of(p)}, nullptr, nullptr}));
  }
  std::vector<std::int32_t> one(static_cast<std::size_t>(n));
  std::vector<float> score(static_cast<std::size_t>(n));
  std::vector<std::uint8_t> there(static_cast<std::size_t>(n / 8 + 1));
  bool all = true;
  for (Index i = 0; i < n; ++i) {
    const std::int64_t begin = i == 0 ? 0 : to[i - 1];
    if (begin == to[i]) {
      all = false;
      continue;
    }
    one[static_cast<std::size_t>(i)] = found[static_cast<std::size_t>(begin)];
    score[static_cast<std::size_t>(i)] = p[static_cast<std::size_t>(begin)];
    there[static_cast<std::size_t>(i / 8)] = static_cast<std::uint8_t>(there[static_cast<std::size_t>(i / 8)] | 1u << (i % 8));
  }
  const Buffer bits = all ? nullptr : bytes_of(there);
  return batch.with(made(label_column("label", names, one, bits))).with(made({"score", "f", n, {bits, bytes_of(score)}, nullptr, nullptr}));
}

}  // namespace

void register_arrow(py::module_& m) {
  using namespace py::literals;
  py::class_<ArrowBatch>(m, "ArrowBatch")
      .def(py::init(&batch_of), "batch"_a)
      .def_property_readonly("num_rows", &ArrowBatch::rows)
      .def_property_readonly("column_names",
                             [](const ArrowBatch& batch) {
                               py::list names;
                               for (const ArrowColumn& c : batch.columns()) names.append(py::str(c.name()));
                               return names;
                             })
      .def(
          "texts", [](const ArrowBatch& batch, const std::string& name) { return texts_of(batch.column(name)); }, "column"_a)
      .def("with_predictions", &with_predictions, "names"_a, "ends"_a, "labels"_a, "scores"_a, "single"_a)
      .def("__arrow_c_schema__", [](const ArrowBatch& batch) { return given<ArrowSchema>(batch, "arrow_schema"); })
      .def(
          "__arrow_c_array__",
          [](const ArrowBatch& batch, py::handle) {
            return py::make_tuple(given<ArrowSchema>(batch, "arrow_schema"), given<ArrowArray>(batch, "arrow_array"));
          },
          "requested_schema"_a = py::none())
      .def(
          "__arrow_c_stream__", [](py::object self, py::handle) { return stream_of(py::make_tuple(std::move(self))); },
          "requested_schema"_a = py::none());
  py::class_<ArrowReader>(m, "ArrowReader")
      .def(py::init<py::handle>(), "stream"_a)
      .def("__iter__", [](py::object self) { return self; })
      .def("__next__", &ArrowReader::next);
  m.def("arrow_stream", &stream_of, "batches"_a);
}

}  // namespace pyffnn::bindings
