// Memory that does not come, on purpose: in builds with PYFFNN_FAULTS tests choose which allocation fails. Every `new` of the library and
// every block counts as one, in whatever thread. Elsewhere nothing of this exists.
#pragma once
#include "core/types.h"

namespace pyffnn::faults {

#if defined(PYFFNN_FAULTS)
// The allocations first, ..., first + times - 1 from now on fail; first = 0: none.
void arm(Index first, Index times);
// Allocations since arm(), with those that failed.
Index passed();
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
