// Faults on order, for tests; nothing without PYFFNN_FAULTS.
#include "bindings/register.h"
#include "core/faults.h"

#if defined(PYFFNN_FAULTS)
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <optional>
#include <unordered_map>
#endif

namespace pyffnn::bindings {

#if defined(PYFFNN_FAULTS)
namespace {

namespace py = pybind11;
using Init = void (*)(py::detail::instance*, const void*);

std::unordered_map<PyTypeObject*, Init>& inits() {
  static auto* const all = new std::unordered_map<PyTypeObject*, Init>;
  return *all;
}

// pybind11 does not survive that the entry of a new object in its table of objects finds no memory: it throws into the interpreter, or
// deletes the object twice. That is not ours to mend, so there no memory fails.
void init_spared(py::detail::instance* self, const void* holder) {
  const faults::Spared spared;
  inits().at(Py_TYPE(reinterpret_cast<PyObject*>(self)))(self, holder);
}

}  // namespace

void register_faults(py::module_& m) {
  for (const auto& item : m.attr("__dict__").cast<py::dict>()) {
    if (!PyType_Check(item.second.ptr())) continue;
    auto* const type = reinterpret_cast<PyTypeObject*>(item.second.ptr());
    py::detail::type_info* const info = py::detail::get_type_info(type);
    if (info == nullptr) continue;
    inits()[type] = info->init_instance;
    info->init_instance = &init_spared;
  }
  m.def("_arm_faults", &faults::arm, py::arg("first"), py::arg("times") = 1);
  m.def("_faults_passed", &faults::passed);
  // Until the next call the places of allocations are written to `places`, uint64; None: nowhere.
  m.def(
      "_trace_faults",
      [](const std::optional<py::array_t<std::uint64_t, py::array::c_style>>& places) {
        static auto* const kept = new std::optional<py::array_t<std::uint64_t, py::array::c_style>>;
        faults::trace(places ? const_cast<std::uint64_t*>(places->data()) : nullptr, places ? places->size() : 0);
        *kept = places;
      },
      py::arg("places").noconvert());
}
#else
void register_faults(pybind11::module_&) {}
#endif

}  // namespace pyffnn::bindings
