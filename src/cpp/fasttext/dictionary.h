// Words and labels of a model: which rows of the table a text has.
//   rows [0, words): one a word; rows words + h: one a hash of what a text has beside words, that is character n-grams of a word in < and
//   >, and word n-grams. A pruned dictionary keeps some of the latter, under numbers of its own.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fasttext/cutter.h"
#include "fasttext/hash.h"
#include "fasttext/settings.h"
#include "text/pages.h"

namespace pyffnn::fasttext {

// The next word of [at, end), or nothing. A line feed is a word too, kEndOfLine, which a word before it leaves where it is.
inline bool next_word(const char*& at, const char* end, std::string_view& word, std::uint32_t& hash) {
  while (at < end && is_space(*at))
    if (*at++ == '\n') {
      word = kEndOfLine;
      hash = hash_of(kEndOfLine);
      return true;
    }
  if (at == end) return false;
  const char* const begin = at;
  std::uint32_t h = kHashStart;
  for (; at < end && !is_space(*at); ++at) h = hash_step(h, *at);
  word = {begin, static_cast<std::size_t>(at - begin)};
  hash = h;
  return true;
}

// New elements of a vector are not set: they are written next.
template <class T>
struct Unset : std::allocator<T> {
  template <class U>
  struct rebind {
    using other = Unset<U>;
  };
  template <class U>
  void construct(U* at) noexcept {
    ::new (static_cast<void*>(at)) U;
  }
  template <class U, class A>
  void construct(U* at, A&& value) {
    ::new (static_cast<void*>(at)) U(std::forward<A>(value));
  }
};
using RowIds = std::vector<std::int32_t, Unset<std::int32_t>>;

// What a line of text is to a model. Kept from line to line, for its memory.
struct Line {
  RowIds rows;
  std::vector<std::int32_t> labels;
  Index tokens = 0;
  // The table where rows will be read, which are asked for as soon as they are known; or null.
  const char* table = nullptr;
  Index row_bytes = 0;
  // scratch
  std::vector<std::uint32_t, Unset<std::uint32_t>> hashes;
  std::string bracketed;
};

// A piece of a word and its row.
struct Piece {
  std::string text;
  std::int32_t row;
};

// Immutable, so any number of threads may use it.
class Dictionary {
 public:
  // Kept n-grams of a pruned dictionary: (hash, number), in the order of the file.
  using Kept = std::vector<std::pair<std::int32_t, std::int32_t>>;

  // `entries` holds words, then labels, each as a model file has it: its bytes, NUL, the count (int64) and 1 for a label (int8); `owner`
  // keeps them. The caller has checked them. `kept` is looked at if `pruned`.
  Dictionary(const Settings& settings, std::shared_ptr<const void> owner, std::vector<std::string_view> entries, Index words,
             std::int64_t tokens, bool pruned, Kept kept);

  const Settings& settings() const { return settings_; }
  Index words() const { return words_; }
  Index labels() const { return static_cast<Index>(entries_.size()) - words_; }
  std::int64_t tokens() const { return tokens_; }
  bool pruned() const { return pruned_; }
  const Kept& kept() const { return kept_; }
  std::string_view entry(Index id) const { return entries_[static_cast<std::size_t>(id)]; }
  std::int64_t count(Index id) const;
  // The counts of the labels, or of the words of an unsupervised model.
  std::vector<std::int64_t> target_counts() const;
  Index targets() const { return settings_.supervised() ? labels() : words_; }

  // The number of a word or label, or -1; labels come behind the words.
  std::int32_t find(const WordKey& key, std::string_view word) const {
    return table_.find(key, word, [this](std::int32_t id) { return entries_[static_cast<std::size_t>(id)]; });
  }
  std::int32_t find(std::string_view word) const;
  bool is_label(std::string_view word) const { return word.substr(0, settings_.label.size()) == settings_.label; }

  static void clear(Line& line);
  // Reads one line, up to and with its end. `closed`: text behind whose last word a line feed is to be thought.
  void read_line(const char*& at, const char* end, bool closed, Line& line) const;
  // The rows of a word alone: its own, and those of its n-grams.
  void word_rows(std::string_view word, Line& scratch, RowIds& rows) const;
  std::vector<Piece> pieces(std::string_view word) const;
  // The row that a piece of a word would have; -1 where the model has no such rows, or has pruned it.
  std::int32_t piece_row(std::string_view piece) const;

  // The rows that remain of `rows` (words in order, then n-grams as they come), which are put in that order, and the dictionary of those.
  std::shared_ptr<const Dictionary> prune(std::vector<std::int32_t>& rows) const;

 private:
  std::int32_t bucket_row(std::uint32_t bucket) const;
  void add_pieces(std::string_view bracketed, RowIds& rows, std::vector<Piece>* pieces) const;
  void add_word(std::string_view word, std::int32_t id, std::string& scratch, RowIds& rows) const;
  bool has_word_ngrams() const { return settings_.word_ngrams > 1 && settings_.bucket > 0 && !(pruned_ && kept_.empty()); }
  void add_word_ngrams(Line& line) const;
  friend class ListReader;
  friend class LineReader;
  friend class WordStreamReader;
  // The numbers of words, any number of them but better some hundred, for what the memory is asked comes meanwhile; and what follows from
  // them for a line that has all those words.
  void find_all(const Word* words, Index n, std::int32_t* ids) const;
  void find_some(const Word* words, Index n, std::int32_t* ids) const;
  void take(const Word* words, const std::int32_t* ids, Index n, Line& line) const;

  Settings settings_;
  std::shared_ptr<const void> owner_;
  std::vector<std::string_view> entries_;
  Index words_;
  std::int64_t tokens_;
  bool pruned_;
  Kept kept_;
  Remainder bucket_;
  WordTable table_;
  WordCache frequent_;
  text::Pages<std::uint32_t> hashes_;  // of the entries, where there are n-grams of words
  // of a pruned dictionary: which hashes are kept, and a table of their numbers
  std::vector<std::uint64_t> kept_bits_;
  std::vector<std::pair<std::int32_t, std::int32_t>> kept_slots_;
};

// How many words there are up to and with the end of a line, `ended` if there is one.
inline Index to_end_of_line(const Word* words, Index n, bool& ended) {
  Index i = 0;
  while (i < n && !words[i].ends_line()) ++i;
  ended = i < n;
  return ended ? i + 1 : n;
}

// With so many words what is asked of the memory first has come when it is needed.
constexpr Index kBatchWords = 512;

// The lines of a text, one after the other.
class LineReader {
 public:
  LineReader(const Dictionary& dictionary, std::string_view text)
      : dictionary_(dictionary), cutter_(text.data(), text.data() + text.size()) {}
  // False at the end.
  bool next(Line& line) {
    Dictionary::clear(line);
    return append(line);
  }
  // The same behind what `line` holds.
  bool append(Line& line);

 private:
  bool fill();

  const Dictionary& dictionary_;
  Cutter cutter_;
  text::Pages<Word> words_;
  text::Pages<std::int32_t> ids_;
  Index at_ = 0;  // among those words
};

using DictionaryPtr = std::shared_ptr<const Dictionary>;

}  // namespace pyffnn::fasttext
