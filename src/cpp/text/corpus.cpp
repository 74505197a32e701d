#include "text/corpus.h"

#include <stdexcept>

namespace pyffnn::text {

void Corpus::check(Index document) const {
  if (document < 0 || document >= size())
    throw std::out_of_range("document " + std::to_string(document) + " is outside a corpus of " + std::to_string(size()) + " documents");
}

Index Corpus::max_rows(Index document) const {
  const FeatureOptions& options = features_->options();
  const Index begin = offsets_[document], end = offsets_[document + 1];
  Index rows = (end - begin) * options.word_ngrams;
  if (options.char_high > 0) {
    const Index words = features_->num_words();
    for (Index i = begin; i < end; ++i) {
      const Index id = static_cast<std::uint32_t>(ids_[i]);
      if (id < words)
        rows += features_->char_rows_end(id) - features_->char_rows_begin(id);
      else
        rows += char_starts_[id - words + 1] - char_starts_[id - words];
    }
  }
  return rows;
}

std::int32_t* Corpus::append_char_rows(std::uint32_t id, std::int32_t* out) const {
  const std::int32_t *from, *to;
  const Index words = features_->num_words();
  if (id < words) {
    from = features_->char_rows_begin(id);
    to = features_->char_rows_end(id);
  } else {
    from = char_rows_.data() + char_starts_[id - words];
    to = char_rows_.data() + char_starts_[id - words + 1];
  }
  if (from != to) std::memcpy(out, from, static_cast<std::size_t>(to - from) * sizeof(*out));
  return out + (to - from);
}

Index Corpus::expand(Index document, std::int32_t* const out) const {
  const FeatureOptions& options = features_->options();
  const auto words = static_cast<std::uint32_t>(features_->num_words());
  const Index begin = offsets_[document], n = offsets_[document + 1] - begin;
  const std::int32_t* const ids = ids_.data() + begin;
  std::int32_t* at = out;
  if (all_known_) {
    if (n > 0) std::memcpy(at, ids, static_cast<std::size_t>(n) * sizeof(*at));
    at += n;
  } else {
    for (Index i = 0; i < n; ++i) {
      *at = ids[i];
      at += static_cast<std::uint32_t>(ids[i]) < words;
    }
  }
  if (options.char_high > 0)
    for (Index i = 0; i < n; ++i) at = append_char_rows(static_cast<std::uint32_t>(ids[i]), at);
  if (options.word_ngrams > 1) {
    if (options.buckets > 0) {
      at = hashed_grams(ids, n, words, options.word_ngrams, words, static_cast<std::uint64_t>(options.buckets), at);
    } else {
      for (const Pages<std::int32_t>& rows : gram_rows_) {
        const std::int32_t* const row = rows.data() + begin;
        for (Index i = 0; i < n; ++i) {
          *at = row[i];
          at += row[i] >= 0;
        }
      }
    }
  }
  return at - out;
}

void Corpus::expand_batch(const std::int64_t* documents, Index n, std::vector<std::int32_t>& rows,
                          std::vector<std::int64_t>& offsets) const {
  Index bound = 0;
  for (Index i = 0; i < n; ++i) {
    check(documents[i]);
    bound += max_rows(documents[i]);
    const std::int32_t* const ids = ids_.data() + offsets_[documents[i]];
    __builtin_prefetch(ids);
    __builtin_prefetch(ids + 16);
  }
  // One element is written past the last one kept.
  if (static_cast<Index>(rows.size()) < bound + 1) rows.resize(static_cast<std::size_t>(bound) + 1);
  offsets.resize(static_cast<std::size_t>(n) + 1);
  Index at = 0;
  for (Index i = 0; i < n; ++i) {
    offsets[static_cast<std::size_t>(i)] = at;
    at += expand(documents[i], rows.data() + at);
  }
  offsets[static_cast<std::size_t>(n)] = at;
  rows.resize(static_cast<std::size_t>(at));
}

void Corpus::sequences(const std::int64_t* documents, Index n, Index length, std::int32_t* out) const {
  const auto words = static_cast<std::uint32_t>(features_->num_words());
  for (Index i = 0; i < n; ++i) {
    check(documents[i]);
    const Index begin = offsets_[documents[i]];
    const Index count = std::min(offsets_[documents[i] + 1] - begin, length);
    for (Index t = 0; t < length; ++t) {
      const std::int32_t id = t < count ? ids_[begin + t] : -1;
      out[i * length + t] = static_cast<std::uint32_t>(id) < words ? id : -1;
    }
  }
}

}  // namespace pyffnn::text
