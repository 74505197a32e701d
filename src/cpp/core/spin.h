// Polling for a moment, where sleeping would cost more than the wait.
#pragma once
#include <chrono>

namespace pyffnn::threads {

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

// Polls until done(), at most `limit`; false when it gave up.
template <class F>
bool spin_until(F done, std::chrono::microseconds limit) {
  using Clock = std::chrono::steady_clock;
  for (int i = 0; i < 64; ++i) {
    if (done()) return true;
    relax();
  }
  const auto start = Clock::now();
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      relax();
    }
  } while (Clock::now() - start < limit);
  return done();
}

}  // namespace pyffnn::threads
