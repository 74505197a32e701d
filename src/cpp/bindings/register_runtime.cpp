#include <pybind11/stl.h>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "core/blocks.h"
#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "ops/products/core_trait.h"

namespace pyffnn::bindings {

void register_errors(py::module_&) {
  py::register_exception_translator([](std::exception_ptr p) {
    try {
      if (p) std::rethrow_exception(p);
    } catch (const memory_error& e) {
      PyErr_SetString(PyExc_MemoryError, e.what());
    }
  });
}

void register_runtime(py::module_& m) {
  dispatch::active();  // what is unusable in the environment must fail the import, not the first call
  threads::get_num_threads();
  blocks::check_environment();
  find_memory_handlers();
  if (const char* way = std::getenv("PYFFNN_GEMM"); way != nullptr && *way != '\0') ops::force_way(way, "PYFFNN_GEMM");
  m.def("isa", [] { return std::string(dispatch::active().isa); });
  m.def("available_isas", [] {
    std::vector<std::string> names;
    for (const KernelTable* t : dispatch::available()) names.emplace_back(t->isa);
    return names;
  });
  m.def("set_isa", &dispatch::set_isa, py::arg("name"));
  m.def("isa_has_fma", [] { return dispatch::active().has_fma; });
  m.def("isa_has_tiles", [] { return dispatch::active().has_tiles(); });
  m.def("amx_status", &dispatch::amx_status);
  m.def("get_num_threads", &threads::get_num_threads);
  m.def("set_num_threads", &threads::set_num_threads, py::arg("n"));
  m.def("cpu_features", [] { return cpu::features().names; });
  m.def("cpu_model", &cpu::model_name);
  m.def("cpu_caches", [] {
    const cpu::Caches& c = cpu::caches();
    return py::dict(py::arg("l1d") = c.l1d, py::arg("l2") = c.l2, py::arg("l3") = c.l3);
  });
  m.def("core_trait", [] {
    const ops::CoreTrait t = ops::core_trait();
    return py::make_tuple(ops::kCoreKindNames[static_cast<int>(t.kind)], t.rows_us, t.columns_us);
  });
  m.def("product_way", &ops::forced_way_name);
  m.def("set_product_way", [](const std::string& name) { ops::force_way(name, "way"); }, py::arg("name"));
  m.def("scratch_bytes", [] {
    const blocks::Usage u = blocks::usage();
    return py::make_tuple(u.now, u.most);
  });
  m.def("kept_memory", [] { return py::make_tuple(blocks::kept(), blocks::limit()); });
  m.def("set_kept_memory", &blocks::set_limit, py::arg("limit"));
  m.def("release_memory", [] { return released([=] { return blocks::release(); }); });
  m.attr("version") = PYFFNN_VERSION;
  m.attr("compiler") = PYFFNN_COMPILER;
}

}  // namespace pyffnn::bindings
