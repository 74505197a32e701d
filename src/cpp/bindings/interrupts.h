// Signals heard within long calls: Ctrl-C, and whatever else Python has a handler for.
#pragma once
#include <chrono>
#include <thread>

#include "bindings/gil.h"
#include "core/interrupt.h"

namespace pyffnn::bindings {

// One a call, made on the calling thread (or adopt()ed by it): `Interrupts interrupts; { ReleaseGil release; work(..., interrupts); }`.
// poll() may be called with the GIL or, within a ReleaseGil, without it. Five times a second it takes the GIL and runs the handlers of
// signals; what a handler raises, it throws as py::error_already_set. Where the call has the GIL all the time, other threads get it for a
// moment. Asked between those times, or from another thread, it costs the reading of a clock.
class Interrupts final : public Interrupt {
 public:
  void adopt() { owner_ = std::this_thread::get_id(); }
  void poll() override {
    const auto now = Clock::now();
    if (now < next_ || std::this_thread::get_id() != owner_) return;
    next_ = now + std::chrono::milliseconds(200);
    if (ReleaseGil::current() == nullptr) ReleaseGil others;
    HoldGil hold;
    if (PyErr_CheckSignals() == 0) return;
    hold.keep();
    throw pybind11::error_already_set();
  }

 private:
  using Clock = std::chrono::steady_clock;
  std::thread::id owner_ = std::this_thread::get_id();
  Clock::time_point next_ = Clock::now() + std::chrono::milliseconds(200);
};

}  // namespace pyffnn::bindings
