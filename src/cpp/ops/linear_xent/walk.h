// What becomes of logits, whichever panels computed them: the same rows in the same order, so the driver is one.
#pragma once
#include <algorithm>
#include <cstring>

#include "ops/linear_xent/rows.h"
#include "ops/products/dense.h"

namespace pyffnn::ops::xent {

template <class T>
struct Problem {
  Index m, n, k;
  const T *x, *w, *b;
  T *dx, *dw, *db;

  // Of products with the words from `word` on.
  Fuse<T> bias(Index word) const { return Fuse<T>::linear(b == nullptr ? nullptr : b + word, Act::identity); }
};

// Both passes take the words in tiles of `tile`, numbered from 0.
template <class T>
class Walk {
 public:
  // Where the numbers of a tile come from in pass 2.
  enum class Source {
    logits,        // they are logits taken again
    exponentials,  // they are those of pass 1, where it left them
    stash,         // they are copied out of the stash
  };

  const Index tile;
  const Stash<T> stash;

  Walk(const Problem<T>& p, Index width, Rows<T>& rows) : tile(width), stash(p.dw, p.m, p.n, p.k, width), p_(p), rows_(rows) {}

  Index tiles() const { return (p_.n + tile - 1) / tile; }
  Index width(Index number) const { return std::min(tile, p_.n - number * tile); }

  // Pass 1: logits of rows [begin, end) in tile `number`, row begin at z, become exponentials. in_place: they lie in the stash.
  void absorb(Index number, Index begin, Index end, T* z, Index ldz, bool in_place) {
    const Index words = width(number);
    for (Index i = begin; i < end; ++i) {
      T* const row = z + (i - begin) * ldz;
      rows_.take(i, number, number * tile, words, row, p_.dx + i * p_.k, p_.k);
      if (!in_place && stash.holds(number)) std::memcpy(stash.row(number, i), row, static_cast<std::size_t>(words) * sizeof(T));
    }
  }

  // Pass 2: the numbers of all rows for `words` words from `word` on, in tile `number`, become gradients by the logits; db their sums.
  void gradients(Index number, Index word, Index words, T* z, Index ldz, Source source) const {
    for (Index i = 0; i < p_.m; ++i) {
      T* const row = z + i * ldz;
      if (source == Source::stash)
        std::memcpy(row, stash.row(number, i) + (word - number * tile), static_cast<std::size_t>(words) * sizeof(T));
      rows_.gradient(i, number, word, words, source != Source::logits, row);
    }
    col_sum(z, ldz, p_.m, words, p_.db + word);
  }

 private:
  const Problem<T>& p_;
  Rows<T>& rows_;
};

}  // namespace pyffnn::ops::xent
