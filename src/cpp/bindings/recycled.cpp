#include "bindings/recycled.h"

#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <new>

#include "core/blocks.h"

namespace pyffnn::bindings {
namespace {

namespace py = pybind11;

// In front of an array's memory: NumPy does not say reliably how much it gives back.
struct Head {
  blocks::Block block;
  std::size_t bytes;
};
constexpr std::size_t kHead = 64;
static_assert(sizeof(Head) <= kHead);

Head& head_of(void* data) { return *reinterpret_cast<Head*>(static_cast<char*>(data) - kHead); }

void* allocate(void*, std::size_t bytes) noexcept {
  if (bytes > std::size_t{1} << 59) return nullptr;
  try {
    const blocks::Block block = blocks::take(static_cast<Index>(bytes + kHead), blocks::Use::result);
    new (block.data) Head{block, bytes};
    return static_cast<char*>(block.data) + kHead;
  } catch (...) {
    return nullptr;
  }
}

void release(void*, void* data, std::size_t) noexcept {
  if (data != nullptr) blocks::give(head_of(data).block, blocks::Use::result);
}

void* allocate_zeros(void* context, std::size_t count, std::size_t size) noexcept {
  if (size != 0 && count > SIZE_MAX / size) return nullptr;
  void* const data = allocate(context, count * size);
  if (data != nullptr) std::memset(data, 0, count * size);
  return data;
}

void* reallocate(void* context, void* data, std::size_t bytes) noexcept {
  void* const fresh = allocate(context, bytes);
  if (fresh == nullptr || data == nullptr) return fresh;
  std::memcpy(fresh, data, std::min(bytes, head_of(data).bytes));
  release(context, data, 0);
  return fresh;
}

// NumPy's PyDataMem_Handler (NEP 49), version 1.
struct Handler {
  char name[127];
  std::uint8_t version;
  void* context;
  void* (*allocate)(void*, std::size_t) noexcept;
  void* (*allocate_zeros)(void*, std::size_t, std::size_t) noexcept;
  void* (*reallocate)(void*, void*, std::size_t) noexcept;
  void (*release)(void*, void*, std::size_t) noexcept;
};
Handler handler = {"pyffnn", 1, nullptr, allocate, allocate_zeros, reallocate, release};

// Its place in NumPy's table of functions.
constexpr int kSetHandler = 304;

PyObject* (*set_handler)(PyObject*) = nullptr;
PyObject* own_handler = nullptr;

}  // namespace

void find_memory_handlers() {
  const py::object table = py::module_::import("numpy._core._multiarray_umath").attr("_ARRAY_API");
  void** const functions = static_cast<void**>(PyCapsule_GetPointer(table.ptr(), nullptr));
  if (functions == nullptr) throw py::error_already_set();
  PyObject* const own = PyCapsule_New(&handler, "mem_handler", nullptr);
  if (own == nullptr) throw py::error_already_set();
  own_handler = own;
  set_handler = reinterpret_cast<PyObject* (*)(PyObject*)>(functions[kSetHandler]);
}

void FromBlocks::begin(double bytes) {
  if (set_handler == nullptr || bytes > static_cast<double>(blocks::limit())) return;
  before_ = set_handler(own_handler);
  if (before_ == nullptr) throw py::error_already_set();
}

void FromBlocks::end() {
  const py::error_scope scope;
  PyObject* const own = set_handler(before_);
  Py_XDECREF(own);
  Py_DECREF(before_);
  if (own == nullptr) PyErr_Clear();
}

}  // namespace pyffnn::bindings
