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
    // Shuffled rows are anywhere: each is fetched a few rows before it is copied.
    const std::size_t bytes = static_cast<std::size_t>(width_) * sizeof(T);
    const char* coming[kAhead];
    Index came = 0;
    const auto copy = [&](Index i) { std::memcpy(x + i * ldx, coming[i % kAhead], bytes); };
    visit.each([&](Index example, Index i) {
      if (i >= kAhead) copy(i - kAhead);
      const char* const row = reinterpret_cast<const char*>(x_ + example * width_);
      for (std::size_t at = 0; at < bytes && at < kFetched; at += 64) __builtin_prefetch(row + at);
      coming[i % kAhead] = row;
      came = i + 1;
    });
    for (Index i = came < kAhead ? 0 : came - kAhead; i < came; ++i) copy(i);
  }

 private:
  static constexpr Index kAhead = 4;
  static constexpr std::size_t kFetched = 1024;  // the rest of a longer row follows by itself
  const T* x_;
  Index n_, width_;
};

}  // namespace pyffnn::net
