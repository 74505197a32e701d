// A table of few numbers a row for fast prediction: rows of zeros are not kept, and none straddles two cache lines.
#pragma once
#include "fasttext/numbers.h"
#include "fasttext/table.h"

namespace pyffnn::fasttext {

class PackedTable final : public Table {
 public:
  // Room for numbers of a table of zeros, which make() takes: rows of row_size(dim).
  static Index row_size(Index dim);
  // Rows [0, words) are kept whatever they hold.
  static TablePtr make(std::shared_ptr<Numbers> numbers, Index rows, Index dim, Index words);

  PackedTable(Index rows, Index dim, Index words) : Table(rows, dim), ld_(row_size(dim)), words_(words) {}
  void mean(const std::int32_t* ids, Index n, float* out) const override;
  void add(Index row, float* x) const override;
  void dots(const float* x, Index begin, Index end, float* out) const override;
  void write(Writer& to) const override;

 private:
  // Of 64 rows: which are kept, and how many are kept before them.
  struct Block {
    std::uint64_t kept = 0;
    Index before = 0;
  };
  // Where row words_ + i would be, and whether it is there.
  Index place(Index i, bool& there) const;
  const float* stored(Index row) const;  // null: zeros

  Index ld_, words_;
  std::shared_ptr<const Numbers> numbers_;
  text::Pages<Block> blocks_;
};

}  // namespace pyffnn::fasttext
