// Documents cut into words once: 4 bytes a word, from which each batch's rows are made when it is wanted.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/featurizer.h"

namespace pyffnn::text {

// Read-only once built; any number of threads may expand batches of it.
class Corpus {
 public:
  const Featurizer& features() const { return *features_; }
  const std::shared_ptr<const Featurizer>& shared_features() const { return features_; }

  Index size() const { return offsets_.size() - 1; }  // documents
  Index num_tokens() const { return ids_.size(); }
  Index num_rows() const { return features_->num_rows(); }

  // Word ids of the documents, end to end: below features().num_words() a word of the vocabulary, anything else an unknown word.
  const Pages<std::int32_t>& ids() const { return ids_; }
  const Pages<std::int64_t>& offsets() const { return offsets_; }

  // Labels of a labelled file: those of document d are label_ids()[label_offsets()[d]..label_offsets()[d + 1]), numbered in the order in
  // which they were first met. Empty when there were none to read.
  const Pages<std::int32_t>& label_ids() const { return label_ids_; }
  const Pages<std::int64_t>& label_offsets() const { return label_offsets_; }
  const Vocabulary& labels() const { return labels_; }

  // An upper bound of the rows that a document expands to.
  Index max_rows(Index document) const;
  // The rows of a document: its words, their character n-grams, its word n-grams. Returns how many; `out` has room for max_rows().
  Index expand(Index document, std::int32_t* out) const;
  // The rows of documents[0..n) as bags: bag b is rows[offsets[b]..offsets[b + 1]). The vectors only grow in capacity, so a reused pair
  // allocates nothing in the long run. Throws std::out_of_range for a document that is not there.
  void expand_batch(const std::int64_t* documents, Index n, std::vector<std::int32_t>& rows, std::vector<std::int64_t>& offsets) const;
  // The first `length` word ids of each document, n x length, -1 for an unknown word and behind the last.
  void sequences(const std::int64_t* documents, Index n, Index length, std::int32_t* out) const;

 private:
  friend class CorpusBuilder;
  Corpus() { offsets_.push_back(0); }
  void check(Index document) const;
  std::int32_t* append_char_rows(std::uint32_t id, std::int32_t* out) const;

  std::shared_ptr<const Featurizer> features_;
  Pages<std::int32_t> ids_;
  Pages<std::int64_t> offsets_;
  std::vector<Pages<std::int32_t>> gram_rows_;  // exact word n-grams: for each order the row of the n-gram that ends at a word, or -1
  // Rows of the character n-grams of words outside the vocabulary, numbered from num_words on.
  Pages<std::int64_t> char_starts_;
  Pages<std::int32_t> char_rows_;
  Pages<std::int32_t> label_ids_;
  Pages<std::int64_t> label_offsets_;
  Vocabulary labels_;
  bool all_known_ = false;
};

}  // namespace pyffnn::text
