#include "core/workspace.h"

#include <cstring>
#include <utility>

#include "core/poison.h"

namespace pyffnn {

Buffer::~Buffer() {
  poison::all_but(block_.data, block_.bytes, block_.bytes);
  blocks::give(block_);
}
Buffer::Buffer(Buffer&& other) noexcept : block_(std::exchange(other.block_, {})), zeroed_(std::exchange(other.zeroed_, 0)) {}
Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(block_, other.block_);
  std::swap(zeroed_, other.zeroed_);
  return *this;
}

void* Buffer::reserve(Index bytes) {
  if (bytes > block_.bytes) {
    poison::all_but(block_.data, block_.bytes, block_.bytes);
    blocks::give(std::exchange(block_, {}));
    zeroed_ = 0;
    block_ = blocks::take(bytes);
  }
  poison::all_but(block_.data, bytes, block_.bytes);
  return block_.data;
}

void* Buffer::reserve_zeros(Index bytes) {
  char* const data = static_cast<char*>(reserve(bytes));
  if (bytes > zeroed_) {
    std::memset(data + zeroed_, 0, static_cast<std::size_t>(bytes - zeroed_));
    zeroed_ = bytes;
  }
  return data;
}

Buffer& scratch(Scratch slot) {
  thread_local Buffer buffers[static_cast<int>(Scratch::count)];
  return buffers[static_cast<int>(slot)];
}

}  // namespace pyffnn
