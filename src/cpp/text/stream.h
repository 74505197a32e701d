// A language model's text: sentences put end to end as one stream of word numbers.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/cutter.h"

namespace pyffnn::text {

struct StreamOptions {
  std::string unk_token;  // stands for words outside the vocabulary
  std::string eos_token;  // follows each sentence; empty: none
  bool lowercase = false;
};

// Numbers the words of sentences: with a vocabulary that grows (special tokens first, then words as they are met), or with a given one.
class WordStream final : private Numbers {
 public:
  WordStream(const StreamOptions& options, Interrupt& interrupt);
  // Another one over a closed vocabulary; without `ends` no end-of-sentence tokens are added.
  WordStream(const WordStream& known, bool ends, Interrupt& interrupt);

  // To the vocabulary, if it is not there: the next number.
  std::int32_t add_word(std::string_view word);
  // Closes the vocabulary: words that it lacks are the unknown token.
  void close();
  bool is_closed() const { return !growing_; }

  Cutter& cutter() { return cutter_; }
  void expect(Index bytes) { documents_.ids.reserve(bytes / 5); }

  // Numbers that have been found and not taken, and taking them.
  Index waiting() const { return documents_.ids.size(); }
  Pages<std::int32_t> take();

  Index num_words() const { return words().size(); }
  std::string_view word(Index id) const { return words().word(id); }
  // How often each word was met so far, end-of-sentence tokens included.
  std::vector<std::int64_t> counts() const;

  // What a vocabulary of at most max_vocab words (0: any number) that were met at least min_count times keeps: the special tokens, then
  // words by falling count, equal counts in code-point order.
  std::vector<std::int32_t> choose(const std::vector<std::int64_t>& counts, std::int64_t min_count, Index max_vocab) const;

 private:
  static CutOptions cut_options(const StreamOptions& options, bool ends);
  const Vocabulary& words() const { return *words_; }
  void number(const Word* words, int n, std::int32_t* ids) override;

  StreamOptions options_;
  Index specials_ = 0;
  std::int32_t unk_ = 0;
  bool growing_ = true;
  std::shared_ptr<Vocabulary> words_;
  Documents documents_;
  Cutter cutter_;
};

}  // namespace pyffnn::text
