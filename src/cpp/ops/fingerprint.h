// A 64-bit hash of an array's bytes, cheap enough to tell at every step whether somebody wrote into it.
#pragma once
#include <cstdint>

#include "core/types.h"

namespace pyffnn::ops {

// Equal bytes give equal hashes at any thread count. A change is missed with one chance in 2^64, whatever its pattern: sign bits of all
// entries, two bits, entries that change places. Not cryptographic: the keys are constants. `bytes` may be unaligned.
std::uint64_t fingerprint(const void* bytes, Index count);

}  // namespace pyffnn::ops
