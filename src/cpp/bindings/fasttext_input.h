// What fastText's functions take: texts of one line, files as bytes.
#pragma once
#include <string>
#include <string_view>

#include "bindings/text_input.h"
#include "fasttext/lines.h"
#include "fasttext/model.h"

namespace pyffnn::bindings {

// A str without a line feed.
template <class Where>
std::string_view one_line(py::handle text, const char* function, Where&& where) {
  const std::string_view bytes = utf8(text, where);
  if (bytes.find('\n') != std::string_view::npos)
    throw py::value_error(std::string(function) + " processes one line at a time (remove '\\n'): " + where() + " has more");
  return bytes;
}

inline py::object decoded(std::string_view bytes, const std::string& errors) {
  PyObject* const text = PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), errors.c_str());
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(text);
}

inline std::string fs_path(py::handle path) {
  PyObject* bytes = nullptr;
  if (PyUnicode_FSConverter(path.ptr(), &bytes) == 0) throw py::error_already_set();
  return std::string(py::reinterpret_steal<py::bytes>(bytes));
}

// f(); what the operating system refuses becomes OSError.
template <class F>
auto with_os_errors(py::handle path, F&& f) {
  try {
    return f();
  } catch (const std::system_error& error) {
    errno = error.code().value();
    PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path.ptr());
    throw py::error_already_set();
  }
}

// A path (str or os.PathLike), whose file is mapped, or bytes.
class __attribute__((visibility("hidden"))) TextBytes {
 public:
  explicit TextBytes(py::handle file) {
    if (PyBytes_Check(file.ptr())) {
      kept_ = py::reinterpret_borrow<py::object>(file);
      bytes_ = {PyBytes_AS_STRING(file.ptr()), static_cast<std::size_t>(PyBytes_GET_SIZE(file.ptr()))};
      return;
    }
    const std::string name = fs_path(file);
    with_os_errors(file, [&] {
      file_ = std::make_shared<const fasttext::MappedFile>(name);
      return 0;
    });
    bytes_ = file_->bytes();
  }
  std::string_view bytes() const { return bytes_; }

 private:
  py::object kept_;
  std::shared_ptr<const fasttext::MappedFile> file_;
  std::string_view bytes_;
};

}  // namespace pyffnn::bindings
