// Documents cut into words once: 4 bytes a word, from which each batch's rows are made when it is wanted.
#pragma once
#include <vector>

#include "text/cutter.h"
#include "text/featurizer.h"

namespace pyffnn::text {

// Read-only once built; any number of threads may expand batches of it.
class Corpus {
 public:
  const Featurizer& features() const { return *features_; }
  const FeaturesPtr& shared_features() const { return features_; }

  Index size() const { return documents_.size(); }
  Index num_tokens() const { return documents_.ids.size(); }
  Index num_rows() const { return features_->num_rows(); }

  // Word ids of the documents, end to end: below features().num_words() a word of the vocabulary, anything else an unknown word.
  const Pages<std::int32_t>& ids() const { return documents_.ids; }
  const Pages<std::int64_t>& offsets() const { return documents_.offsets; }
  const Pages<std::int32_t>& label_ids() const { return documents_.label_ids; }
  const Pages<std::int64_t>& label_offsets() const { return documents_.label_offsets; }
  const Vocabulary& labels() const { return documents_.labels; }

  // An upper bound of the rows that a document expands to.
  Index max_rows(Index document) const { return features_->rows().max_rows(data_, at(document)); }
  // The rows of documents[0..n) as bags: bag b is rows[offsets[b]..offsets[b + 1]). The vectors only grow in capacity, so a reused pair
  // allocates nothing in the long run. Throws std::out_of_range for a document that is not there.
  void expand_batch(const std::int64_t* documents, Index n, std::vector<std::int32_t>& rows, std::vector<std::int64_t>& offsets) const;
  // The same, with a bag for each `window` words of a document (its last one may have fewer; n-grams lie within a window): the bags of
  // document i are [groups[i], groups[i + 1]).
  void expand_windows(const std::int64_t* documents, Index n, Index window, std::vector<std::int32_t>& rows,
                      std::vector<std::int64_t>& offsets, std::vector<std::int64_t>& groups) const;
  // The rows of the first `length` words of each document, n x length, -1 for an unknown word and behind the last.
  void sequences(const std::int64_t* documents, Index n, Index length, std::int32_t* out) const;

 private:
  friend class CorpusBuilder;
  Corpus() = default;
  void check(Index document) const;
  Document at(Index document) const {
    const Index begin = documents_.offsets[document];
    return {documents_.ids.data() + begin, documents_.offsets[document + 1] - begin, begin};
  }
  // Makes room in `rows` for all that documents[0..n) may expand to.
  void make_room(const std::int64_t* documents, Index n, std::vector<std::int32_t>& rows) const;
  IdBags bags() const { return {documents_.ids.data(), documents_.offsets.data(), size(), features_->num_words()}; }

  FeaturesPtr features_;
  Documents documents_;
  RowData data_;
  bool all_known_ = false;
};

}  // namespace pyffnn::text
