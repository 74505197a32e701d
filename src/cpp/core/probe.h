// Whether a thread has its core to itself, found out in some 30 us: for benchmarks on a machine that others use too.
#pragma once
#include <vector>

namespace pyffnn::probe {

struct Core {
  // Independent integer adds a cycle. A sibling hyperthread that computes takes up to half of them.
  double adds_per_cycle;
  // Cycles a nanosecond, from a chain of adds that each wait for the one before. A process that takes the core away in between makes it
  // low.
  double clock;
};

// One a thread of the pool, `threads` of them at once, each on the core where it runs at the moment.
std::vector<Core> cores(int threads);

}  // namespace pyffnn::probe
