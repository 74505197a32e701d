// N-grams of words as numbers: an n-gram is the number of its first n - 1 words and its last word, so that no text is hashed or compared.
#pragma once
#include <vector>

#include "text/pages.h"
#include "text/pair_table.h"
#include "text/term_table.h"

namespace pyffnn::text {

using TermNumbers = Pages<std::uint32_t>;

// N-grams of one length. The numbers of words are those of a TermTable, and for bigrams those of the prefixes too.
struct GramLevel {
  Index prefixes = 0;
  std::vector<std::uint64_t> keys;  // prefix << 32 | word of each number
  Index size() const { return static_cast<Index>(keys.size()); }
};

// grams[i]: the number of the n-gram that begins at word i, where one does; prefixes[i] that of the (n - 1)-gram there. Words of document k
// end at ends[k].
void number_grams(PairTable& table, const TermNumbers& words, const TermNumbers& prefixes, const Pages<Index>& ends, Index n,
                  TermNumbers& grams);

// All terms in the order of their bytes.
struct TermList {
  std::vector<char> bytes;
  std::vector<std::size_t> ends;
  Index size() const { return static_cast<Index>(ends.size()); }
};

// The vocabulary of the n-grams of least and more words, and for each length (of words first) the place in it of each number. A space,
// which stands between words, is less than every byte of a word. levels[i] holds the n-grams of i + 2 words; lengths below `least` have no
// places.
TermList in_order(const TermTable& words, const std::vector<GramLevel>& levels, Index least, std::vector<TermNumbers>& places);

}  // namespace pyffnn::text
