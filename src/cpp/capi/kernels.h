// The functions of the table that run kernels, for both element types.
#pragma once
#include "capi/status.h"

namespace pyffnn::capi {

// Sets those members of the table.
void add_kernels(pyffnn_api& api);

}  // namespace pyffnn::capi
