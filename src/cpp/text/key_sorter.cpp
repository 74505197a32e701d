#include "text/key_sorter.h"

#include <algorithm>
#include <cstring>

namespace pyffnn::text {

KeySorter::KeySorter(std::uint64_t keys) {
  int bits = 1;
  while ((std::uint64_t{1} << bits) < keys) ++bits;
  row_bits_ = std::min(kDigitBits, 32 - bits);
  digits_ = (bits + kDigitBits - 1) / kDigitBits;
  digit_bits_ = (bits + digits_ - 1) / digits_;
}

void KeySorter::sort() {
  constexpr Index kFew = 512;
  if (keys_.size() < kFew) {
    std::uint32_t* begin = keys_.data();
    for (const Index stop : ends_) {
      std::uint32_t* const end = keys_.data() + stop;
      std::sort(begin, end);
      begin = end;
    }
    return;
  }
  if (digits_ == 1)
    sort_digits<1>();
  else if (digits_ == 2)
    sort_digits<2>();
  else
    sort_digits<3>();
}

template <int Digits>
void KeySorter::sort_digits() {
  const Index n = keys_.size();
  const std::uint32_t mask = (1u << digit_bits_) - 1;
  from_.resize(n);
  to_.resize(n);
  std::memset(counts_, 0, sizeof(counts_));
  for (const std::uint32_t key : keys_)
    for (int d = 0; d < Digits; ++d) ++counts_[d][key >> (d * digit_bits_) & mask];
  for (int d = 0; d < Digits; ++d) {
    std::uint32_t before = 0;
    for (std::uint32_t i = 0; i <= mask; ++i) before += std::exchange(counts_[d][i], before);
  }
  Index begin = 0;
  for (Index row = 0; row < ends_.size(); ++row) {
    for (Index i = begin; i < ends_[row]; ++i) {
      const std::uint32_t key = keys_[i];
      to_[counts_[0][key & mask]++] = key << row_bits_ | static_cast<std::uint32_t>(row);
    }
    begin = ends_[row];
  }
  for (int d = 1; d < Digits; ++d) {
    std::swap(from_, to_);
    for (const std::uint32_t x : from_) to_[counts_[d][x >> (row_bits_ + d * digit_bits_) & mask]++] = x;
  }
  // Rows begin where they did.
  std::uint32_t starts[1 << kDigitBits];
  for (Index row = 0; row < ends_.size(); ++row) starts[row] = row == 0 ? 0 : static_cast<std::uint32_t>(ends_[row - 1]);
  const std::uint32_t rows = (1u << row_bits_) - 1;
  for (const std::uint32_t x : to_) keys_[starts[x & rows]++] = x >> row_bits_;
}

}  // namespace pyffnn::text
