// Counts of the terms of documents (term_cutter.h) as rows of a sparse matrix.
#pragma once
#include <string_view>
#include <vector>

#include "text/pages.h"
#include "text/term_cutter.h"
#include "text/term_table.h"
#include "text/word_grams.h"

namespace pyffnn::text {

// Rows of a sparse matrix, one a document: entries of row i are [indptr[i], indptr[i + 1]), their columns rise.
template <class T>
struct TermRows {
  Pages<Index> indptr;
  Pages<std::int32_t> columns;
  Pages<T> values;
};

// Counts of all terms of the documents that are not in `stop`; `vocabulary` gets the terms in the order of their bytes, which number the
// columns. One result at any number of threads. T: std::int64_t, double.
template <class T>
TermRows<T> count_terms(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop, TermList& vocabulary);

// Counts of the terms of `known`, whose i-th has column columns[i], none of which is negative; others are left out.
template <class T>
TermRows<T> count_known(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop, const TermTable& known,
                        const std::vector<std::int32_t>& columns);

// Every term counts in the column |h| mod n_features, h its MurmurHash3 (32 bits, seed 0) as a signed number; with `signs` a term with
// h < 0 counts -1.
TermRows<double> hash_terms(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop, Index n_features,
                            bool signs);

// MurmurHash3, x86, 32 bits (Appleby, public domain).
std::uint32_t murmur3_32(std::string_view bytes, std::uint32_t seed);

}  // namespace pyffnn::text
