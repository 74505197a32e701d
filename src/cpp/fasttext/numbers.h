// Zeros from the system: what nobody writes to costs no memory.
#pragma once
#include <new>

#include "core/faults.h"
#include "core/platform.h"
#include "core/types.h"

namespace pyffnn::fasttext {

class Numbers {
 public:
  explicit Numbers(Index count) : bytes_(static_cast<std::size_t>(count > 0 ? count : 1) * sizeof(float)) {
    faults::allocation();
    void* const data = platform::map_zeros(bytes_);
    if (data == nullptr) throw std::bad_alloc();
    data_ = static_cast<float*>(data);
    // Rows are met in no order: small pages would miss the TLB at each.
    platform::want_large_pages(data, bytes_);
  }
  ~Numbers() { platform::unmap_zeros(data_, bytes_); }
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;

  float* data() { return data_; }
  const float* data() const { return data_; }
  // Gives back all but the first `count`.
  void shrink(Index count) {
    const std::size_t bytes = static_cast<std::size_t>(count > 0 ? count : 1) * sizeof(float);
    bytes_ = platform::shrink_zeros(data_, bytes_, bytes);
  }

 private:
  std::size_t bytes_;
  float* data_ = nullptr;
};

}  // namespace pyffnn::fasttext
