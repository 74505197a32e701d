// How words become rows of the embedding table: the seam at which another scheme plugs in. A scheme is one file that derives RowScheme,
// and a line in rows.cpp where one is fitted and one where one is read.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/grams.h"
#include "text/state.h"

namespace pyffnn::text {

// What a corpus keeps of its words beside their ids.
struct RowData {
  // For each order of word n-grams the number of the n-gram that ends at a word of the corpus, or -1.
  std::vector<Pages<std::int32_t>> gram_ends;
  // Lists of the rows that pieces of words have, and which list a word of the corpus has; without the latter a word outside the vocabulary
  // has list (its id - size of the vocabulary), and those of the vocabulary are with the scheme.
  Pages<std::int64_t> piece_starts;
  Pages<std::int32_t> piece_rows;
  Pages<std::int32_t> piece_list;
};

// A document of a corpus, or a part of one: words ids[0..n), which are the words begin.. of the corpus.
struct Document {
  const std::int32_t* ids;
  Index n;
  Index begin;
};

// What training met: all words by falling count, of which the first `kept` are the vocabulary, and the documents.
struct Met {
  std::vector<std::string_view> words;
  const std::vector<std::int64_t>& counts;
  Index kept;
  IdBags documents;
};

// Immutable, so any number of threads may use it.
class RowScheme {
 public:
  virtual ~RowScheme() = default;

  virtual Index num_rows() const = 0;
  virtual std::int32_t word_row(Index word) const = 0;
  // The row of each of n words, -1 for what is none of the vocabulary.
  virtual void word_rows(const std::int32_t* ids, Index n, std::int32_t* rows) const = 0;
  // The word that has a row to itself, or -1.
  virtual Index word_of(Index row) const = 0;
  // The rows from `row` on that pieces of words alone have, ascending.
  virtual std::vector<std::int64_t> piece_rows_since(Index row) const = 0;

  // Which of its words a corpus must describe to the scheme by note_word(), each different one once.
  enum class Notes { none, unknown, all };
  virtual Notes notes() const = 0;
  virtual void note_word(std::string_view word, std::string& scratch, RowData& data) const = 0;
  // What remains to be found when all words are there.
  virtual void find(const IdBags& documents, RowData& data, Interrupt& interrupt) const = 0;

  // An upper bound of the rows of a document, and the rows; returns how many. One row more than those is written.
  virtual Index max_rows(const RowData& data, const Document& document) const = 0;
  virtual Index expand(const RowData& data, const Document& document, bool all_known, std::int32_t* out) const = 0;

  virtual void write(State& state) const = 0;
  // A scheme that also has rows for the words and n-grams of `more`, behind those of this one; `ids` holds the id in `words` of each word
  // of `more`. nullptr where nothing is new.
  virtual std::shared_ptr<const RowScheme> extended(const RowScheme& more, const std::vector<std::int32_t>& ids, const Vocabulary& words,
                                                    Interrupt& interrupt) const = 0;
};

using RowsPtr = std::shared_ptr<const RowScheme>;

// The scheme that the options ask for, and what it keeps of the documents that it was made from.
RowsPtr fit_rows(const FeatureOptions& options, const Vocabulary& words, const Met& met, RowData& data, Interrupt& interrupt);
RowsPtr read_rows(const FeatureOptions& options, const Vocabulary& words, StateReader& state, Interrupt& interrupt);

}  // namespace pyffnn::text
