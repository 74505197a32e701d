// One function a topic; each stands in its own register_<topic>.cpp.
#pragma once
#include <pybind11/pybind11.h>

namespace pyffnn::bindings {

void register_errors(pybind11::module_& m);
void register_runtime(pybind11::module_& m);
void register_products(pybind11::module_& m);
void register_rowwise(pybind11::module_& m);
void register_losses(pybind11::module_& m);
void register_embedding(pybind11::module_& m);
void register_runs(pybind11::module_& m);
void register_host_steps(pybind11::module_& m);
void register_text(pybind11::module_& m);
void register_arrow(pybind11::module_& m);
void register_terms(pybind11::module_& m);
void register_quant(pybind11::module_& m);
void register_stream(pybind11::module_& m);
void register_examples(pybind11::module_& m);  // before register_network, which takes them
void register_network(pybind11::module_& m);
void register_peaks(pybind11::module_& m);
void register_hooks(pybind11::module_& m);
void register_capi(pybind11::module_& m);
void register_hot_calls(pybind11::module_& m);  // after those whose functions it wraps
void register_faults(pybind11::module_& m);     // last: it looks at all classes

}  // namespace pyffnn::bindings
