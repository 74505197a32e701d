// Rows of numbers.
#pragma once
#include <cstring>

#include "net/sources/source.h"

namespace pyffnn::net {

template <class T>
class DenseSource final : public Source<T> {
 public:
  DenseSource(const T* x, Index n, Index width) : x_(x), n_(n), width_(width) {}
  SourceKind kind() const override { return SourceKind::dense; }
  Index size() const override { return n_; }
  Index width() const override { return width_; }
  Index max_entries(std::int64_t) const override { return 0; }
  void load(const Visit& visit, Index, Batch<T>&, T* x, Index ldx) const override {
    visit.each(
        [&](Index example, Index i) { std::memcpy(x + i * ldx, x_ + example * width_, static_cast<std::size_t>(width_) * sizeof(T)); });
  }

 private:
  const T* x_;
  Index n_, width_;
};

}  // namespace pyffnn::net
