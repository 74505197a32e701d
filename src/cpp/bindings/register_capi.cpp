#include "bindings/c_model.h"
#include "bindings/register.h"
#include "capi/model.h"
#include "capi/table.h"

namespace pyffnn::bindings {

namespace py = pybind11;

py::capsule c_model(std::shared_ptr<net::Network<float>> network, text::FeaturesPtr features, Index length, bool one_unit,
                    const py::list& labels, std::vector<double> mean, std::vector<double> spread) {
  auto model = std::make_unique<pyffnn_model>();
  model->network = std::move(network);
  model->features = std::move(features);
  model->length = length;
  model->one_unit = one_unit;
  model->mean = std::move(mean);
  model->spread = std::move(spread);
  for (const py::handle label : labels) model->labels.push_back(py::cast<std::string>(label));
  py::capsule capsule(model.get(), "pyffnn.model",
                      [](PyObject* o) { delete static_cast<pyffnn_model*>(PyCapsule_GetPointer(o, "pyffnn.model")); });
  (void)model.release();
  return capsule;
}

void register_capi(py::module_& m) {
  // Never written to; a capsule holds plain pointers.
  m.attr("_C_API") = py::capsule(const_cast<pyffnn_api*>(&capi::table()), "pyffnn._pyffnn._C_API");
}

}  // namespace pyffnn::bindings
