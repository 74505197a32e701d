// Memory for large arrays. What is given back is kept for the next taker, because the kernel's clearing of fresh pages can cost more than
// all the work done on them.
#pragma once
#include "core/types.h"

namespace pyffnn::blocks {

struct Block {
  void* data = nullptr;
  Index bytes = 0;  // of which all are usable
};

// At least `bytes`, uninitialised, aligned to 64 bytes; from half a megabyte on to a 2 MB page, on such pages where the system has them
// (first touch is many times faster, and the TLB holds them). Throws std::bad_alloc.
Block take(Index bytes);
// Bytes taken and not given back: now, and the most there were.
struct Usage {
  Index now, most;
};
Usage usage();
// Large blocks are kept, up to 256 MB in all; the system may take back their pages meanwhile when it is short of memory.
void give(Block block) noexcept;

}  // namespace pyffnn::blocks
