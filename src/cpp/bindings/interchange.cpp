#include "bindings/interchange.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "bindings/arrow_c.h"
#include "core/types.h"

namespace pyffnn::bindings {

namespace py = pybind11;

namespace {

// Where DLPack says that memory lies (DLDeviceType).
const char* device_name(long type) {
  switch (type) {
    case 2:
      return "CUDA";
    case 4:
      return "OpenCL";
    case 7:
      return "Vulkan";
    case 8:
      return "Metal";
    case 10:
      return "ROCm";
    case 14:
      return "oneAPI";
    case 15:
      return "WebGPU";
    default:
      return "another device";
  }
}
// The CPU's own memory, and such that it can read: pinned (CUDA, ROCm) and managed.
bool is_readable(long type) { return type == 1 || type == 3 || type == 11 || type == 13; }

[[noreturn]] void refuse(const char* name, const std::string& text) { throw py::type_error(std::string(name) + " " + text); }

// What an object calls its element type and its device, for an error.
std::string described(py::handle x) {
  std::string text;
  for (const char* what : {"dtype", "device"})
    if (py::hasattr(x, what)) text += std::string(text.empty() ? " (" : ", ") + what + " " + std::string(py::str(x.attr(what)));
  return text.empty() ? text : text + ")";
}

// Runs f; what a library raises where it cannot give its memory away becomes a TypeError that names the argument.
template <class F>
py::array asked(py::handle x, const char* name, F&& f) {
  try {
    return f();
  } catch (py::error_already_set& e) {
    if (!e.matches(PyExc_Exception) || e.matches(PyExc_MemoryError)) throw;
    refuse(name, "cannot be taken as an array: " + std::string(py::str(e.value())) + described(x));
  }
}

// NumPy's name of a primitive type of Arrow; null for others.
const char* dtype_of(const char* format) {
  if (format[0] == '\0' || format[1] != '\0') return nullptr;
  switch (format[0]) {
    case 'c':
      return "i1";
    case 'C':
      return "u1";
    case 's':
      return "i2";
    case 'S':
      return "u2";
    case 'i':
      return "i4";
    case 'I':
      return "u4";
    case 'l':
      return "i8";
    case 'L':
      return "u8";
    case 'e':
      return "f2";
    case 'f':
      return "f4";
    case 'g':
      return "f8";
    default:
      return nullptr;
  }
}

void check_no_nulls(const ArrowArray& a, std::int64_t begin, std::int64_t count, const char* name) {
  if (a.null_count == 0 || a.n_buffers < 1 || a.buffers[0] == nullptr) return;
  const auto* const valid = static_cast<const unsigned char*>(a.buffers[0]);
  for (std::int64_t i = begin; i < begin + count; ++i)
    if ((valid[i / 8] >> (i % 8) & 1) == 0) refuse(name, "must hold no nulls, got one at " + std::to_string(i - begin));
}

// A primitive array becomes a vector, lists of a fixed size a matrix.
py::array from_arrow(py::handle x, const char* name) {
  const py::object pair = x.attr("__arrow_c_array__")();
  if (!PyTuple_Check(pair.ptr()) || PyTuple_GET_SIZE(pair.ptr()) != 2)
    throw py::type_error("__arrow_c_array__ must give a schema and an array");
  const py::handle keeper = PyTuple_GET_ITEM(pair.ptr(), 1);
  const auto* schema = static_cast<const ArrowSchema*>(PyCapsule_GetPointer(PyTuple_GET_ITEM(pair.ptr(), 0), "arrow_schema"));
  const auto* array = static_cast<const ArrowArray*>(PyCapsule_GetPointer(keeper.ptr(), "arrow_array"));
  if (schema == nullptr || array == nullptr) throw py::error_already_set();
  std::vector<py::ssize_t> shape{array->length};
  std::int64_t begin = array->offset, count = array->length;
  check_no_nulls(*array, begin, count, name);
  const std::string format = schema->format;
  if (format.compare(0, 3, "+w:") == 0 && schema->n_children == 1 && array->n_children == 1) {
    const std::int64_t width = std::strtoll(format.c_str() + 3, nullptr, 10);
    shape.push_back(width);
    begin *= width;
    count *= width;
    schema = schema->children[0];
    array = array->children[0];
    begin += array->offset;
    check_no_nulls(*array, begin, count, name);
  }
  const char* const dtype = schema->dictionary != nullptr ? nullptr : dtype_of(schema->format);
  if (dtype == nullptr || array->n_buffers != 2) {
    const std::string type = py::hasattr(x, "type") ? std::string(py::str(x.attr("type"))) : "format '" + format + "'";
    refuse(name, "must be an Arrow array of numbers, got " + type);
  }
  const py::dtype type(dtype);
  const char* const data = static_cast<const char*>(array->buffers[1]);
  if (count == 0 || data == nullptr) return py::array(type, shape);
  py::array view(type, shape, {}, data + begin * type.itemsize(), keeper);
  py::detail::array_proxy(view.ptr())->flags &= ~py::detail::npy_api::NPY_ARRAY_WRITEABLE_;
  return view;
}

void check_device(py::handle x, const char* name) {
  if (!py::hasattr(x, "__dlpack_device__")) return;
  const py::object device = x.attr("__dlpack_device__")();
  const long type = py::cast<long>(py::int_(py::object(device[py::int_(0)])));
  if (!is_readable(type))
    refuse(name, std::string("must be in the CPU's memory, got a tensor on ") + device_name(type) + " (DLPack device type " +
                     std::to_string(type) + ")" + described(x));
}

py::array with_numpy(py::handle x, const char* function) {
  static const py::handle numpy = py::module_::import("numpy").release();
  return py::array(numpy.attr(function)(x));
}

}  // namespace

py::array foreign_array(py::handle x, const char* name) {
  const bool plain = PyList_Check(x.ptr()) || PyTuple_Check(x.ptr()) || PyFloat_Check(x.ptr()) || PyLong_Check(x.ptr());
  if (!plain && py::hasattr(x, "__arrow_c_array__")) return asked(x, name, [&] { return from_arrow(x, name); });
  if (!plain && py::hasattr(x, "__dlpack__")) {
    return asked(x, name, [&] {
      check_device(x, name);
      py::object tensor = py::reinterpret_borrow<py::object>(x);
      // PyTorch's tensors may be meant with the other sign, which its DLPack does not tell.
      if (py::hasattr(x, "is_neg") && py::hasattr(x, "resolve_neg")) tensor = x.attr("resolve_neg")();
      if (!py::hasattr(x, "__array__")) return with_numpy(tensor, "from_dlpack");
      try {
        return with_numpy(tensor, "from_dlpack");
      } catch (py::error_already_set& e) {
        // Element types that DLPack or NumPy lacks: the library itself may know better, and else says why not.
        if (!e.matches(PyExc_Exception) || e.matches(PyExc_MemoryError)) throw;
      }
      return with_numpy(x, "asarray");
    });
  }
  return asked(x, name, [&] { return with_numpy(x, "asarray"); });
}

}  // namespace pyffnn::bindings
