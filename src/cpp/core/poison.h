// What a sanitizer is to know of memory that has room to spare: a read beyond what was asked for is a fault, though the room is there.
#pragma once
#include "core/types.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace pyffnn::poison {

// With the address sanitizer only the first `usable` of the `whole` bytes at `data` may be touched from here on. Without it: nothing.
inline void all_but([[maybe_unused]] void* data, [[maybe_unused]] Index usable, [[maybe_unused]] Index whole) {
#if defined(__SANITIZE_ADDRESS__)
  if (data == nullptr) return;
  ASAN_UNPOISON_MEMORY_REGION(data, static_cast<std::size_t>(whole));
  ASAN_POISON_MEMORY_REGION(static_cast<char*>(data) + usable, static_cast<std::size_t>(whole - usable));
#endif
}

}  // namespace pyffnn::poison
