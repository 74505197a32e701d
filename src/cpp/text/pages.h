// A growable array of plain values for the large buffers of the text path: unlike std::vector it leaves new elements uninitialised, and
// its memory is that of core/blocks.h, for the first touch of fresh 4 kB pages would cost more than cutting the text into words.
#pragma once
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "core/blocks.h"

namespace pyffnn::text {

template <class T>
class Pages {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Pages() = default;
  ~Pages() { blocks::give(block_); }
  Pages(Pages&& other) noexcept
      : block_(std::exchange(other.block_, {})),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  Index size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Index capacity() const { return capacity_; }
  T& operator[](Index i) { return data_[i]; }
  const T& operator[](Index i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& back() { return data_[size_ - 1]; }
  const T& back() const { return data_[size_ - 1]; }

  void clear() { size_ = 0; }
  // Room for `count` elements in all; untouched pages cost nothing.
  void reserve(Index count) {
    if (count > capacity_) grow(count);
  }
  // New elements are uninitialised.
  void resize(Index count) {
    if (count > capacity_) grow(count > 2 * capacity_ ? count : 2 * capacity_);
    size_ = count;
  }
  void assign(Index count, T value) {
    clear();
    resize(count);
    for (Index i = 0; i < count; ++i) data_[i] = value;
  }
  void assign_zero(Index count) {
    clear();
    resize(count);
    if (count > 0) std::memset(static_cast<void*>(data_), 0, static_cast<std::size_t>(count) * sizeof(T));
  }
  void push_back(T value) {
    if (size_ == capacity_) grow(capacity_ < 16 ? 16 : 2 * capacity_);
    data_[size_++] = value;
  }
  // `count` uninitialised elements at the end.
  T* extend(Index count) {
    const Index old = size_;
    resize(size_ + count);
    return data_ + old;
  }
  void append(const T* values, Index count) {
    if (count > 0) std::memcpy(static_cast<void*>(extend(count)), values, static_cast<std::size_t>(count) * sizeof(T));
  }

 private:
  void grow(Index count) {
    constexpr Index kLimit = (Index{1} << 60) / static_cast<Index>(sizeof(T));
    if (count > kLimit) throw std::bad_alloc();
    const blocks::Block fresh = blocks::take(count * static_cast<Index>(sizeof(T)));
    if (size_ > 0) std::memcpy(fresh.data, static_cast<const void*>(data_), static_cast<std::size_t>(size_) * sizeof(T));
    blocks::give(block_);
    block_ = fresh;
    data_ = static_cast<T*>(fresh.data);
    capacity_ = fresh.bytes / static_cast<Index>(sizeof(T));
  }

  blocks::Block block_;
  T* data_ = nullptr;
  Index size_ = 0;
  Index capacity_ = 0;
};

}  // namespace pyffnn::text
