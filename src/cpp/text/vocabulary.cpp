#include "text/vocabulary.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace pyffnn::text {

namespace {
constexpr Index kTail = 16;
constexpr int kFirstBits = 10;
}  // namespace

Word make_word(std::string_view bytes, bool lower, char (&scratch)[16]) {
  const char* data = bytes.data();
  if (bytes.size() < 16) {
    std::memset(scratch, 0, 16);
    if (!bytes.empty()) std::memcpy(scratch, bytes.data(), bytes.size());
    data = scratch;
  }
  const Key key = lower ? word_key<true>(data, bytes.size()) : word_key<false>(data, bytes.size());
  return {key, data, static_cast<std::uint32_t>(bytes.size())};
}

void Vocabulary::rehash(int bits) {
  slots_ = Pages<Slot>();
  slots_.assign_zero(Index{1} << bits);
  shift_ = 64 - bits;
  mask_ = (Index{1} << bits) - 1;
  // In the order of the ids: frequent words come early, and who comes first gets his home slot.
  for (Index id = 0; id < keys_.size(); ++id) {
    const std::uint64_t h = hash(keys_[id]);
    Index at = static_cast<Index>(h >> shift_);
    while (slots_[at].id != 0) at = (at + 1) & mask_;
    slots_[at] = {static_cast<std::uint32_t>(h), static_cast<std::uint32_t>(id) + 1};
  }
}

void Vocabulary::reserve(Index words) {
  int bits = slots_.empty() ? kFirstBits : 64 - shift_;
  while (words > (Index{5} << bits) / 8) ++bits;
  if (slots_.empty() || bits > 64 - shift_) rehash(bits);
}

bool Vocabulary::equal_long(std::uint32_t id, const Word& word) const {
  const char* const stored = bytes_.data() + starts_[id];
  if (!lower_) return std::memcmp(stored, word.data, word.size) == 0;
  // Whole eights, then the last eight.
  std::uint64_t differ = 0;
  for (std::size_t i = 0; i + 8 < word.size; i += 8) differ |= load_word(stored + i) ^ lower_word(load_word(word.data + i));
  const std::size_t last = word.size - 8;
  return (differ | (load_word(stored + last) ^ lower_word(load_word(word.data + last)))) == 0;
}

std::int32_t Vocabulary::append(const Word& word) {
  const Index id = size();
  if (id >= std::numeric_limits<std::int32_t>::max() - 1) throw std::length_error("more than 2^31 - 2 different words");
  if (starts_.empty()) starts_.push_back(0);
  const Index start = starts_.back();
  bytes_.resize(start + word.size + kTail);
  char* const to = bytes_.data() + start;
  if (word.size < 16)
    std::memcpy(to, word.data, 16);  // the next word overwrites what is not this one's
  else
    std::memcpy(to, word.data, word.size);
  if (lower_) {
    for (std::uint32_t i = 0; i < word.size; ++i)
      if (to[i] >= 'A' && to[i] <= 'Z') to[i] = static_cast<char>(to[i] + 32);
  }
  starts_.push_back(start + word.size);
  keys_.push_back(word.key);
  counts_.push_back(1);
  return static_cast<std::int32_t>(id);
}

std::int32_t Vocabulary::find_or_add(const Word& word, std::uint64_t hash) {
  for (Index at = static_cast<Index>(hash >> shift_);; at = (at + 1) & mask_) {
    Slot& slot = slots_[at];
    if (slot.id == 0) {
      const std::int32_t id = append(word);
      slot = {static_cast<std::uint32_t>(hash), static_cast<std::uint32_t>(id) + 1};
      return id;
    }
    if (slot.tag == static_cast<std::uint32_t>(hash) && holds(slot.id - 1, word)) {
      ++counts_[slot.id - 1];
      return static_cast<std::int32_t>(slot.id - 1);
    }
  }
}

std::int32_t Vocabulary::find_slowly(const Word& word, std::uint64_t hash) const {
  for (Index at = static_cast<Index>(hash >> shift_);; at = (at + 1) & mask_) {
    const Slot slot = slots_[at];
    if (slot.id == 0) return -1;
    if (slot.tag == static_cast<std::uint32_t>(hash) && slot.id != kForgotten && holds(slot.id - 1, word))
      return static_cast<std::int32_t>(slot.id - 1);
  }
}

void Vocabulary::intern(const Word* words, int n, std::int32_t* ids) {
  reserve(size() + n);
  std::uint64_t hashes[kGroup];
  const Slot* const slots = slots_.data();
  const int shift = shift_;
  for (int i = 0; i < n; ++i) {
    hashes[i] = hash(words[i].key);
    __builtin_prefetch(&slots[hashes[i] >> shift], 1);
  }
  const Key* keys = keys_.data();
  std::int64_t* counts = counts_.data();
  for (int i = 0; i < n; ++i) {
    const Key key = words[i].key;
    const Slot slot = slots[hashes[i] >> shift];
    if (slot.id != 0 && slot.tag == static_cast<std::uint32_t>(hashes[i])) {
      const std::uint32_t id = slot.id - 1;
      if (keys[id].lo == key.lo && keys[id].hi == key.hi && !is_long(key)) {
        ids[i] = static_cast<std::int32_t>(id);
        ++counts[id];
        continue;
      }
    }
    ids[i] = find_or_add(words[i], hashes[i]);
    keys = keys_.data();
    counts = counts_.data();
  }
}

void Vocabulary::find(const Word* words, int n, std::int32_t* ids) const {
  if (slots_.empty()) {
    std::fill(ids, ids + n, -1);
    return;
  }
  std::uint64_t hashes[kGroup];
  for (int i = 0; i < n; ++i) {
    hashes[i] = hash(words[i].key);
    __builtin_prefetch(&slots_[static_cast<Index>(hashes[i] >> shift_)]);
  }
  for (int i = 0; i < n; ++i) {
    const Key key = words[i].key;
    const Slot slot = slots_[static_cast<Index>(hashes[i] >> shift_)];
    if (slot.id != 0 && slot.id != kForgotten && slot.tag == static_cast<std::uint32_t>(hashes[i])) {
      const std::uint32_t id = slot.id - 1;
      if (keys_[id].lo == key.lo && keys_[id].hi == key.hi && !is_long(key)) {
        ids[i] = static_cast<std::int32_t>(id);
        continue;
      }
    }
    ids[i] = find_slowly(words[i], hashes[i]);
  }
}

std::int32_t Vocabulary::intern(std::string_view bytes) {
  char scratch[16];
  const Word word = make_word(bytes, lower_, scratch);
  std::int32_t id;
  intern(&word, 1, &id);
  return id;
}

std::int32_t Vocabulary::find(std::string_view bytes) const {
  char scratch[16];
  const Word word = make_word(bytes, lower_, scratch);
  std::int32_t id;
  find(&word, 1, &id);
  return id;
}

Vocabulary::Ranking Vocabulary::rank(const std::vector<std::int64_t>& counts, std::int64_t min_count, bool want_forgotten) {
  const std::size_t n = counts.size();
  // Counting sort, for nearly all words are rare; the few frequent ones (bucket 0) are sorted.
  constexpr std::int64_t kRare = 1024;
  const auto bucket = [&counts](std::size_t id) { return static_cast<std::size_t>(counts[id] >= kRare ? 0 : kRare - counts[id]); };
  std::vector<std::size_t> ends(kRare + 2, 0);
  for (std::size_t id = 0; id < n; ++id) ++ends[bucket(id) + 1];
  for (std::size_t b = 1; b < ends.size(); ++b) ends[b] += ends[b - 1];
  std::vector<std::uint32_t> order(n);
  for (std::size_t id = 0; id < n; ++id) order[ends[bucket(id)]++] = static_cast<std::uint32_t>(id);
  std::stable_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(ends[0]),
                   [&counts](std::uint32_t a, std::uint32_t b) { return counts[a] > counts[b]; });

  Ranking ranking;
  ranking.number.resize(n);
  ranking.counts.resize(n);
  Pages<char> bytes;
  Pages<std::int64_t> starts;
  Pages<Key> keys;
  bytes.reserve(bytes_.size() + kTail);
  starts.reserve(static_cast<Index>(n) + 1);
  keys.reserve(static_cast<Index>(n));
  starts.push_back(0);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t id = order[i];
    ranking.number[id] = static_cast<std::int32_t>(i);
    ranking.counts[i] = counts[id];
    if (counts[id] >= min_count) {
      const Index start = bytes.size(), size = starts_[id + 1] - starts_[id];
      bytes.extend(size);
      // Sixteen bytes at once: few words are longer, and what is too much the next one overwrites.
      std::memcpy(bytes.data() + start, bytes_.data() + starts_[id], 16);
      if (size > 16) std::memcpy(bytes.data() + start, bytes_.data() + starts_[id], static_cast<std::size_t>(size));
      starts.push_back(bytes.size());
      keys.push_back(keys_[id]);
    } else if (want_forgotten) {
      ranking.forgotten.emplace_back(word(id));
    }
  }
  std::memset(bytes.extend(kTail), 0, kTail);
  bytes_ = std::move(bytes);
  starts_ = std::move(starts);
  keys_ = std::move(keys);
  counts_ = Pages<std::int64_t>();

  const auto kept = static_cast<std::int32_t>(size());
  for (Slot& slot : slots_) {
    if (slot.id == 0) continue;
    const std::int32_t number = ranking.number[slot.id - 1];
    slot.id = number < kept ? static_cast<std::uint32_t>(number) + 1 : kForgotten;
  }
  return ranking;
}

}  // namespace pyffnn::text
