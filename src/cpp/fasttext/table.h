// The rows of a model: dense (in memory, or in a mapped file) or product-quantised.
#pragma once
#include <memory>
#include <vector>

#include "fasttext/file.h"
#include "quant/product_quantiser.h"

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
  // x += row
  virtual void add(Index row, float* x) const = 0;
  // out_i = row i of [begin, end) times x
  virtual void dots(const float* x, Index begin, Index end, float* out) const = 0;
  virtual void write(Writer& to) const = 0;
  // The numbers, or null where there are none as such. They may lie at any address.
  virtual const float* dense() const { return nullptr; }

 protected:
  Index rows_, dim_;
};
using TablePtr = std::shared_ptr<const Table>;

class DenseTable final : public Table {
 public:
  DenseTable(Index rows, Index dim, std::shared_ptr<const void> owner, const float* data)
      : Table(rows, dim), owner_(std::move(owner)), data_(data) {}
  void mean(const std::int32_t* ids, Index n, float* out) const override;
  void add(Index row, float* x) const override;
  void dots(const float* x, Index begin, Index end, float* out) const override;
  void write(Writer& to) const override;
  const float* dense() const override { return data_; }

 private:
  std::shared_ptr<const void> owner_;
  const float* data_;
};

class QuantisedTable final : public Table {
 public:
  // Codes are those of a model file, or of an array of the caller's; `owner` keeps them. norm_codes: null where norms are not apart.
  QuantisedTable(Index rows, std::shared_ptr<const void> owner, const std::uint8_t* codes, quant::ProductQuantiser quantiser,
                 const std::uint8_t* norm_codes, quant::ProductQuantiser norms);
  // Quantises a dense table of fastText's options.
  static TablePtr make(const Table& dense, Index dsub, bool qnorm, Interrupt& interrupt);

  void mean(const std::int32_t* ids, Index n, float* out) const override;
  void add(Index row, float* x) const override;
  void dots(const float* x, Index begin, Index end, float* out) const override;
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
