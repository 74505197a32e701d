// A 64-bit hash of an array's bytes, cheap enough to tell at every step whether somebody wrote into it.
#pragma once
#include <cstdint>

#include "core/types.h"

namespace pyffnn::ops {

// Equal bytes give equal hashes at any thread count; a change of one 8-byte word always changes the hash, anything else does but for
// one chance in 2^64. Not cryptographic. `bytes` may be unaligned.
std::uint64_t fingerprint(const void* bytes, Index count);

}  // namespace pyffnn::ops
