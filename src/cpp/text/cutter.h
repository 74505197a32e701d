// Cuts documents into words and gives the words numbers: the part that classifiers' corpora and language models' streams share.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "text/lines.h"
#include "text/scan.h"
#include "text/vocabulary.h"

namespace pyffnn::text {

// Documents as numbers of words, end to end, and their labels.
struct Documents {
  Documents() { offsets.push_back(0); }
  Index size() const { return offsets.size() - 1; }

  Pages<std::int32_t> ids;
  Pages<std::int64_t> offsets;
  // Those of document d are label_ids[label_offsets[d]..label_offsets[d + 1]), numbered in the order in which they were first met. Empty
  // when there were none to read.
  Pages<std::int32_t> label_ids;
  Pages<std::int64_t> label_offsets;
  Vocabulary labels;
};

// Gives words their numbers, up to kGroup at a time.
class Numbers {
 public:
  virtual void number(const Word* words, int n, std::int32_t* ids) = 0;

 protected:
  ~Numbers() = default;
};

struct CutOptions {
  bool lowercase = false;         // words arrive as lower case, as Python's str.lower() (unicode.h); their ASCII letters only once they are
                                  // in a table that is lower(), unless `kept` is not empty
  Index max_tokens = 0;           // words of a document that count, the first ones; 0: all
  std::vector<std::string> kept;  // words that keep their case
  std::string end;                // a word put at the end of each document, if not empty
  bool skip_empty = false;        // documents without word are none (in lines, they never are)
  std::string label_prefix;       // in lines, words that begin with it are labels wherever they stand; empty: there are none
};

class Cutter {
 public:
  Cutter(const CutOptions& options, Numbers& numbers, Documents& documents, Interrupt& interrupt);
  Cutter(const Cutter&) = delete;
  Cutter& operator=(const Cutter&) = delete;

  // One document of valid UTF-8, cut at Unicode white space (the set of Python's str.split()): now copied, cut when there are enough.
  void add_text(std::string_view text);
  // Whether texts wait to be cut that add_text() would cut first; cut_texts() does it apart.
  bool is_full() const { return block_.size() >= kTextBlock; }
  void cut_texts();
  // One document of words as they are, lower-cased if the options say so. An empty word is a word.
  void add_words(const std::string_view* words, Index n);
  // A document a line of a block of lines; the number of lines.
  Index add_lines(std::string_view block);
  void set_label_prefix(const std::string& prefix);

 private:
  static constexpr Index kTextBlock = Index{64} << 10;
  enum class Lower { none, ascii, all };  // what cut() does itself; what is left is done word by word

  template <Lower lower, bool Labels, bool Limited>
  void cut(const char* bytes, Index size, bool lines);
  void cut_block(const char* bytes, Index size, bool lines);
  // Words that the open document may still take.
  Index room() const { return options_.max_tokens - (documents_.ids.size() + grouped_ - documents_.offsets.back()); }
  void add_lowered(const char* p, std::uint32_t n);
  bool keeps_case(const char* p, std::uint32_t n) const;
  bool is_label(const char* p, std::uint32_t n) const;
  void add_label(const char* p, std::uint32_t n);
  void make_room(std::size_t bytes);
  void flush();
  void close_document(bool skip_empty);

  CutOptions options_;
  Lower lower_;
  Numbers& numbers_;
  Documents& documents_;
  Interrupt& interrupt_;

  Word group_[kGroup];
  int grouped_ = 0;
  Word end_;
  std::string lowered_;   // words of the group that had to be written anew
  Pages<char> block_;     // texts waiting to be cut, a space after each
  Pages<Position> ends_;  // their ends in block_; of the lines in a block of lines
  Pages<Position> bounds_;
};

}  // namespace pyffnn::text
