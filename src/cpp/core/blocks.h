// Memory for large arrays. What is given back is kept for the next taker, because the kernel's clearing of fresh pages can cost more than
// all the work done on them.
#pragma once
#include "core/types.h"

namespace pyffnn::blocks {

struct Block {
  void* data = nullptr;
  Index bytes = 0;  // of which all are usable
};

// scratch: counted by usage(); up to twice as large as was asked for, all of it on large pages.
// result: memory of a caller, for as long as the caller likes. What lies beyond the bytes asked for costs no memory, or a quarter at most.
enum class Use { scratch, result };

// At least `bytes`, uninitialised, aligned to 64 bytes; from half a megabyte on to a 2 MB page, on such pages where the system has them
// (first touch is many times faster, and the TLB holds them). Throws std::bad_alloc.
Block take(Index bytes, Use use = Use::scratch);
// From any thread. Large blocks are kept for the next taker; the system may take back their pages meanwhile when it is short of memory.
// Where they are too many, or more than the limit in all, those that have been kept longest are freed.
void give(Block block, Use use = Use::scratch) noexcept;

// Bytes of scratch taken and not given back: now, and the most there were.
struct Usage {
  Index now, most;
};
Usage usage();

// Bytes that are kept, and the most that are: PYFFNN_KEPT_MEMORY, else 256 MB. A limit of 0 keeps nothing.
Index kept();
Index limit();
void set_limit(Index bytes);
// Frees all that is kept; how many bytes that was.
Index release();
// Throws std::invalid_argument where PYFFNN_KEPT_MEMORY is no number of bytes; elsewhere such a value is passed over.
void check_environment();

}  // namespace pyffnn::blocks
