// Where a network's examples come from: one class a kind of input, each bringing a batch into the form that the input stage reads.
#pragma once
#include <cstdint>
#include <vector>

#include "core/types.h"

namespace pyffnn::train {

// Entries (ids of rows, with values for sparse features) in bags; nothing for dense examples.
template <class T>
struct Batch {
  std::vector<std::int32_t> ids;
  std::vector<std::int64_t> offsets;  // m + 1
  std::vector<T> values;              // sparse: one an id
};

template <class T>
class Source {
 public:
  virtual ~Source() = default;
  virtual Index size() const = 0;
  // Entries that an example has at most; 0 for dense examples. Plans the memory of a batch.
  virtual Index max_entries(std::int64_t example) const = 0;
  // Fills `batch`, or for dense examples x [m, ldx]. Allocates nothing once a batch as large was there.
  virtual void load(const std::int64_t* examples, Index m, Batch<T>& batch, T* x, Index ldx) const = 0;
};

template <class T>
class DenseSource final : public Source<T> {
 public:
  DenseSource(const T* x, Index n, Index width) : x_(x), n_(n), width_(width) {}
  Index size() const override { return n_; }
  Index max_entries(std::int64_t) const override { return 0; }
  void load(const std::int64_t* examples, Index m, Batch<T>& batch, T* x, Index ldx) const override;

 private:
  const T* x_;
  Index n_, width_;
};

// CSR rows, or bags of ids (values null). With `length`, each example becomes exactly that many ids: cut, or filled with `padding`, which
// also replaces negative ids.
template <class T>
class RowSource final : public Source<T> {
 public:
  RowSource(const std::int64_t* offsets, Index n, const std::int32_t* ids, const T* values, Index length = 0, std::int32_t padding = 0)
      : offsets_(offsets), n_(n), ids_(ids), values_(values), length_(length), padding_(padding) {}
  Index size() const override { return n_; }
  Index max_entries(std::int64_t example) const override { return length_ > 0 ? length_ : offsets_[example + 1] - offsets_[example]; }
  void load(const std::int64_t* examples, Index m, Batch<T>& batch, T* x, Index ldx) const override;

 private:
  const std::int64_t* offsets_;
  Index n_;
  const std::int32_t* ids_;
  const T* values_;
  Index length_;
  std::int32_t padding_;
};

}  // namespace pyffnn::train
