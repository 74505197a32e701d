// Terms of documents as scikit-learn's vectorizers cut them: runs of word characters and n-grams of them with a space between, or n-grams
// of characters. Counts of them are rows of a sparse matrix.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "core/types.h"

namespace pyffnn::text {

// A document in memory that nobody changes: `length` characters of `width` bytes each (1: Latin-1, 2, 4), as Python keeps a str.
struct Characters {
  const void* data;
  Index length;
  int width;
  bool ascii;
};

// What terms are made of: words; characters, where a run of several spaces is one; or the characters of each run of others with a space
// before and behind it, a run shorter than n giving itself once.
enum class TermKind { word, character, bounded };

struct TermOptions {
  TermKind kind;
  bool lowercase;      // of ASCII documents; others come as they are to be
  Index min_length;    // characters of a word
  Index min_n, max_n;  // words or characters of a term
  // A bit for each of the 0x110000 code points: is it a word character, or for kinds other than words, is it a space?
  const std::uint8_t* members;
};

// Distinct terms, numbered in the order of their coming.
class TermTable {
 public:
  TermTable() { grow(); }
  Index size() const { return static_cast<Index>(ends_.size()); }
  std::string_view term(Index i) const {
    const std::size_t k = static_cast<std::size_t>(i), begin = k == 0 ? 0 : ends_[k - 1];
    return {bytes_.data() + begin, ends_[k] - begin};
  }
  static std::uint64_t hash_of(std::string_view term);
  // The term's number; it is added if it is new.
  Index add(std::string_view term) { return add(term, hash_of(term)); }
  Index add(std::string_view term, std::uint64_t hash);
  // -1 where it is none of them.
  Index find(std::string_view term) const { return find(term, hash_of(term)); }
  Index find(std::string_view term, std::uint64_t hash) const { return slots_[place(term, hash)].number; }
  void prefetch(std::uint64_t hash) const { __builtin_prefetch(&slots_[home(static_cast<std::uint32_t>(hash >> 32))]); }
  // The terms' numbers in the order of their bytes.
  std::vector<std::int32_t> in_order() const;

 private:
  struct Slot {
    std::uint32_t check = 0;
    std::int32_t number = -1;
  };
  void grow();
  // The table's size is a power of two; the upper bits say where a search begins, so that a larger table needs no term again.
  std::size_t home(std::uint32_t check) const { return static_cast<std::size_t>(std::uint64_t{check} * slots_.size() >> 32); }
  std::size_t place(std::string_view term, std::uint64_t hash) const;

  std::vector<Slot> slots_;
  std::vector<std::size_t> ends_;
  std::vector<char> bytes_;
};

// Rows of a sparse matrix, one a document: entries of row i are [indptr[i], indptr[i + 1]), their columns rise.
template <class T>
struct TermRows {
  std::vector<Index> indptr;
  std::vector<std::int32_t> columns;
  std::vector<T> values;
};

// Counts of all terms of the documents that are not in `stop`; `vocabulary` gets the terms in the order of their bytes, which number the
// columns. One result at any number of threads.
TermRows<std::int64_t> count_terms(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop,
                                   std::vector<std::string>& vocabulary);

// Counts of the terms of `known`, whose i-th has column columns[i]; others are left out.
TermRows<std::int64_t> count_known(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop,
                                   const TermTable& known, const std::vector<std::int32_t>& columns);

// Every term counts in the column |h| mod n_features, h its MurmurHash3 (32 bits, seed 0) as a signed number; with `signs` a term with
// h < 0 counts -1.
TermRows<double> hash_terms(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop, Index n_features,
                            bool signs);

// MurmurHash3, x86, 32 bits (Appleby, public domain).
std::uint32_t murmur3_32(std::string_view bytes, std::uint32_t seed);

}  // namespace pyffnn::text
