#include "bindings/register.h"

namespace pyffnn::bindings {

void register_text(pybind11::module_&) {}

}  // namespace pyffnn::bindings
