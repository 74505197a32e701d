// Documents of a corpus as examples: their rows (words and n-grams) are made anew for each batch, so the corpus stays at 4 bytes a word.
#pragma once
#include <algorithm>

#include "text/corpus.h"
#include "train/ffnn_source.h"

namespace pyffnn::train {

// With `length`, an example is the ids of its first words, with `padding` for unknown and missing ones.
template <class T>
class TextSource final : public Source<T> {
 public:
  explicit TextSource(const text::Corpus& corpus, Index length = 0, std::int32_t padding = 0)
      : corpus_(corpus), length_(length), padding_(padding) {}
  Index size() const override { return corpus_.size(); }
  Index max_entries(std::int64_t example) const override { return length_ > 0 ? length_ : corpus_.max_rows(example); }
  void load(const std::int64_t* examples, Index m, Batch<T>& batch, T*, Index) const override {
    if (length_ == 0) return corpus_.expand_batch(examples, m, batch.ids, batch.offsets);
    batch.ids.resize(static_cast<std::size_t>(m * length_));
    batch.offsets.resize(static_cast<std::size_t>(m + 1));
    for (Index i = 0; i <= m; ++i) batch.offsets[static_cast<std::size_t>(i)] = i * length_;
    corpus_.sequences(examples, m, length_, batch.ids.data());
    std::replace(batch.ids.begin(), batch.ids.end(), std::int32_t{-1}, padding_);
  }

 private:
  const text::Corpus& corpus_;
  Index length_;
  std::int32_t padding_;
};

}  // namespace pyffnn::train
