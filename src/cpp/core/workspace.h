// Scratch memory, 64-byte aligned, reused from call to call: kernels never allocate, and a fresh page costs more than the arithmetic on it.
#pragma once
#include "core/blocks.h"

namespace pyffnn {

// A grow-only aligned buffer. Throws std::bad_alloc.
class Buffer {
 public:
  Buffer() = default;
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;

  // At least `bytes`; the content is lost when it grows.
  void* reserve(Index bytes);
  template <class T>
  T* reserve_of(Index count) {
    return static_cast<T*>(reserve(count * static_cast<Index>(sizeof(T))));
  }
  // The same of zeros, where it grows: what an earlier call asked for keeps its content, unless that was lost.
  void* reserve_zeros(Index bytes);
  void* data() const { return block_.data; }
  Index capacity() const { return block_.bytes; }

 private:
  blocks::Block block_;
  Index zeroed_ = 0;  // by reserve_zeros
};

// Per-thread scratch of an operation. Slots keep nested users apart (gemm inside linear_cross_entropy).
enum class Scratch : int { pack_a = 0, pack_b = 1, op = 2, op2 = 3, count = 4 };
Buffer& scratch(Scratch slot);

}  // namespace pyffnn
