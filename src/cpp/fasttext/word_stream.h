// The words of a text as numbers, line after line: what is left of it once it has been cut and counted, so that training need not do so
// again.
#pragma once
#include <vector>

#include "core/interrupt.h"
#include "fasttext/dictionary.h"
#include "text/pages.h"

namespace pyffnn::fasttext {

struct WordStream {
  // A piece of the text that ends where a line does.
  struct Part {
    // Of each word its number in the dictionary; of a word that is left out: entries + its place in left_out; of a label that is left out:
    // -1.
    text::Pages<std::int32_t> words;
    text::Pages<std::int32_t> lines;  // how many words each has
  };
  std::vector<Part> parts;
  std::vector<std::uint32_t> left_out;  // the hashes of such words
  bool complete = false;                // false: the text was too long, or is to be read otherwise
};

// The lines of a part, one after the other, as a LineReader gives those of the text.
class WordStreamReader {
 public:
  WordStreamReader(const Dictionary& dictionary, const WordStream& stream, const WordStream::Part& part)
      : dictionary_(dictionary), left_out_(stream.left_out.data()), part_(part) {}
  bool next(Line& line);

 private:
  const Dictionary& dictionary_;
  const std::uint32_t* left_out_;
  const WordStream::Part& part_;
  Index line_ = 0, word_ = 0;
};

// The words of a text that occur often enough, by type and falling count, those of equal count as they came; `extra`: words that stand in
// the dictionary however rare they are. Throws std::invalid_argument where none is left. `stream`: filled where that is possible with at
// most `most` words; null: not wanted. Throws Stopped, too. The same for any number of threads.
DictionaryPtr count_words(std::string_view text, const Settings& settings, std::int64_t min_count_label,
                          const std::vector<std::string_view>& extra, WordStream* stream, Index most, Interrupt& interrupt);

}  // namespace pyffnn::fasttext
