#include "capi/status.h"

#include <cstdarg>
#include <cstdio>

namespace pyffnn::capi {
namespace {

thread_local pyffnn_status last;

}  // namespace

const pyffnn_status* status(int code, const char* text) noexcept {
  last.code = code;
  std::snprintf(last.message, sizeof(last.message), "%s", text);
  return &last;
}

void refuse(int code, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  last.code = code;
  std::vsnprintf(last.message, sizeof(last.message), format, arguments);
  va_end(arguments);
  throw Refused(&last);
}

}  // namespace pyffnn::capi
