// Zeros from the system: what nobody writes to costs no memory.
#pragma once
#include <sys/mman.h>

#include <new>

#include "core/faults.h"
#include "core/types.h"

namespace pyffnn::fasttext {

class Numbers {
 public:
  explicit Numbers(Index count) : bytes_(static_cast<std::size_t>(count > 0 ? count : 1) * sizeof(float)) {
    faults::allocation();
    void* const data = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) throw std::bad_alloc();
    data_ = static_cast<float*>(data);
    // Rows are met in no order: small pages would miss the TLB at each.
    ::madvise(data, bytes_, MADV_HUGEPAGE);
  }
  ~Numbers() { ::munmap(data_, bytes_); }
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;

  float* data() { return data_; }
  const float* data() const { return data_; }
  // Gives back all but the first `count`.
  void shrink(Index count) {
    const std::size_t bytes = static_cast<std::size_t>(count > 0 ? count : 1) * sizeof(float);
    void* const data = ::mremap(data_, bytes_, bytes, 0);
    if (data != MAP_FAILED) bytes_ = bytes;
  }

 private:
  std::size_t bytes_;
  float* data_ = nullptr;
};

}  // namespace pyffnn::fasttext
