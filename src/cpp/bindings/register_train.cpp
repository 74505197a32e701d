#include "bindings/register.h"

namespace pyffnn::bindings {

void register_train(pybind11::module_&) {}

}  // namespace pyffnn::bindings
