#include "fasttext/packed_table.h"

#include <algorithm>
#include <cstring>

#include "core/dispatch.h"

namespace pyffnn::fasttext {
namespace {

// The baseline of x86 has no instruction for it.
inline int count_bits(std::uint64_t x) {
  x -= x >> 1 & 0x5555555555555555u;
  x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
  x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
  return static_cast<int>(x * 0x0101010101010101u >> 56);
}

// sum += rows of N numbers, one after the other
template <int N>
void add_rows(const float* data, const std::int32_t* at, Index n, float* sum) {
  float s[std::size_t{N}];
  for (int j = 0; j < N; ++j) s[j] = sum[j];
  for (Index i = 0; i < n; ++i) {
    const float* const row = data + static_cast<Index>(at[i]) * N;
    for (int j = 0; j < N; ++j) s[j] += row[j];
  }
  for (int j = 0; j < N; ++j) sum[j] = s[j];
}

}  // namespace

Index PackedTable::row_size(Index dim) {
  constexpr Index kLine = 64 / static_cast<Index>(sizeof(float));
  if (dim > kLine) return dim;
  Index size = 1;
  while (size < dim) size *= 2;
  return size;
}

TablePtr PackedTable::make(std::shared_ptr<Numbers> numbers, Index rows, Index dim, Index words) {
  auto table = std::make_shared<PackedTable>(rows, dim, words);
  const Index ld = table->ld_;
  float* const data = numbers->data();
  table->blocks_.assign((rows - words + 63) / 64, {});
  Index kept = words;
  for (Index i = words; i < rows; ++i) {
    const float* const row = data + i * ld;
    Block& block = table->blocks_[(i - words) / 64];
    if ((i - words) % 64 == 0) block.before = kept;
    if (std::all_of(row, row + dim, [](float x) { return x == 0; })) continue;
    block.kept |= std::uint64_t{1} << ((i - words) % 64);
    if (i != kept) std::memcpy(data + kept * ld, row, static_cast<std::size_t>(ld) * sizeof(float));
    ++kept;
  }
  numbers->shrink(kept * ld);
  table->numbers_ = std::move(numbers);
  return table;
}

inline Index PackedTable::place(Index i, bool& there) const {
  const Block& block = blocks_[i / 64];
  const std::uint64_t bit = std::uint64_t{1} << (i % 64);
  there = (block.kept & bit) != 0;
  return block.before + count_bits(block.kept & (bit - 1));
}

const float* PackedTable::stored(Index row) const {
  bool there = true;
  const Index at = row < words_ ? row : place(row - words_, there);
  return there ? numbers_->data() + at * ld_ : nullptr;
}

void PackedTable::mean(const std::int32_t* ids, Index n, float* out) const {
  // A part of the rows at a time: where they are, for which cache lines are asked at once, then their sum.
  constexpr Index kPart = 256, kAhead = 24;
  std::int32_t at[kPart];
  float sum[4] = {};
  const float* const data = numbers_->data();
  const auto scale = static_cast<float>(1.0 / static_cast<double>(n));
  std::vector<std::int32_t> all;  // of rows that are not small
  for (Index first = 0; first < n; first += kPart) {
    const Index end = std::min(n, first + kPart);
    Index count = 0;
    for (Index i = first; i < end; ++i) {
      if (i + kAhead < n && ids[i + kAhead] >= words_) __builtin_prefetch(blocks_.data() + (ids[i + kAhead] - words_) / 64);
      bool there = true;
      const Index row = ids[i] < words_ ? ids[i] : place(ids[i] - words_, there);
      at[count] = static_cast<std::int32_t>(row);
      __builtin_prefetch(data + (there ? row * ld_ : 0));
      count += there ? 1 : 0;
    }
    switch (ld_) {
      case 1:
        add_rows<1>(data, at, count, sum);
        break;
      case 2:
        add_rows<2>(data, at, count, sum);
        break;
      case 4:
        add_rows<4>(data, at, count, sum);
        break;
      default:
        all.insert(all.end(), at, at + count);
    }
  }
  if (ld_ <= 4) {
    for (Index j = 0; j < dim_; ++j) out[j] = sum[j] * scale;
    return;
  }
  const Index offsets[2] = {0, static_cast<Index>(all.size())};
  dispatch::kernels<float>().pool_i32(data, ld_, all.data(), offsets, nullptr, &scale, 1, dim_, out, dim_);
}

void PackedTable::add(Index row, float* x) const {
  if (const float* const at = stored(row)) dispatch::kernels<float>().axpy(1.0f, at, x, dim_);
}

void PackedTable::dots(const float* x, Index begin, Index end, float* out) const {
  const auto& kernels = dispatch::kernels<float>();
  for (Index i = begin; i < end; ++i) {
    const float* const at = stored(i);
    out[i - begin] = at == nullptr ? 0.0f : kernels.dot(at, x, dim_);
  }
}

void PackedTable::write(Writer& to) const {
  to.put(rows_);
  to.put(dim_);
  const std::vector<float> zeros(static_cast<std::size_t>(dim_));
  for (Index i = 0; i < rows_; ++i) {
    const float* const at = stored(i);
    to.put_bytes(at == nullptr ? zeros.data() : at, dim_ * static_cast<Index>(sizeof(float)));
  }
}

}  // namespace pyffnn::fasttext
