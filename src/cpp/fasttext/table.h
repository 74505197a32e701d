// The rows of a model: dense (in memory, or in a mapped file) or product-quantised.
#pragma once
#include <algorithm>
#include <memory>
#include <vector>

#include "fasttext/file.h"
#include "fasttext/places.h"
#include "quant/product_quantiser.h"
#include "text/pages.h"

namespace pyffnn::fasttext {

// Immutable.
class Table {
 public:
  Table(Index rows, Index dim) : rows_(rows), dim_(dim) {}
  virtual ~Table() = default;
  Index rows() const { return rows_; }
  Index dim() const { return dim_; }

  // out = the mean of the rows; n > 0.
  virtual void mean(const std::int32_t* ids, Index n, float* out) const = 0;
  // A mean for each of `lines`, whose ids stand between offsets, to rows of dim() of `out`; zeros where there are none.
  virtual void means(const std::int32_t* ids, const Index* offsets, Index lines, float* out) const;
  // x += row
  virtual void add(Index row, float* x) const = 0;
  // out_i = row i of [begin, end) times x
  virtual void dots(const float* x, Index begin, Index end, float* out) const = 0;
  virtual void write(Writer& to) const = 0;
  // The rows, where they are dim() numbers each, one after the other; or null.
  virtual const char* flat() const { return nullptr; }
  // Whether its numbers stand for others.
  virtual bool quantised() const { return false; }
  // out = row
  void copy(Index row, float* out) const {
    std::fill_n(out, dim_, 0.0f);
    add(row, out);
  }

 protected:
  Index rows_, dim_;
};
using TablePtr = std::shared_ptr<const Table>;

class DenseTable final : public Table {
 public:
  DenseTable(Index rows, Index dim, std::shared_ptr<const void> owner, const float* data)
      : Table(rows, dim), owner_(std::move(owner)), data_(data) {}
  void mean(const std::int32_t* ids, Index n, float* out) const override;
  void means(const std::int32_t* ids, const Index* offsets, Index lines, float* out) const override;
  void add(Index row, float* x) const override;
  void dots(const float* x, Index begin, Index end, float* out) const override;
  void write(Writer& to) const override;
  const char* flat() const override { return reinterpret_cast<const char*>(data_); }

 private:
  std::shared_ptr<const void> owner_;
  const float* data_;
};

// What training leaves: `words` rows, and behind them rows for `hashes` hashes, many of which may be one, and which are zero where the
// texts had no such hash.
class SharedTable final : public Table {
 public:
  // data: rows of ld, of which those of words are at their places; row_of_hash: -1 for zero
  SharedTable(Index words, Index dim, Index ld, std::shared_ptr<const void> owner, const float* data, Places places,
              text::Pages<std::int32_t> row_of_hash);
  void mean(const std::int32_t* ids, Index n, float* out) const override;
  void add(Index row, float* x) const override;
  void dots(const float* x, Index begin, Index end, float* out) const override;
  void write(Writer& to) const override;

 private:
  std::int32_t stored(Index row) const { return row < words_ ? places_.of(static_cast<std::int32_t>(row)) : row_of_hash_[row - words_]; }

  Index words_, ld_;
  std::shared_ptr<const void> owner_;
  const float* data_;
  Places places_;
  text::Pages<std::int32_t> row_of_hash_;
};

class QuantisedTable final : public Table {
 public:
  // Codes are those of a model file, or of an array of the caller's; `owner` keeps them. norm_codes: null where norms are not apart.
  QuantisedTable(Index rows, std::shared_ptr<const void> owner, const std::uint8_t* codes, quant::ProductQuantiser quantiser,
                 const std::uint8_t* norm_codes, quant::ProductQuantiser norms);
  // Quantises a dense table of fastText's options.
  static TablePtr make(const Table& dense, Index dsub, bool qnorm, Interrupt& interrupt);

  void mean(const std::int32_t* ids, Index n, float* out) const override;
  void means(const std::int32_t* ids, const Index* offsets, Index lines, float* out) const override;
  void add(Index row, float* x) const override;
  void dots(const float* x, Index begin, Index end, float* out) const override;
  bool quantised() const override { return true; }
  void write(Writer& to) const override;

 private:
  float norm(Index row) const { return norm_codes_ == nullptr ? 1.0f : norms_.centroids()[norm_codes_[row]]; }

  void decode();

  // Small tables are decoded once: a row is then one access, not one a part.
  static constexpr Index kSmall = Index{16} << 20;
  std::vector<float> decoded_;
  std::shared_ptr<const void> owner_;
  const std::uint8_t* codes_;
  quant::ProductQuantiser quantiser_;
  const std::uint8_t* norm_codes_;
  quant::ProductQuantiser norms_;
};

// Read what write() wrote. Throw std::invalid_argument.
TablePtr read_dense(Reader& from, const std::shared_ptr<const void>& owner, const char* what);
TablePtr read_quantised(Reader& from, const std::shared_ptr<const void>& owner, const char* what);

}  // namespace pyffnn::fasttext
