#include "fasttext/examples.h"

#include <algorithm>

namespace pyffnn::fasttext {

void Examples::rewind() {
  read_lines_ = read_rows_ = read_labels_ = 0;
  at_ = kept_to_ == nullptr ? text_.data() : kept_to_;
}

void Examples::forget() {
  kept_ = {};
  rows_ = {};
  labels_ = {};
  kept_to_ = nullptr;
  all_kept_ = false;
  rewind();
}

bool Examples::next(Example& example) {
  if (read_lines_ < kept_.size()) {
    const Kept& kept = kept_[read_lines_++];
    example = {rows_.data() + read_rows_, kept.num_rows, labels_.data() + read_labels_, kept.num_labels, kept.tokens};
    read_rows_ += kept.num_rows;
    read_labels_ += kept.num_labels;
    return true;
  }
  if (all_kept_) return false;
  const char* const before = at_;
  if (!read()) return false;
  const auto num_rows = static_cast<Index>(line_.rows.size()), num_labels = static_cast<Index>(line_.labels.size());
  // Lines are kept in order, from the first: one that is too many ends that.
  if (kept_to_ == nullptr && rows_.size() + num_rows > kMostKept) kept_to_ = before;
  if (kept_to_ == nullptr) {
    const Kept kept{static_cast<std::int32_t>(num_rows), static_cast<std::int32_t>(num_labels), static_cast<std::int32_t>(line_.tokens)};
    kept_.append(&kept, 1);
    rows_.append(line_.rows.data(), num_rows);
    labels_.append(line_.labels.data(), num_labels);
    ++read_lines_;
    read_rows_ += num_rows;
    read_labels_ += num_labels;
  }
  example = {line_.rows.data(), num_rows, line_.labels.data(), num_labels, line_.tokens};
  return true;
}

bool Examples::read() {
  const char* const end = text_.data() + text_.size();
  if (at_ == end) {
    if (kept_to_ == nullptr) all_kept_ = true;
    return false;
  }
  if (dictionary_.settings().supervised())
    dictionary_.read_line(at_, end, false, line_);
  else
    read_words();
  return true;
}

void Examples::read_words() {
  constexpr Index kMostTokens = 1024;
  line_.rows.clear();
  line_.labels.clear();
  line_.tokens = 0;
  std::string_view word;
  std::uint32_t hash = 0;
  while (next_word(at_, text_.data() + text_.size(), word, hash)) {
    const std::int32_t id = dictionary_.find(word);
    if (id < 0) continue;
    ++line_.tokens;
    if (id < dictionary_.words()) line_.rows.push_back(id);
    if (line_.tokens > kMostTokens || word == kEndOfLine) break;
  }
}

}  // namespace pyffnn::fasttext
