// Our own scheme: rows [0, words) are words by falling frequency, then come word n-grams by order, then character n-grams. They have a row
// of their own if they are frequent (exact), or share rows by their hash. Words and n-grams met after the first training have rows behind
// all others.
#pragma once
#include "text/row_map.h"
#include "text/rows.h"

namespace pyffnn::text {

class NgramRows final : public RowScheme {
 public:
  static RowsPtr fit(const FeatureOptions& options, const Vocabulary& words, const Met& met, RowData& data, Interrupt& interrupt);
  static RowsPtr read(const FeatureOptions& options, const Vocabulary& words, StateReader& state, Interrupt& interrupt);

  Index num_rows() const override { return num_rows_; }
  std::int32_t word_row(Index word) const override { return word_rows_[word]; }
  void word_rows(const std::int32_t* ids, Index n, std::int32_t* rows) const override;
  Index word_of(Index row) const override { return word_rows_.number_of(row); }
  std::vector<std::int64_t> piece_rows_since(Index row) const override;
  Notes notes() const override;
  void note_word(std::string_view word, std::string& scratch, RowData& data) const override;
  void find(const IdBags& documents, RowData& data, Interrupt& interrupt) const override;
  Index max_rows(const RowData& data, const Document& document) const override;
  Index expand(const RowData& data, const Document& document, bool all_known, std::int32_t* out) const override;
  void write(State& state) const override;
  RowsPtr extended(const RowScheme& more, const std::vector<std::int32_t>& ids, const Vocabulary& words,
                   Interrupt& interrupt) const override;

 private:
  // The rows of the pieces of each word of the vocabulary, as far as it and the character n-grams went when the lists were made.
  struct Pieces {
    Pages<std::int64_t> starts;
    Pages<std::int32_t> rows;
    Index words, grams;
  };

  explicit NgramRows(const FeatureOptions& options) : options_(options) {}

  bool exact() const { return options_.buckets == 0; }
  void fit_char_grams(const Met& met, Interrupt& interrupt);
  // Gives the next rows to so many words, n-grams of each order and character n-grams (in this order) as there are without rows yet.
  void place(const std::vector<std::int64_t>& added);
  std::vector<std::int64_t> sizes(Index num_words) const;
  void list_pieces(const Vocabulary& words, Interrupt& interrupt);
  template <class Rows>
  void append_pieces(std::string_view word, std::string& scratch, Rows& rows) const;
  bool lists_hold(Index words) const { return pieces_ && pieces_->words == words && pieces_->grams == char_grams_.size(); }
  template <class F>
  void for_pieces(const RowData& data, const Document& document, F&& f) const;

  FeatureOptions options_;
  ExactGrams grams_;
  Vocabulary char_grams_;
  Index num_rows_ = 0;
  RowMap word_rows_, char_rows_;
  std::vector<RowMap> gram_rows_;    // of each order
  Index hashed_first_ = 0;           // the first of the rows shared by hash
  Growing<std::int64_t> additions_;  // what each extension added: words, n-grams of each order, character n-grams
  std::shared_ptr<const Pieces> pieces_;
};

}  // namespace pyffnn::text
