// Documents of a corpus: their rows (words and n-grams) are made anew for each batch, so the corpus stays at 4 bytes a word.
#pragma once
#include <algorithm>
#include <memory>

#include "net/sources/source.h"
#include "text/corpus.h"

namespace pyffnn::net {

// With `length`, an example is the ids of its first words, with the number of the table's spare row for unknown and missing ones.
template <class T>
class TextSource final : public Source<T> {
 public:
  explicit TextSource(std::shared_ptr<const text::Corpus> corpus, Index length = 0) : corpus_(std::move(corpus)), length_(length) {}
  SourceKind kind() const override { return length_ > 0 ? SourceKind::sequences : SourceKind::bags; }
  Index size() const override { return corpus_->size(); }
  Index width() const override { return corpus_->num_rows(); }
  Index length() const override { return length_; }
  Index max_entries(std::int64_t example) const override { return length_ > 0 ? length_ : corpus_->max_rows(example); }
  void load(const Visit& visit, Index window, Batch<T>& batch, T*, Index) const override {
    // A text is an example of its own: there are no runs of them.
    const Index m = visit.count;
    if (window > 0) return corpus_->expand_windows(visit.start, m, window, batch.ids, batch.offsets, batch.groups);
    if (length_ == 0) return corpus_->expand_batch(visit.start, m, batch.ids, batch.offsets);
    batch.ids.resize(static_cast<std::size_t>(m * length_));
    batch.offsets.resize(static_cast<std::size_t>(m + 1));
    for (Index i = 0; i <= m; ++i) batch.offsets[static_cast<std::size_t>(i)] = i * length_;
    corpus_->sequences(visit.start, m, length_, batch.ids.data());
    std::replace(batch.ids.begin(), batch.ids.end(), std::int32_t{-1}, static_cast<std::int32_t>(width()));
  }

 private:
  std::shared_ptr<const text::Corpus> corpus_;
  Index length_;
};

}  // namespace pyffnn::net
