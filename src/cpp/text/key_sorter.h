// The columns of a sparse matrix's rows put in order, many rows at a time.
#pragma once
#include "text/pages.h"

namespace pyffnn::text {

// By counting, digit by digit, for how two columns compare cannot be predicted; of many rows at once, for the counters of a digit cost
// as much as a thousand columns.
class KeySorter {
 public:
  // For columns below `keys`, which is at most 2^32.
  explicit KeySorter(std::uint64_t keys);

  void add(std::uint32_t key) { keys_.push_back(key); }
  // The row is complete; true where flush() is due.
  bool end() {
    ends_.push_back(keys_.size());
    return keys_.size() >= kBlock || ends_.size() == Index{1} << row_bits_;
  }
  // f(begin, end) of the sorted columns of each row that has come, one after another.
  template <class F>
  void flush(F f) {
    sort();
    const std::uint32_t* begin = keys_.data();
    for (const Index stop : ends_) {
      const std::uint32_t* const end = keys_.data() + stop;
      f(begin, end);
      begin = end;
    }
    keys_.clear();
    ends_.clear();
  }

 private:
  static constexpr Index kBlock = 1 << 15;  // the buffers stay in the second cache
  static constexpr int kDigitBits = 11, kDigits = 3;

  void sort();
  template <int Digits>
  void sort_digits();

  int row_bits_, digit_bits_, digits_;  // a column and a row's number are one 32-bit number
  Pages<std::uint32_t> keys_, from_, to_;
  Pages<Index> ends_;
  std::uint32_t counts_[kDigits][1 << kDigitBits];
};

}  // namespace pyffnn::text
