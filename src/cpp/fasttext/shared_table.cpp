#include "core/dispatch.h"
#include "fasttext/table.h"

namespace pyffnn::fasttext {

SharedTable::SharedTable(Index words, Index dim, Index ld, std::shared_ptr<const void> owner, const float* data, Places places,
                         text::Pages<std::int32_t> row_of_hash)
    : Table(words + row_of_hash.size(), dim),
      words_(words),
      ld_(ld),
      owner_(std::move(owner)),
      data_(data),
      places_(places),
      row_of_hash_(std::move(row_of_hash)) {}

void SharedTable::mean(const std::int32_t* ids, Index n, float* out) const {
  constexpr Index kFew = 1024, kAhead = 16;
  std::int32_t few[kFew];
  std::vector<std::int32_t> many(static_cast<std::size_t>(n > kFew ? n : 0));
  std::int32_t* const rows = n > kFew ? many.data() : few;
  Index count = 0;
  for (Index i = 0; i < n; ++i) {
    if (i + kAhead < n && ids[i + kAhead] >= words_) __builtin_prefetch(row_of_hash_.data() + (ids[i + kAhead] - words_));
    rows[count] = stored(ids[i]);
    count += rows[count] >= 0 ? 1 : 0;
  }
  const Index offsets[2] = {0, count};
  const auto scale = static_cast<float>(1.0 / static_cast<double>(n));
  dispatch::kernels<float>().pool_i32(data_, ld_, rows, offsets, nullptr, &scale, 1, dim_, out, dim_);
}

void SharedTable::add(Index row, float* x) const {
  if (stored(row) >= 0) dispatch::kernels<float>().axpy(1.0f, data_ + stored(row) * ld_, x, dim_);
}

void SharedTable::dots(const float* x, Index begin, Index end, float* out) const {
  const auto& kernels = dispatch::kernels<float>();
  for (Index i = begin; i < end; ++i) out[i - begin] = stored(i) < 0 ? 0.0f : kernels.dot(data_ + stored(i) * ld_, x, dim_);
}

void SharedTable::write(Writer& to) const {
  to.put(rows_);
  to.put(dim_);
  const std::vector<float> zeros(static_cast<std::size_t>(dim_));
  for (Index i = 0; i < rows_; ++i)
    to.put_bytes(stored(i) < 0 ? zeros.data() : data_ + stored(i) * ld_, dim_ * static_cast<Index>(sizeof(float)));
}

}  // namespace pyffnn::fasttext
