#include "text/ngram_rows.h"

#include <limits>
#include <numeric>
#include <stdexcept>

namespace pyffnn::text {

// Fitting.

RowsPtr NgramRows::fit(const FeatureOptions& options, const Vocabulary& words, const Met& met, RowData& data, Interrupt& interrupt) {
  std::shared_ptr<NgramRows> rows(new NgramRows(options));
  rows->fit_char_grams(met, interrupt);
  if (options.word_ngrams > 1 && rows->exact())
    rows->grams_.fit(met.documents, options.word_ngrams, options.ngram_min_count, data.gram_ends, interrupt);
  rows->place(rows->sizes(words.size()));
  rows->list_pieces(words, interrupt);
  if (options.char_high > 0) {
    std::string scratch;
    data.piece_starts.push_back(0);
    for (std::size_t i = static_cast<std::size_t>(met.kept); i < met.words.size(); ++i) rows->note_word(met.words[i], scratch, data);
  }
  return rows;
}

void NgramRows::fit_char_grams(const Met& met, Interrupt& interrupt) {
  if (options_.char_high == 0 || !exact()) return;
  std::string scratch;
  std::vector<std::int64_t> counts;
  SlowPoll slow(interrupt, 1 << 12);
  for (std::size_t i = 0; i < met.words.size(); ++i) {
    slow.step();
    for_char_grams(met.words[i], options_.char_low, options_.char_high, scratch, [&](const char* p, std::size_t n) {
      const Word gram{word_key<false>(p, n), p, static_cast<std::uint32_t>(n)};
      std::int32_t number;
      char_grams_.intern(&gram, 1, &number);
      if (static_cast<std::size_t>(number) == counts.size()) counts.push_back(0);
      counts[static_cast<std::size_t>(number)] += met.counts[i];
    });
  }
  char_grams_.rank(counts, options_.ngram_min_count);
}

std::vector<std::int64_t> NgramRows::sizes(Index num_words) const {
  std::vector<std::int64_t> sizes{num_words};
  if (!exact()) return sizes;
  for (int order = 0; order < grams_.orders(); ++order) sizes.push_back(grams_.size(order));
  if (options_.char_high > 0) sizes.push_back(char_grams_.size());
  return sizes;
}

void NgramRows::place(const std::vector<std::int64_t>& added) {
  // Before any row is numbered in 32 bits.
  const Index shared = num_rows_ == 0 && !exact() && options_.has_grams() ? options_.buckets : 0;
  if (std::accumulate(added.begin(), added.end(), num_rows_ + shared) > std::numeric_limits<std::int32_t>::max())
    throw std::length_error("more than 2^31 - 1 rows of words and n-grams");
  Index row = num_rows_;
  std::size_t block = 0;
  const auto give = [&](RowMap& map) {
    map = map.extended(row, added[block]);
    row += added[block++];
  };
  give(word_rows_);
  if (shared > 0) {
    hashed_first_ = row;
    row += shared;
  }
  if (exact()) {
    gram_rows_.resize(static_cast<std::size_t>(grams_.orders()));
    for (RowMap& map : gram_rows_) give(map);
    if (options_.char_high > 0) give(char_rows_);
  }
  num_rows_ = row;
}

template <class Rows>
void NgramRows::append_pieces(std::string_view word, std::string& scratch, Rows& rows) const {
  for_char_grams(word, options_.char_low, options_.char_high, scratch, [&](const char* p, std::size_t n) {
    const Word gram{word_key<false>(p, n), p, static_cast<std::uint32_t>(n)};
    if (!exact()) {
      const std::uint64_t row = reduce(hash(gram.key), static_cast<std::uint64_t>(options_.buckets));
      rows.push_back(static_cast<std::int32_t>(hashed_first_ + static_cast<Index>(row)));
    } else {
      std::int32_t number;
      char_grams_.find(&gram, 1, &number);
      if (number >= 0) rows.push_back(char_rows_[number]);
    }
  });
}

void NgramRows::list_pieces(const Vocabulary& words, Interrupt& interrupt) {
  if (options_.char_high == 0) return;
  auto pieces = std::make_shared<Pieces>();
  pieces->words = words.size();
  pieces->grams = char_grams_.size();
  pieces->starts.push_back(0);
  std::string scratch;
  SlowPoll slow(interrupt, 1 << 12);
  for (Index w = 0; w < words.size(); ++w) {
    slow.step();
    append_pieces(words.word(w), scratch, pieces->rows);
    pieces->starts.push_back(pieces->rows.size());
  }
  pieces_ = std::move(pieces);
}

RowsPtr NgramRows::extended(const RowScheme& more, const std::vector<std::int32_t>& ids, const Vocabulary& words,
                            Interrupt& interrupt) const {
  const auto& other = static_cast<const NgramRows&>(more);
  std::shared_ptr<NgramRows> both(new NgramRows(options_));
  both->grams_ = grams_.extended(other.grams_, ids, words.size());
  both->char_grams_ = char_grams_.next();
  for (Index i = 0; i < other.char_grams_.size(); ++i) both->char_grams_.intern(other.char_grams_.word(i));
  both->num_rows_ = num_rows_;
  both->word_rows_ = word_rows_.extended(num_rows_, 0);
  both->char_rows_ = char_rows_.extended(num_rows_, 0);
  for (const RowMap& map : gram_rows_) both->gram_rows_.push_back(map.extended(num_rows_, 0));
  both->hashed_first_ = hashed_first_;
  both->additions_ = additions_.next();

  std::vector<std::int64_t> added = both->sizes(words.size());
  const std::vector<std::int64_t> before = sizes(word_rows_.size());
  for (std::size_t i = 0; i < added.size(); ++i) added[i] -= before[i];
  both->place(added);
  both->additions_.append(added.data(), static_cast<Index>(added.size()));

  // The lists cost a pass over the vocabulary: made anew when that has grown by a quarter; meanwhile corpora list the pieces themselves.
  both->pieces_ = pieces_;
  if (pieces_ && (5 * pieces_->words < 4 * words.size() || 5 * pieces_->grams < 4 * both->char_grams_.size()))
    both->list_pieces(words, interrupt);
  return both;
}

// Use.

void NgramRows::word_rows(const std::int32_t* ids, Index n, std::int32_t* rows) const {
  const auto words = static_cast<std::uint32_t>(word_rows_.size());
  for (Index i = 0; i < n; ++i) rows[i] = static_cast<std::uint32_t>(ids[i]) < words ? word_rows_[ids[i]] : -1;
}

std::vector<std::int64_t> NgramRows::piece_rows_since(Index row) const { return char_rows_.since(row); }

RowScheme::Notes NgramRows::notes() const {
  if (options_.char_high == 0) return Notes::none;
  return pieces_->words == word_rows_.size() && pieces_->grams == char_grams_.size() ? Notes::unknown : Notes::all;
}

void NgramRows::note_word(std::string_view word, std::string& scratch, RowData& data) const {
  if (data.piece_starts.empty()) data.piece_starts.push_back(0);
  append_pieces(word, scratch, data.piece_rows);
  data.piece_starts.push_back(data.piece_rows.size());
}

void NgramRows::find(const IdBags& documents, RowData& data, Interrupt& interrupt) const {
  if (options_.word_ngrams > 1 && exact()) grams_.find(documents, data.gram_ends, interrupt);
}

// Calls f(first, last) for the list of each word.
template <class F>
void NgramRows::for_pieces(const RowData& data, const Document& document, F&& f) const {
  const std::int64_t* const starts = data.piece_starts.data();
  const std::int32_t* const rows = data.piece_rows.data();
  if (!data.piece_list.empty()) {
    const std::int32_t* const list = data.piece_list.data() + document.begin;
    for (Index i = 0; i < document.n; ++i) f(rows + starts[list[i]], rows + starts[list[i] + 1]);
    return;
  }
  const Index words = pieces_->words;
  const std::int64_t* const known_starts = pieces_->starts.data();
  const std::int32_t* const known_rows = pieces_->rows.data();
  for (Index i = 0; i < document.n; ++i) {
    const Index id = static_cast<std::uint32_t>(document.ids[i]);
    if (id < words)
      f(known_rows + known_starts[id], known_rows + known_starts[id + 1]);
    else
      f(rows + starts[id - words], rows + starts[id - words + 1]);
  }
}

Index NgramRows::max_rows(const RowData& data, const Document& document) const {
  Index rows = document.n * options_.word_ngrams;
  if (options_.char_high > 0) for_pieces(data, document, [&rows](const std::int32_t* from, const std::int32_t* to) { rows += to - from; });
  return rows;
}

Index NgramRows::expand(const RowData& data, const Document& document, bool all_known, std::int32_t* const out) const {
  const auto words = static_cast<std::uint32_t>(word_rows_.size());
  const Index n = document.n;
  const std::int32_t* const ids = document.ids;
  std::int32_t* at = out;
  if (!word_rows_.is_run() || word_rows_.first() != 0) {
    for (Index i = 0; i < n; ++i)
      if (static_cast<std::uint32_t>(ids[i]) < words) *at++ = word_rows_[ids[i]];
  } else if (all_known) {
    if (n > 0) std::memcpy(at, ids, static_cast<std::size_t>(n) * sizeof(*at));
    at += n;
  } else {
    for (Index i = 0; i < n; ++i) {
      *at = ids[i];
      at += static_cast<std::uint32_t>(ids[i]) < words;
    }
  }
  if (options_.char_high > 0) {
    for_pieces(data, document, [&at](const std::int32_t* from, const std::int32_t* to) {
      if (from != to) std::memcpy(at, from, static_cast<std::size_t>(to - from) * sizeof(*at));
      at += to - from;
    });
  }
  if (options_.word_ngrams < 2) return at - out;
  if (!exact())
    return hashed_grams(ids, n, words, options_.word_ngrams, hashed_first_, static_cast<std::uint64_t>(options_.buckets), at) - out;
  for (std::size_t order = 0; order < gram_rows_.size(); ++order) {
    const std::int32_t* const end = data.gram_ends[order].data() + document.begin;
    const RowMap& rows = gram_rows_[order];
    // Those that end at the first words began before: in a part of a document they are another part's.
    const auto begin = static_cast<Index>(order) + 1;
    if (rows.is_run()) {
      const std::int32_t first = rows.first();
      for (Index i = begin; i < n; ++i) {
        *at = first + end[i];
        at += end[i] >= 0;
      }
    } else {
      for (Index i = begin; i < n; ++i)
        if (end[i] >= 0) *at++ = rows[end[i]];
    }
  }
  return at - out;
}

// Saving.

void NgramRows::write(State& state) const {
  state["gram_sizes"] = grams_.sizes();
  state["gram_keys"] = grams_.keys();
  write_words(char_grams_, "char", state);
  // Additions that lie behind each other as one would are told as one.
  const std::size_t width = sizes(0).size();
  std::vector<std::int64_t> merged;
  std::size_t last = width;  // the last block of the addition at the end of `merged`
  for (Index i = 0; i < additions_.size(); i += static_cast<Index>(width)) {
    const std::int64_t* const added = additions_.data() + i;
    std::size_t first = 0, end = width;
    while (first < width && added[first] == 0) ++first;
    if (first == width) continue;
    while (added[end - 1] == 0) --end;
    if (merged.empty() || last > first) {
      merged.insert(merged.end(), added, added + width);
    } else {
      for (std::size_t k = 0; k < width; ++k) merged[merged.size() - width + k] += added[k];
    }
    last = end - 1;
  }
  state["extensions"] = std::move(merged);
}

RowsPtr NgramRows::read(const FeatureOptions& options, const Vocabulary& words, StateReader& state, Interrupt& interrupt) {
  std::shared_ptr<NgramRows> rows(new NgramRows(options));
  const std::vector<std::int64_t>& gram_sizes = state.take<std::int64_t>("gram_sizes");
  const bool exact = rows->exact();
  rows->char_grams_ = read_words(state, "char", "the character n-grams", false, interrupt);
  if ((!gram_sizes.empty() && (!exact || gram_sizes.size() != static_cast<std::size_t>(options.word_ngrams) - 1)) ||
      (exact && options.word_ngrams > 1 && gram_sizes.empty()) || (rows->char_grams_.size() > 0 && (!exact || options.char_high == 0)))
    throw std::invalid_argument("the n-gram table is damaged: it does not fit the options");
  rows->grams_.restore(gram_sizes, state.take<std::uint64_t>("gram_keys"), words.size(), interrupt);

  // Version 1 had no extensions.
  std::vector<std::int64_t> first = rows->sizes(words.size());
  const std::size_t width = first.size();
  std::vector<std::int64_t> additions;
  if (!state.has("options")) additions = state.take<std::int64_t>("extensions");
  const auto damaged = [](const char* what) { throw std::invalid_argument(std::string("the extensions are damaged: ") + what); };
  if (additions.size() % width != 0) damaged("their number does not fit the options");
  for (std::size_t i = 0; i < additions.size(); ++i) {
    if (additions[i] < 0 || additions[i] > first[i % width]) damaged("they add up to more than there is");
    first[i % width] -= additions[i];
  }
  rows->place(first);
  for (std::size_t i = 0; i < additions.size(); i += width)
    rows->place({additions.begin() + static_cast<std::ptrdiff_t>(i), additions.begin() + static_cast<std::ptrdiff_t>(i + width)});
  rows->additions_.append(additions.data(), static_cast<Index>(additions.size()));
  rows->list_pieces(words, interrupt);
  return rows;
}

}  // namespace pyffnn::text
