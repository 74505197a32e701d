// Releasing the GIL around C++ work.
#pragma once
#include <pybind11/pybind11.h>
#include <unistd.h>

#include <type_traits>

namespace pyffnn::bindings {

// Like py::gil_scoped_release, but a daemon thread that is still at work when the interpreter exits does no harm. Before Python 3.14
// taking the GIL back ends such a thread by pthread_exit, whose unwinding would meet C++ frames that end the whole process
// (std::terminate); here it stops, for good, and the process exits as it should.
class ReleaseGil {
 public:
  // With `release` false the GIL is kept: for work that is shorter than the exchange.
  explicit ReleaseGil(bool release = true) : state_(release ? PyEval_SaveThread() : nullptr) {}
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;
  ~ReleaseGil() noexcept(false) {
    if (state_ == nullptr) return;
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) ::pause();
    }
  }

 private:
  PyThreadState* state_;
};

// f() with the GIL released. f holds plain values (`[=]`): without the GIL no reference may be counted, and another thread may give an
// array another shape. A Python object held by value does not compile; tests/test_layers.py refuses one held by reference.
template <class F>
auto released(F f) {
  static_assert(std::is_trivially_copyable_v<F>, "work without the GIL holds numbers and pointers alone");
  const ReleaseGil release;
  return f();
}

}  // namespace pyffnn::bindings
