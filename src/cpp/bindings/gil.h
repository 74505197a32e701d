// Releasing the GIL around C++ work, and taking it back in the middle of such work.
#pragma once
#include <pybind11/pybind11.h>

#include <type_traits>
#include <utility>

#include "core/platform.h"

namespace pyffnn::bindings {

// Like py::gil_scoped_release, but a daemon thread that is still at work when the interpreter exits does no harm. Before Python 3.14
// taking the GIL back ends such a thread by pthread_exit, whose unwinding would meet C++ frames that end the whole process
// (std::terminate); here it stops, for good, and the process exits as it should.
class ReleaseGil {
 public:
  // With `release` false the GIL is kept: for work that is shorter than the exchange.
  explicit ReleaseGil(bool release = true) : state_(release ? PyEval_SaveThread() : nullptr), outer_(std::exchange(current(), this)) {}
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;
  ~ReleaseGil() noexcept(false) {
    current() = outer_;
    take();
  }

  // The innermost one of this thread that is alive, or nullptr.
  static ReleaseGil*& current() {
    static thread_local ReleaseGil* innermost = nullptr;
    return innermost;
  }

 private:
  friend class HoldGil;
  void take() {
    if (state_ == nullptr) return;
    try {
      PyEval_RestoreThread(std::exchange(state_, nullptr));
    } catch (...) {
      platform::sleep_forever();
    }
  }

  PyThreadState* state_;  // nullptr while this thread has the GIL
  ReleaseGil* outer_;
};

// Takes the GIL back within the life of a ReleaseGil, and gives it away again at the end; without one the thread has it anyway. A lock that
// some thread waits for while it has the GIL must not be held here.
class HoldGil {
 public:
  HoldGil() : released_(ReleaseGil::current()) {
    if (released_ != nullptr && released_->state_ != nullptr)
      released_->take();
    else
      released_ = nullptr;
  }
  HoldGil(const HoldGil&) = delete;
  HoldGil& operator=(const HoldGil&) = delete;
  // An error of Python that is on its way out keeps the GIL.
  ~HoldGil() {
    if (released_ != nullptr && !keep_) released_->state_ = PyEval_SaveThread();
  }
  void keep() { keep_ = true; }

 private:
  ReleaseGil* released_;
  bool keep_ = false;
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
