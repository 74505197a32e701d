#include "text/stream.h"

#include <algorithm>

#include "text/unicode.h"

namespace pyffnn::text {

namespace {

bool is_lower(const std::string& word) {
  std::string lower;
  append_lower(word, lower);
  return lower == word;
}

}  // namespace

// Special tokens keep their case.
CutOptions WordStream::cut_options(const StreamOptions& options, bool ends) {
  CutOptions cut;
  cut.lowercase = options.lowercase;
  if (ends) cut.end = options.eos_token;
  cut.skip_empty = true;
  if (options.lowercase && !(is_lower(options.unk_token) && is_lower(options.eos_token))) {
    cut.kept = {options.unk_token};
    if (!options.eos_token.empty()) cut.kept.push_back(options.eos_token);
  }
  return cut;
}

WordStream::WordStream(const StreamOptions& options, Interrupt& interrupt)
    : options_(options), cutter_(cut_options(options, true), *this, documents_, interrupt) {
  const CutOptions cut = cut_options(options, true);
  words_ = std::make_shared<Vocabulary>(options.lowercase && cut.kept.empty());
}

WordStream::WordStream(const WordStream& known, bool ends, Interrupt& interrupt)
    : options_(known.options_),
      specials_(known.specials_),
      unk_(known.unk_),
      growing_(false),
      words_(known.words_),
      cutter_(cut_options(options_, ends), *this, documents_, interrupt) {}

std::int32_t WordStream::add_word(std::string_view word) {
  const std::int32_t number = words_->intern(word);
  if (word == options_.unk_token) unk_ = number;
  specials_ += word == options_.unk_token || (word == options_.eos_token && !word.empty());
  return number;
}

void WordStream::close() {
  growing_ = false;
  words_->stop_counting();
}

void WordStream::number(const Word* words, int n, std::int32_t* ids) {
  if (growing_) return words_->intern(words, n, ids);
  words_->find(words, n, ids);
  for (int i = 0; i < n; ++i) ids[i] = ids[i] < 0 ? unk_ : ids[i];
}

Pages<std::int32_t> WordStream::take() {
  documents_.offsets.clear();
  documents_.offsets.push_back(0);
  return std::exchange(documents_.ids, {});
}

std::vector<std::int64_t> WordStream::counts() const {
  std::vector<std::int64_t> counts = words().counts();
  // Each special token was added once without being met.
  for (std::size_t i = 0; i < std::min(counts.size(), static_cast<std::size_t>(specials_)); ++i) --counts[i];
  return counts;
}

std::vector<std::int32_t> WordStream::choose(const std::vector<std::int64_t>& counts, std::int64_t min_count, Index max_vocab) const {
  struct Candidate {
    std::int64_t count;
    std::uint64_t first;  // eight bytes, in the order of their values
    std::int32_t id;
  };
  std::vector<Candidate> candidates;
  for (Index id = specials_; id < num_words(); ++id) {
    const std::int64_t count = counts[static_cast<std::size_t>(id)];
    if (count < min_count) continue;
    const std::string_view w = word(id);
    std::uint64_t first = 0;
    for (std::size_t i = 0; i < 8; ++i) first = first << 8 | (i < w.size() ? static_cast<unsigned char>(w[i]) : 0);
    candidates.push_back({count, first, static_cast<std::int32_t>(id)});
  }
  // The order of code points is that of the bytes of UTF-8.
  std::sort(candidates.begin(), candidates.end(), [this](const Candidate& a, const Candidate& b) {
    if (a.count != b.count) return a.count > b.count;
    if (a.first != b.first) return a.first < b.first;
    return word(a.id) < word(b.id);
  });
  if (max_vocab > 0 && static_cast<Index>(candidates.size()) > max_vocab - specials_)
    candidates.resize(static_cast<std::size_t>(std::max(Index{0}, max_vocab - specials_)));
  std::vector<std::int32_t> chosen;
  for (Index id = 0; id < specials_; ++id) chosen.push_back(static_cast<std::int32_t>(id));
  for (const Candidate& c : candidates) chosen.push_back(c.id);
  return chosen;
}

}  // namespace pyffnn::text
