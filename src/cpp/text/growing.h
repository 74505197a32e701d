// Versions that share memory: what a featurizer knows is never changed, and yet one that knows a little more costs little more.
//
// A version is a prefix of an array (or a table whose entries are numbered) and the next version writes behind its end, in the same memory
// as long as that has room, else in a copy with room for as much again. So versions cost what they add, counted over many of them. Only one
// version may write behind the end: the one that holds the pen, which is the newest. Another one that is to be continued is copied.
#pragma once
#include <algorithm>
#include <atomic>
#include <memory>

#include "text/pages.h"

namespace pyffnn::text {

class Pen {
 public:
  explicit Pen(bool held = true) : held_(held) {}
  Pen(Pen&& other) noexcept : held_(other.held_.exchange(false)) {}
  Pen& operator=(Pen&& other) noexcept {
    held_ = other.held_.exchange(false);
    return *this;
  }
  // Whether it was here: then it is the caller's.
  bool take() const { return held_.exchange(false); }

 private:
  mutable std::atomic<bool> held_;
};

// A growing array of plain values.
template <class T>
class Growing {
 public:
  Growing() = default;

  Index size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T* data() const { return data_; }
  const T& operator[](Index i) const { return data_[i]; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

  // A version to go on with; this one stays as it is.
  Growing next() const {
    Growing g;
    if (pen_.take()) {
      g.pages_ = pages_;
      g.data_ = data_;
      g.size_ = size_;
    } else {
      g.append(data_, size_);
    }
    return g;
  }
  // Never changes what stands below size(). For the version that the last next() gave.
  void append(const T* values, Index count) {
    if (count == 0) return;
    if (!pages_ || size_ + count > pages_->capacity()) {
      auto fresh = std::make_shared<Pages<T>>();
      fresh->reserve(2 * (size_ + count));
      fresh->append(data_, size_);
      pages_ = std::move(fresh);
    }
    pages_->append(values, count);
    data_ = pages_->data();
    size_ += count;
  }
  void push_back(T value) { append(&value, 1); }

 private:
  std::shared_ptr<Pages<T>> pages_;
  const T* data_ = nullptr;
  Index size_ = 0;
  Pen pen_;
};

}  // namespace pyffnn::text
