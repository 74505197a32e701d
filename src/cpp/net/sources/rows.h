// Rows of a table by their ids: CSR features, bags, and sequences of a fixed length.
#pragma once
#include <algorithm>
#include <stdexcept>

#include "net/sources/source.h"

namespace pyffnn::net {

// The arrays may be read-only views of somebody's memory, `offsets` is the source's own.
struct RowArrays {
  std::vector<std::int64_t> offsets;  // n + 1, rising, the last at most the number of ids
  const std::int32_t* ids = nullptr;
  Index n() const { return static_cast<Index>(offsets.size()) - 1; }
};

// values: of sparse features, else null.
template <class T>
class BagSource final : public Source<T> {
 public:
  BagSource(const RowArrays& rows, const T* values, Index width) : rows_(rows), values_(values), width_(width) {}
  SourceKind kind() const override { return values_ != nullptr ? SourceKind::sparse : SourceKind::bags; }
  Index size() const override { return rows_.n(); }
  Index width() const override { return width_; }
  Index max_entries(std::int64_t example) const override { return begin(example + 1) - begin(example); }
  void load(const Visit& visit, Index window, Batch<T>& batch, T*, Index) const override {
    Index total = 0;
    batch.offsets.resize(static_cast<std::size_t>(visit.examples()) + 1);
    batch.offsets[0] = 0;
    visit.each([&](Index example, Index i) { batch.offsets[static_cast<std::size_t>(i) + 1] = total += max_entries(example); });
    batch.ids.resize(static_cast<std::size_t>(total));
    if (values_ != nullptr) batch.values.resize(static_cast<std::size_t>(total));
    visit.each([&](Index example, Index i) {
      const Index from = begin(example), n = max_entries(example), at = batch.offsets[static_cast<std::size_t>(i)];
      std::copy_n(rows_.ids + from, n, batch.ids.data() + at);
      if (values_ != nullptr) std::copy_n(values_ + from, n, batch.values.data() + at);
    });
    check_ids(batch.ids.data(), total, 0, width_);
    if (window > 0) cut(window, batch);
  }

 private:
  // Bags of `window` ids in place of those that there are.
  static void cut(Index window, Batch<T>& batch) {
    const std::size_t n = batch.offsets.size() - 1;
    batch.groups.resize(n + 1);
    batch.groups[0] = 0;
    std::vector<std::int64_t> offsets{0};
    for (std::size_t i = 0; i < n; ++i) {
      for (std::int64_t at = batch.offsets[i]; at < batch.offsets[i + 1]; at += window)
        offsets.push_back(std::min<std::int64_t>(at + window, batch.offsets[i + 1]));
      batch.groups[i + 1] = static_cast<std::int64_t>(offsets.size()) - 1;
    }
    batch.offsets = std::move(offsets);
  }
  Index begin(Index example) const { return rows_.offsets[static_cast<std::size_t>(example)]; }
  const RowArrays& rows_;
  const T* values_;
  Index width_;
};

// Each example becomes exactly `length` ids: cut, or filled with `width`, the number of the table's spare row, which also replaces -1.
template <class T>
class SequenceSource final : public Source<T> {
 public:
  SequenceSource(const RowArrays& rows, Index width, Index length) : rows_(rows), width_(width), length_(length) {}
  SourceKind kind() const override { return SourceKind::sequences; }
  Index size() const override { return rows_.n(); }
  Index width() const override { return width_; }
  Index length() const override { return length_; }
  Index max_entries(std::int64_t) const override { return length_; }
  void load(const Visit& visit, Index, Batch<T>& batch, T*, Index) const override {
    const Index m = visit.examples();
    const auto padding = static_cast<std::int32_t>(width_);
    batch.ids.resize(static_cast<std::size_t>(m * length_));
    batch.offsets.resize(static_cast<std::size_t>(m + 1));
    for (Index i = 0; i <= m; ++i) batch.offsets[static_cast<std::size_t>(i)] = i * length_;
    visit.each([&](Index example, Index i) {
      const Index from = rows_.offsets[static_cast<std::size_t>(example)], n = rows_.offsets[static_cast<std::size_t>(example) + 1] - from;
      std::int32_t* const out = batch.ids.data() + i * length_;
      const Index kept = std::min(n, length_);
      std::copy_n(rows_.ids + from, kept, out);
      std::replace(out, out + kept, std::int32_t{-1}, padding);
      std::fill(out + kept, out + length_, padding);
    });
    check_ids(batch.ids.data(), m * length_, 0, width_ + 1);
  }

 private:
  const RowArrays& rows_;
  Index width_, length_;
};

}  // namespace pyffnn::net
