// The opaque status of the C functions: one a thread, so that to fail needs no memory.
#pragma once
#include <pyffnn.h>

#include <new>
#include <stdexcept>
#include <utility>

#include "core/types.h"

struct pyffnn_status {
  std::int32_t code;
  char message[380];
};

namespace pyffnn::capi {

// What a C function was given, found wanting: becomes a status of this code.
class Refused : public std::exception {
 public:
  explicit Refused(const pyffnn_status* status) : status_(status) {}
  const pyffnn_status* status() const { return status_; }

 private:
  const pyffnn_status* status_;
};

// The calling thread's status, with this code and text (cut where it is too long).
const pyffnn_status* status(int code, const char* text) noexcept;
// Throws Refused with a text as printf makes it.
[[noreturn]] void refuse(int code, const char* format, ...) __attribute__((format(printf, 2, 3)));

// Runs f and gives NULL, or the status that fits what it threw: nothing passes.
template <class F>
const pyffnn_status* guarded(F&& f) noexcept {
  try {
    f();
    return nullptr;
  } catch (const Refused& refused) {
    return refused.status();
  } catch (const std::bad_alloc&) {
    return status(PYFFNN_NO_MEMORY, "out of memory");
  } catch (const std::invalid_argument& error) {
    return status(PYFFNN_BAD_ARGUMENT, error.what());
  } catch (const std::exception& error) {
    return status(PYFFNN_FAILED, error.what());
  } catch (...) {
    return status(PYFFNN_FAILED, "an unknown error");
  }
}

}  // namespace pyffnn::capi
