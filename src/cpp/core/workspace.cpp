#include "core/workspace.h"

#include <utility>

namespace pyffnn {

Buffer::~Buffer() { blocks::give(block_); }
Buffer::Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, {})) {}
Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(block_, other.block_);
  return *this;
}

void* Buffer::reserve(Index bytes) {
  if (bytes > block_.bytes) {
    blocks::give(std::exchange(block_, {}));
    block_ = blocks::take(bytes);
  }
  return block_.data;
}

Buffer& scratch(Scratch slot) {
  thread_local Buffer buffers[static_cast<int>(Scratch::count)];
  return buffers[static_cast<int>(slot)];
}

}  // namespace pyffnn
