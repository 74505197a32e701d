// A text as a trainer reads it, again and again: lines as rows and labels, or as words. What fits into memory is kept; lines beyond that
// are read anew in each epoch.
#pragma once
#include "core/interrupt.h"
#include "fasttext/dictionary.h"
#include "text/pages.h"

namespace pyffnn::fasttext {

struct Example {
  const std::int32_t* rows;  // of a supervised model; words of another
  Index num_rows;
  const std::int32_t* labels;
  Index num_labels;
  Index tokens;
};

class Examples {
 public:
  Examples(const Dictionary& dictionary, std::string_view text) : dictionary_(dictionary), text_(text), at_(text.data()) {}

  // From the beginning again.
  void rewind();
  // The next line, or nothing at the end. It holds until the next call.
  bool next(Example& example);
  // The rows that next() will give after this one, as far as they are known: for fetching them ahead.
  const std::int32_t* coming() const { return rows_.data() + std::min(read_rows_, rows_.size()); }
  Index num_coming() const { return rows_.size() - std::min(read_rows_, rows_.size()); }
  void forget();

 private:
  bool read();
  void read_words();

  static constexpr Index kMostKept = Index{1} << 27;
  const Dictionary& dictionary_;
  std::string_view text_;
  const char* at_;  // behind the kept lines, while they are read for the first time or others are read anew
  const char* kept_to_ = nullptr;
  bool all_kept_ = false;
  Line line_;
  struct Kept {
    std::int32_t num_rows, num_labels, tokens;
  };
  text::Pages<Kept> kept_;
  text::Pages<std::int32_t> rows_, labels_;
  Index read_lines_ = 0, read_rows_ = 0, read_labels_ = 0;
};

}  // namespace pyffnn::fasttext
