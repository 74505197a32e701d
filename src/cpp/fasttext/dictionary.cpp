#include "fasttext/dictionary.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace pyffnn::fasttext {
namespace {

std::uint32_t slots_for(std::size_t entries) {
  std::uint64_t slots = 16;
  while (slots < entries + entries / 2 + 1) slots *= 2;
  return static_cast<std::uint32_t>(slots);
}
inline std::uint32_t spread(std::uint32_t hash) { return (hash * 0x9e3779b1u) ^ (hash >> 15); }
inline bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

Dictionary::Dictionary(const Settings& settings, std::shared_ptr<const void> owner, std::vector<std::string_view> entries, Index words,
                       std::int64_t tokens, bool pruned, Kept kept)
    : settings_(settings),
      owner_(std::move(owner)),
      entries_(std::move(entries)),
      words_(words),
      tokens_(tokens),
      pruned_(pruned),
      kept_(std::move(kept)),
      bucket_(static_cast<std::uint32_t>(std::max(settings.bucket, 1))),
      table_(entries_.size()) {
  if (has_word_ngrams()) hashes_.reserve(static_cast<Index>(entries_.size()));
  constexpr std::size_t kAhead = 16;
  WordKey keys[kAhead] = {};
  for (std::size_t i = 0; i < entries_.size() + kAhead; ++i) {
    const WordKey key = keys[i % kAhead];
    if (i < entries_.size()) {
      keys[i % kAhead] = key_of(entries_[i]);
      __builtin_prefetch(table_.address(keys[i % kAhead]));
    }
    if (i < kAhead) continue;
    const auto id = static_cast<std::int32_t>(i - kAhead);
    table_.add(key, entry(id), id, [this](std::int32_t j) { return entries_[static_cast<std::size_t>(j)]; });
    if (has_word_ngrams()) hashes_.push_back(hash_of(entry(id)));
  }
  // They come by falling count; of equal ones, which a file may have, the first is found.
  constexpr std::size_t kFrequent = 4096;
  for (std::size_t i = std::min(entries_.size(), kFrequent); i-- > 0;) frequent_.put(key_of(entries_[i]), static_cast<std::int32_t>(i));
  if (!pruned_) return;
  kept_bits_.assign(static_cast<std::size_t>(std::max(settings_.bucket, 1) / 64 + 1), 0);
  kept_slots_.assign(slots_for(kept_.size()), {-1, -1});
  const auto mask = static_cast<std::uint32_t>(kept_slots_.size() - 1);
  for (const auto& [hash, number] : kept_) {
    kept_bits_[static_cast<std::size_t>(hash) / 64] |= std::uint64_t{1} << (hash % 64);
    std::uint32_t at = spread(static_cast<std::uint32_t>(hash)) & mask;
    while (kept_slots_[at].first >= 0 && kept_slots_[at].first != hash) at = (at + 1) & mask;
    kept_slots_[at] = {hash, number};
  }
}

std::int64_t Dictionary::count(Index id) const {
  const std::string_view word = entry(id);
  std::int64_t count = 0;
  std::memcpy(&count, word.data() + word.size() + 1, sizeof(count));
  return count;
}

std::vector<std::int64_t> Dictionary::target_counts() const {
  const Index first = settings_.supervised() ? words_ : 0;
  std::vector<std::int64_t> counts;
  counts.reserve(static_cast<std::size_t>(targets()));
  for (Index i = 0; i < targets(); ++i) counts.push_back(count(first + i));
  return counts;
}

std::int32_t Dictionary::find(std::string_view word) const {
  if (word.find('\0') != std::string_view::npos) return -1;
  return find(key_of(word), word);
}

std::int32_t Dictionary::bucket_row(std::uint32_t bucket) const {
  if (!pruned_) return static_cast<std::int32_t>(words_) + static_cast<std::int32_t>(bucket);
  if ((kept_bits_[bucket / 64] >> (bucket % 64) & 1) == 0) return -1;
  const auto mask = static_cast<std::uint32_t>(kept_slots_.size() - 1);
  std::uint32_t at = spread(bucket) & mask;
  while (kept_slots_[at].first != static_cast<std::int32_t>(bucket)) at = (at + 1) & mask;
  return static_cast<std::int32_t>(words_) + kept_slots_[at].second;
}

void Dictionary::add_pieces(std::string_view word, RowIds& rows, std::vector<Piece>* pieces) const {
  if (settings_.maxn <= 0 || settings_.bucket <= 0 || (pruned_ && kept_.empty())) return;
  const std::size_t size = word.size();
  for (std::size_t i = 0; i < size; ++i) {
    if (continues(word[i])) continue;
    std::uint32_t hash = kHashStart;
    std::size_t j = i;
    for (std::int32_t n = 1; j < size && n <= settings_.maxn; ++n) {
      hash = hash_step(hash, word[j++]);
      while (j < size && continues(word[j])) hash = hash_step(hash, word[j++]);
      if (n < settings_.minn || (n == 1 && (i == 0 || j == size))) continue;
      const std::int32_t row = bucket_row(bucket_.of(hash));
      if (row < 0) continue;
      rows.push_back(row);
      if (pieces != nullptr) pieces->push_back({std::string(word.substr(i, j - i)), row});
    }
  }
}

void Dictionary::add_word(std::string_view word, std::int32_t id, std::string& scratch, RowIds& rows) const {
  if (id >= 0) rows.push_back(id);
  if (settings_.maxn <= 0 || word == kEndOfLine) return;
  scratch.assign(1, '<');
  scratch.append(word);
  scratch.push_back('>');
  add_pieces(scratch, rows, nullptr);
}

void Dictionary::add_word_ngrams(Line& line) const {
  if (!has_word_ngrams()) return;
  const std::size_t words = line.hashes.size(), order = static_cast<std::size_t>(settings_.word_ngrams);
  const std::uint32_t* const hashes = line.hashes.data();
  const auto widened = [&](std::size_t i) {
    return static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<std::int32_t>(hashes[i])));
  };
  if (order == 2 && !pruned_ && words > 1) {
    // Most models: as below. Rows are asked for into the second cache: more of such requests are under way at once.
    const std::size_t before = line.rows.size();
    line.rows.resize(before + words - 1);
    std::int32_t* const rows = line.rows.data() + before;
    const char* const table = line.table;
    const Index row_bytes = line.row_bytes;
    for (std::size_t i = 0; i + 1 < words; ++i) {
      rows[i] = static_cast<std::int32_t>(words_) + static_cast<std::int32_t>(bucket_.of(widened(i) * 116049371u + widened(i + 1)));
      if (table == nullptr) continue;
      const char* const row = table + rows[i] * row_bytes;
      __builtin_prefetch(row, 0, 2);
      __builtin_prefetch(row + row_bytes - 1, 0, 2);
    }
    return;
  }
  for (std::size_t i = 0; i < words; ++i) {
    std::uint64_t hash = widened(i);
    for (std::size_t j = i + 1; j < words && j - i < order; ++j) {
      hash = hash * 116049371u + widened(j);
      const std::int32_t row = bucket_row(bucket_.of(hash));
      if (row >= 0) line.rows.push_back(row);
    }
  }
}

void Dictionary::find_all(const Word* words, Index n, std::int32_t* ids) const {
  for (; n > Cutter::kMostWords; n -= Cutter::kMostWords, words += Cutter::kMostWords, ids += Cutter::kMostWords)
    find_some(words, Cutter::kMostWords, ids);
  find_some(words, n, ids);
}

void Dictionary::find_some(const Word* words, Index n, std::int32_t* ids) const {
  std::int32_t others[Cutter::kMostWords];
  Index num_others = 0;
  for (Index i = 0; i < n; ++i) {
    bool found = false;
    ids[i] = frequent_.find(words[i].key(), found);
    others[num_others] = static_cast<std::int32_t>(i);
    num_others += found ? 0 : 1;
  }
  for (Index i = 0; i < num_others; ++i) __builtin_prefetch(table_.address(words[others[i]].key()), 0, 2);
  // A long word is taken for the one that has its key; whether it is that one is asked when the memory has answered.
  const bool hashed = !hashes_.empty();
  Index num_long = 0;
  for (Index i = 0; i < num_others; ++i) {
    const std::int32_t at = others[i], id = table_.find_key(words[at].key());
    ids[at] = id;
    if (id < 0) continue;
    if (hashed) __builtin_prefetch(&hashes_[id]);
    if (words[at].key().is_short()) continue;
    __builtin_prefetch(&entries_[static_cast<std::size_t>(id)]);
    others[num_long++] = at;
  }
  for (Index i = 0; i < num_long; ++i) __builtin_prefetch(entries_[static_cast<std::size_t>(ids[others[i]])].data());
  for (Index i = 0; i < num_long; ++i) {
    const Word& word = words[others[i]];
    std::int32_t& id = ids[others[i]];
    if (entries_[static_cast<std::size_t>(id)] != word.text()) id = find(word.key(), word.text());
  }
}

void Dictionary::take(const Word* words, const std::int32_t* ids, Index n, Line& line) const {
  line.tokens += n;
  const auto known = static_cast<std::uint32_t>(words_);
  const bool pieces = settings_.maxn > 0, hashed = !hashes_.empty();
  const std::size_t num_rows = line.rows.size(), num_hashes = line.hashes.size(), room = static_cast<std::size_t>(n);
  if (!pieces) line.rows.resize(num_rows + room);
  if (hashed) line.hashes.resize(num_hashes + room);
  std::int32_t* row = line.rows.data() + num_rows;
  std::uint32_t* hash = line.hashes.data() + num_hashes;
  for (Index i = 0; i < n; ++i) {
    const std::int32_t id = ids[i];
    if (static_cast<std::uint32_t>(id) < known && !pieces) {
      *row++ = id;
      if (hashed) *hash++ = hashes_[id];
      continue;
    }
    const std::string_view word = words[i].text();
    if (id >= words_) {
      line.labels.push_back(id - static_cast<std::int32_t>(words_));
    } else if (id >= 0 || !is_label(word)) {
      if (pieces) add_word(word, id, line.bracketed, line.rows);
      if (hashed) *hash++ = id >= 0 ? hashes_[id] : hash_of(word);
    }
  }
  if (!pieces) line.rows.resize(static_cast<std::size_t>(row - line.rows.data()));
  if (hashed) line.hashes.resize(static_cast<std::size_t>(hash - line.hashes.data()));
}

void Dictionary::clear(Line& line) {
  line.rows.clear();
  line.labels.clear();
  line.hashes.clear();
  line.tokens = 0;
}

bool LineReader::fill() {
  at_ = 0;
  words_.clear();
  for (bool more = true; more && words_.size() < kBatchWords;) {
    const Index before = words_.size(), found = cutter_.next(words_.extend(Cutter::kMostWords));
    words_.resize(before + found);
    more = found > 0;
  }
  ids_.resize(words_.size());
  dictionary_.find_all(words_.data(), words_.size(), ids_.data());
  return !words_.empty();
}

bool LineReader::append(Line& line) {
  const Index before = line.tokens;
  line.hashes.clear();
  for (bool ended = false; !ended;) {
    if (at_ == words_.size() && !fill()) break;
    const Index some = to_end_of_line(words_.data() + at_, words_.size() - at_, ended);
    dictionary_.take(words_.data() + at_, ids_.data() + at_, some, line);
    at_ += some;
  }
  dictionary_.add_word_ngrams(line);
  return line.tokens > before;
}

void Dictionary::read_line(const char*& at, const char* end, bool closed, Line& line) const {
  clear(line);
  Cutter cutter(at, end);
  Word words[Cutter::kMostWords];
  std::int32_t ids[Cutter::kMostWords];
  bool ended = false;
  at = end;
  while (const Index found = ended ? 0 : cutter.next(words)) {
    const Index count = to_end_of_line(words, found, ended);
    find_all(words, count, ids);
    take(words, ids, count, line);
    if (ended) at = words[count - 1].after();
  }
  if (!ended && closed) {
    const Word last = line_feed(end);
    find_all(&last, 1, ids);
    take(&last, ids, 1, line);
  }
  add_word_ngrams(line);
}

void Dictionary::word_rows(std::string_view word, Line& scratch, RowIds& rows) const {
  rows.clear();
  add_word(word, find(word), scratch.bracketed, rows);
}

std::vector<Piece> Dictionary::pieces(std::string_view word) const {
  std::vector<Piece> found;
  const std::int32_t id = find(word);
  if (id >= 0) found.push_back({std::string(word), id});
  RowIds rows;
  if (word != kEndOfLine) add_pieces("<" + std::string(word) + ">", rows, &found);
  return found;
}

std::int32_t Dictionary::piece_row(std::string_view piece) const {
  if (settings_.bucket <= 0) return -1;
  return bucket_row(bucket_.of(hash_of(piece)));
}

DictionaryPtr Dictionary::prune(std::vector<std::int32_t>& rows) const {
  std::vector<std::int32_t> words, others;
  for (const std::int32_t row : rows) (row < words_ ? words : others).push_back(row);
  std::sort(words.begin(), words.end());
  Kept kept;
  for (std::size_t i = 0; i < others.size(); ++i)
    kept.emplace_back(others[i] - static_cast<std::int32_t>(words_), static_cast<std::int32_t>(i));
  rows = words;
  rows.insert(rows.end(), others.begin(), others.end());
  std::vector<std::string_view> entries;
  for (const std::int32_t word : words) entries.push_back(entry(word));
  for (Index i = 0; i < labels(); ++i) entries.push_back(entry(words_ + i));
  return std::make_shared<Dictionary>(settings_, owner_, std::move(entries), static_cast<Index>(words.size()), tokens_, true,
                                      std::move(kept));
}

}  // namespace pyffnn::fasttext
