// Lines read some at a time, each pass over all of them: what one pass asks memory for has come when the next one needs it.
#pragma once
#include <string_view>
#include <vector>

#include "fasttext/dictionary.h"

namespace pyffnn::fasttext {

struct Batch {
  Index first = 0;             // the number of its first line
  Line all;                    // its lines, one after the other
  std::vector<Index> rows{0};  // where those of each line begin in `all`, and an end
  std::vector<Index> labels{0};

  Index lines() const { return static_cast<Index>(rows.size()) - 1; }
  Index num_rows(Index i) const { return length(rows, i); }
  Index num_labels(Index i) const { return length(labels, i); }
  const std::int32_t* labels_of(Index i) const { return all.labels.data() + labels[static_cast<std::size_t>(i)]; }

 private:
  static Index length(const std::vector<Index>& starts, Index i) {
    return starts[static_cast<std::size_t>(i) + 1] - starts[static_cast<std::size_t>(i)];
  }
};

// Lines that stand apart.
class ListReader {
 public:
  // `closed`: as Dictionary::read_line has it. The lines stay where they are.
  ListReader(const Dictionary& dictionary, const std::string_view* lines, Index n, bool closed)
      : dictionary_(dictionary), lines_(lines), n_(n), closed_(closed) {}
  // The next lines, at least one; false at the end.
  bool next(Batch& batch);

 private:
  static constexpr std::size_t kLongLine = std::size_t{1} << 16;  // bytes; such a line is a batch of its own
  void cut(std::string_view line);

  const Dictionary& dictionary_;
  const std::string_view* lines_;
  Index n_, at_ = 0;
  bool closed_;
  // scratch
  text::Pages<Word> words_;
  text::Pages<std::int32_t> ids_;
  std::vector<Index> ends_;  // of lines among the words
};

// The lines of a text.
class TextReader {
 public:
  TextReader(const Dictionary& dictionary, std::string_view text) : lines_(dictionary, text) {}
  bool next(Batch& batch);

 private:
  LineReader lines_;
  Index at_ = 0;
};

}  // namespace pyffnn::fasttext
