#include "capi/table.h"

#include <cstdio>

#include "capi/kernels.h"
#include "capi/model.h"
#include "capi/status.h"

#ifndef PYFFNN_VERSION
#define PYFFNN_VERSION "(version unknown)"
#endif

namespace pyffnn::capi {

const pyffnn_api& table() {
  static const pyffnn_api made = [] {
    pyffnn_api api{};
    api.version = PYFFNN_API_VERSION;
    api.size = sizeof(pyffnn_api);
    api.library = "pyffnn " PYFFNN_VERSION;
    api.status_code = [](const pyffnn_status* status) -> std::int32_t { return status == nullptr ? PYFFNN_OK : status->code; };
    api.status_message = [](const pyffnn_status* status) { return status == nullptr ? "" : static_cast<const char*>(status->message); };
    add_kernels(api);
    add_models(api);
    return api;
  }();
  return made;
}

}  // namespace pyffnn::capi

extern "C" const pyffnn_api* pyffnn_open(uint32_t version, uint32_t size, const char** message) {
  const pyffnn_api& api = pyffnn::capi::table();
  if (version == api.version && size <= api.size) return &api;
  static thread_local char text[160];
  std::snprintf(text, sizeof(text), "%s has a table of C functions of version %u (%u bytes); asked for was version %u (%u bytes)",
                api.library, api.version, api.size, version, size);
  if (message != nullptr) *message = text;
  return nullptr;
}
