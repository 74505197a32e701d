#include "text/corpus.h"

#include <algorithm>
#include <stdexcept>

namespace pyffnn::text {

void Corpus::check(Index document) const {
  if (document < 0 || document >= size())
    throw std::out_of_range("document " + std::to_string(document) + " is outside a corpus of " + std::to_string(size()) + " documents");
}

void Corpus::make_room(const std::int64_t* documents, Index n, std::vector<std::int32_t>& rows) const {
  const RowScheme& scheme = features_->rows();
  Index bound = 0;
  for (Index i = 0; i < n; ++i) {
    check(documents[i]);
    const Document document = at(documents[i]);
    bound += scheme.max_rows(data_, document);
    __builtin_prefetch(document.ids);
    __builtin_prefetch(document.ids + 16);
  }
  // One element is written past the last one kept.
  if (static_cast<Index>(rows.size()) < bound + 1) rows.resize(static_cast<std::size_t>(bound) + 1);
}

void Corpus::expand_batch(const std::int64_t* documents, Index n, std::vector<std::int32_t>& rows,
                          std::vector<std::int64_t>& offsets) const {
  const RowScheme& scheme = features_->rows();
  make_room(documents, n, rows);
  offsets.resize(static_cast<std::size_t>(n) + 1);
  Index count = 0;
  for (Index i = 0; i < n; ++i) {
    offsets[static_cast<std::size_t>(i)] = count;
    count += scheme.expand(data_, at(documents[i]), all_known_, rows.data() + count);
  }
  offsets[static_cast<std::size_t>(n)] = count;
  rows.resize(static_cast<std::size_t>(count));
}

void Corpus::expand_windows(const std::int64_t* documents, Index n, Index window, std::vector<std::int32_t>& rows,
                            std::vector<std::int64_t>& offsets, std::vector<std::int64_t>& groups) const {
  const RowScheme& scheme = features_->rows();
  make_room(documents, n, rows);
  groups.resize(static_cast<std::size_t>(n) + 1);
  groups[0] = 0;
  offsets.assign(1, 0);
  Index count = 0;
  for (Index i = 0; i < n; ++i) {
    const Document whole = at(documents[i]);
    for (Index from = 0; from < whole.n; from += window) {
      const Document part{whole.ids + from, std::min(window, whole.n - from), whole.begin + from};
      count += scheme.expand(data_, part, all_known_, rows.data() + count);
      offsets.push_back(count);
    }
    groups[static_cast<std::size_t>(i) + 1] = static_cast<std::int64_t>(offsets.size()) - 1;
  }
  rows.resize(static_cast<std::size_t>(count));
}

void Corpus::sequences(const std::int64_t* documents, Index n, Index length, std::int32_t* out) const {
  const RowScheme& scheme = features_->rows();
  for (Index i = 0; i < n; ++i, out += length) {
    check(documents[i]);
    const Document document = at(documents[i]);
    const Index count = std::min(document.n, length);
    scheme.word_rows(document.ids, count, out);
    std::fill(out + count, out + length, -1);
  }
}

}  // namespace pyffnn::text
