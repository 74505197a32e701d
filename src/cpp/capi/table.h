// The table of C functions (pyffnn.h).
#pragma once
#include <pyffnn.h>

namespace pyffnn::capi {

const pyffnn_api& table();

}  // namespace pyffnn::capi
