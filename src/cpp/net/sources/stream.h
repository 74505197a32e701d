// A stream of token ids: example i is to predict token i from those before it.
#pragma once
#include <algorithm>

#include "net/sources/source.h"

namespace pyffnn::net {

template <class T>
class StreamSource final : public Source<T> {
 public:
  StreamSource(const std::int32_t* ids, Index n, Index vocab) : ids_(ids), n_(n), vocab_(vocab) {}
  SourceKind kind() const override { return SourceKind::stream; }
  Index size() const override { return n_; }
  Index width() const override { return vocab_; }
  Index max_entries(std::int64_t) const override { return 0; }
  // The span of a run of `length` examples: its reach + length - 1 words before its last target.
  void load(const Visit& visit, Index reach, Batch<T>& batch, T*, Index) const override {
    batch.places.resize(static_cast<std::size_t>(visit.count));
    Index rows = 0, examples = 0;
    for (Index s = 0; s < visit.count; ++s) {
      batch.places[static_cast<std::size_t>(s)] = {rows, examples, visit.length_of(s)};
      rows += reach + visit.length_of(s) - 1;
      examples += visit.length_of(s);
    }
    batch.ids.resize(static_cast<std::size_t>(rows));
    for (Index s = 0; s < visit.count; ++s) {
      const Place& place = batch.places[static_cast<std::size_t>(s)];
      const Index first = visit.start[s] - reach, length = reach + place.length - 1, missing = std::clamp<Index>(-first, 0, length);
      std::int32_t* const out = batch.ids.data() + place.span;
      std::fill_n(out, missing, std::int32_t{-1});
      std::copy_n(ids_ + (first + missing), length - missing, out + missing);
      check_ids(out + missing, length - missing, 0, vocab_);
    }
  }

 private:
  const std::int32_t* ids_;
  Index n_, vocab_;
};

}  // namespace pyffnn::net
