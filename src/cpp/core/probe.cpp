#include "core/probe.h"

#include <chrono>
#include <cstdint>

#include "core/thread_pool.h"

namespace pyffnn::probe {
namespace {

using Clock = std::chrono::steady_clock;

// About 10 us of each loop at 3 GHz and three adds a cycle.
constexpr int kChained = 500, kIndependent = 4500, kAdds = 20;

// The addend is a register that the compiler knows nothing of: some cores carry out an add of a constant without an adder.
std::uint64_t unknown_one() {
  std::uint64_t one = 1;
  __asm__ volatile("" : "+r"(one));
  return one;
}

// Cycles, each an add that waits for the last.
double chained(std::uint64_t one) {
  std::uint64_t x = 0;
  for (int i = 0; i < kChained; ++i) {
#pragma GCC unroll 20
    for (int j = 0; j < kAdds; ++j) {
      x += one;
      __asm__ volatile("" : "+r"(x));
    }
  }
  return static_cast<double>(kChained) * kAdds;
}

// Adds in ten chains, more than any core has adders for.
double independent(std::uint64_t one) {
  std::uint64_t a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0;
  for (int round = 0; round < kIndependent; ++round) {
    for (int half = 0; half < 2; ++half) {
      a += one, b += one, c += one, d += one, e += one, f += one, g += one, h += one, i += one, j += one;
      __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
      __asm__ volatile("" : "+r"(f), "+r"(g), "+r"(h), "+r"(i), "+r"(j));
    }
  }
  return static_cast<double>(kIndependent) * kAdds;
}

template <class F>
double per_nanosecond(F f) {
  const std::uint64_t one = unknown_one();
  const auto start = Clock::now();
  const double amount = f(one);
  const std::chrono::duration<double, std::nano> taken = Clock::now() - start;
  return amount / taken.count();
}

}  // namespace

std::vector<Core> cores(int threads) {
  std::vector<Core> found(static_cast<std::size_t>(threads));
  threads::run_parts(threads, [&](int part, int) {
    const double clock = per_nanosecond(chained);
    found[static_cast<std::size_t>(part)] = {per_nanosecond(independent) / clock, clock};
  });
  return found;
}

}  // namespace pyffnn::probe
