// Python's texts as the text path takes them: str, iterables, files.
#pragma once
#include <string>
#include <string_view>
#include <system_error>

#include "bindings/arrays.h"
#include "bindings/interrupts.h"
#include "text/corpus.h"
#include "text/lines.h"

namespace pyffnn::bindings {

// The UTF-8 form of a str, which the str keeps. `where()` names it in errors.
template <class Where>
std::string_view utf8(py::handle item, Where&& where) {
  if (!PyUnicode_Check(item.ptr())) throw py::type_error(where() + " must be str, got " + Py_TYPE(item.ptr())->tp_name);
  Py_ssize_t size = 0;
  const char* const data = PyUnicode_AsUTF8AndSize(item.ptr(), &size);
  if (data == nullptr) {
    if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) throw py::error_already_set();
    PyErr_Clear();
    throw py::value_error(where() + " holds a lone surrogate, which no text does");
  }
  return {data, static_cast<std::size_t>(size)};
}

// The iterator of an object; nothing if it has none.
inline py::object iterator_of(py::handle items) {
  PyObject* const iterator = PyObject_GetIter(items.ptr());
  if (iterator == nullptr) {
    if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw py::error_already_set();
    PyErr_Clear();
  }
  return py::reinterpret_steal<py::object>(iterator);
}

// The next item, or nothing at the end.
inline py::object next(py::handle iterator) {
  PyObject* const item = PyIter_Next(iterator.ptr());
  if (item == nullptr && PyErr_Occurred()) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(item);
}

inline bool is_string(py::handle x) { return PyUnicode_Check(x.ptr()) || PyBytes_Check(x.ptr()) || PyByteArray_Check(x.ptr()); }

// The corpus of a list or column of texts, with the features of a featurizer (register_text.cpp).
std::shared_ptr<text::Corpus> encode_texts(const std::shared_ptr<text::Featurizer>& features, py::handle texts);

inline py::str to_str(std::string_view s) { return py::str(s.data(), s.size()); }

// A file object opened for reading bytes.
class __attribute__((visibility("hidden"))) PythonSource final : public text::ByteSource {
 public:
  explicit PythonSource(py::handle file) : read_(file.attr("read")) {}
  Index read(char* to, Index room) override {
    HoldGil hold;
    try {
      const py::object got = read_(room);
      char* data = nullptr;
      Py_ssize_t size = 0;
      if (!PyBytes_Check(got.ptr()) || PyBytes_AsStringAndSize(got.ptr(), &data, &size) != 0 || size > room)
        throw py::type_error(std::string("a file must be opened for reading bytes; its read() gave ") + Py_TYPE(got.ptr())->tp_name);
      if (size > 0) std::memcpy(to, data, static_cast<std::size_t>(size));
      return static_cast<Index>(size);
    } catch (...) {
      hold.keep();
      throw;
    }
  }

 private:
  py::object read_;
};

// Calls f(source) for a path (str or bytes) or a file object. What the operating system refuses becomes OSError.
template <class F>
void with_source(py::handle file, Interrupts& interrupts, F&& f) {
  if (!PyUnicode_Check(file.ptr()) && !PyBytes_Check(file.ptr())) {
    PythonSource source(file);
    return f(source);
  }
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(file.ptr(), &bytes) == 0) throw py::error_already_set();
  const auto path = py::reinterpret_steal<py::bytes>(bytes);
  try {
    text::FileSource source(std::string(path), interrupts);
    f(source);
  } catch (const std::system_error& error) {
    errno = error.code().value();
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, file.ptr());
    throw py::error_already_set();
  }
}

template <class T>
py::array_t<T> to_array(const T* data, Index n) {
  py::array_t<T> a(n);
  if (n > 0) std::memcpy(a.mutable_data(), data, static_cast<std::size_t>(n) * sizeof(T));
  return a;
}
template <class T>
py::array_t<T> to_array(const std::vector<T>& v) {
  return to_array(v.data(), static_cast<Index>(v.size()));
}
template <class T>
py::array_t<T> to_array(const text::Pages<T>& v) {
  return to_array(v.data(), v.size());
}
// The same memory.
template <class T>
py::array_t<T> hand_over(text::Pages<T>&& values) {
  auto* const kept = new text::Pages<T>(std::move(values));
  const py::capsule owner(kept, [](void* p) { delete static_cast<text::Pages<T>*>(p); });
  return py::array_t<T>(kept->size(), kept->data(), owner);
}

}  // namespace pyffnn::bindings
