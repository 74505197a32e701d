// From text to a corpus: reading, cutting at white space, numbering words.
#pragma once
#include "text/corpus.h"
#include "text/scan.h"

namespace pyffnn::text {

// What to do with bytes of a file that are no UTF-8.
enum class Invalid { refuse, replace };

// Cuts documents into words and makes a corpus of them: with a vocabulary of its own that grows (training), or that of a featurizer.
class CorpusBuilder {
 public:
  explicit CorpusBuilder(const FeatureOptions& options);
  explicit CorpusBuilder(std::shared_ptr<const Featurizer> features);
  ~CorpusBuilder();
  CorpusBuilder(const CorpusBuilder&) = delete;
  CorpusBuilder& operator=(const CorpusBuilder&) = delete;

  // A guess of how much text is to come: saves growing step by step.
  void expect(Index bytes);

  // One document of valid UTF-8, cut at Unicode white space (the set of Python's str.split()): now copied, cut when there are enough.
  void add_text(std::string_view text);
  // Whether texts wait to be cut that add_text() would cut first; cut_texts() does it apart.
  bool is_full() const { return block_.size() >= kTextBlock; }
  void cut_texts();
  // One document of words as they are; lower-cased if the options say so. An empty word is a word.
  void add_words(const std::string_view* words, Index n);
  // A document a line ("\n"); with a prefix, words that begin with it are labels wherever they stand (fastText's format). Lines without
  // word or label are left out; so is a byte order mark. Throws std::system_error when the file cannot be read, std::invalid_argument
  // naming the line for bytes that are no UTF-8 (unless replaced by U+FFFD).
  void add_file(const std::string& path, const std::string& label_prefix, Invalid invalid);

  Index documents() const { return corpus_.size(); }

  // The corpus; the builder is spent. With a growing vocabulary the featurizer is made now.
  Corpus finish();
  // The corpus of what was added since the last call, in memory that the next call reuses. Only with a featurizer.
  const Corpus& finish_reusing();
  void clear();

 private:
  static constexpr Index kTextBlock = Index{64} << 10;

  template <bool Lower, bool Labels, bool Limited>
  void cut(const char* bytes, Index size, Pages<Position>& ends, bool lines);
  // Words that the open document may still take.
  Index room() const { return options_.max_tokens - (corpus_.ids_.size() + grouped_ - corpus_.offsets_.back()); }
  void cut_block(const char* bytes, Index size, Pages<Position>& ends, bool lines);
  void add_lowered(const char* p, std::uint32_t n);
  bool is_label(const char* p, std::uint32_t n) const;
  void add_label(const char* p, std::uint32_t n);
  void make_room(std::size_t bytes);
  void flush();
  void close_document(bool skip_empty);
  void place_unknown(const Word* words, int n, std::int32_t* ids);
  void make_features();
  void find_grams();

  FeatureOptions options_;
  bool growing_;
  Vocabulary growing_words_;
  Vocabulary unknown_words_{false};  // met with a given featurizer, for their character n-grams
  Corpus corpus_;
  std::string label_prefix_;

  Word group_[kGroup];
  int grouped_ = 0;
  std::string lowered_;   // words of the group that had to be written anew
  Pages<char> block_;     // texts waiting to be cut, a space after each
  Pages<Position> ends_;  // their ends in block_
  Pages<Position> bounds_;
  std::string scratch_;
};

}  // namespace pyffnn::text
