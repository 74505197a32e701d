// Memory that does not come, on purpose: in builds with PYFFNN_FAULTS tests choose which allocation fails. Every `new` of the library and
// every block counts as one, in whatever thread. Elsewhere nothing of this exists.
#pragma once
#include <cstdint>

#include "core/types.h"

namespace pyffnn::faults {

#if defined(PYFFNN_FAULTS)
// The allocations first, ..., first + times - 1 from now on fail; first = 0: none.
void arm(Index first, Index times);
// Allocations since arm(), with those that failed.
Index passed();
// The places of the allocations from now on, `room` at most, by what called them: a number for each place, whatever its meaning, the same
// while the process and its forks live. Null ends that. The caller's memory.
void trace(std::uint64_t* places, Index room);
// While one lives, allocations of its thread are not counted and do not fail.
class Spared {
 public:
  Spared();
  ~Spared();
  Spared(const Spared&) = delete;
  Spared& operator=(const Spared&) = delete;
};
// One more is asked for. Throws std::bad_alloc where it is to fail.
void allocation();
#else
inline void allocation() {}
#endif

}  // namespace pyffnn::faults
