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
  const Pages<Slot> old = std::move(slots_);
  slots_ = Pages<Slot>();
  slots_.assign_zero(Index{1} << bits);
  shift_ = 64 - bits;
  mask_ = (Index{1} << bits) - 1;
  // In the order of the ids: frequent words come early, and who comes first gets his home slot.
  std::vector<std::uint32_t> at_of(static_cast<std::size_t>(size()));
  for (Index i = 0; i < old.size(); ++i)
    if (old[i].key.hi != 0) at_of[old[i].id] = static_cast<std::uint32_t>(i);
  for (const std::uint32_t from : at_of) {
    const Slot& slot = old[from];
    Index at = home(slot.key);
    while (slots_[at].key.hi != 0) at = (at + 1) & mask_;
    slots_[at] = slot;
  }
}

void Vocabulary::reserve(Index words) {
  int bits = slots_.empty() ? kFirstBits : 64 - shift_;
  while (words > (Index{5} << bits) / 8) ++bits;
  if (slots_.empty() || bits > 64 - shift_) rehash(bits);
}

bool Vocabulary::equal_long(const Slot& slot, const Word& word) const {
  if (slot.id == kForgotten) return false;
  const char* const stored = bytes_.data() + slot.start;
  if (!lower_) return std::memcmp(stored, word.data, word.size) == 0;
  // Whole eights, then the last eight.
  std::uint64_t differ = 0;
  for (std::size_t i = 0; i + 8 < word.size; i += 8) differ |= load_word(stored + i) ^ lower_word(load_word(word.data + i));
  const std::size_t last = word.size - 8;
  return (differ | (load_word(stored + last) ^ lower_word(load_word(word.data + last)))) == 0;
}

std::int32_t Vocabulary::append(const Word& word) {
  const Index id = size();
  if (id >= std::numeric_limits<std::int32_t>::max()) throw std::length_error("more than 2^31 - 1 different words");
  if (starts_.empty()) starts_.push_back(0);
  const Index start = starts_.back();
  bytes_.resize(start + word.size + kTail);
  char* const to = bytes_.data() + start;
  std::memcpy(to, word.data, word.size);
  std::memset(to + word.size, 0, kTail);
  if (lower_) {
    for (std::uint32_t i = 0; i < word.size; ++i)
      if (to[i] >= 'A' && to[i] <= 'Z') to[i] = static_cast<char>(to[i] + 32);
  }
  starts_.push_back(start + word.size);
  return static_cast<std::int32_t>(id);
}

void Vocabulary::intern(const Word* words, int n, std::int32_t* ids) {
  reserve(used_ + n);
  Index homes[kGroup];
  for (int i = 0; i < n; ++i) {
    homes[i] = home(words[i].key);
    __builtin_prefetch(&slots_[homes[i]], 1);
  }
  for (int i = 0; i < n; ++i) {
    const Word& word = words[i];
    Index at = homes[i];
    for (;; at = (at + 1) & mask_) {
      Slot& slot = slots_[at];
      if (matches(slot, word)) {
        if (++slot.count == 0) carries_.emplace_back(slot.id, std::int64_t{1} << 32);
        ids[i] = static_cast<std::int32_t>(slot.id);
        break;
      }
      if (slot.key.hi == 0) {
        ids[i] = append(word);
        slot = {word.key, static_cast<std::uint32_t>(ids[i]), 1, starts_[ids[i]]};
        ++used_;
        break;
      }
    }
  }
}

void Vocabulary::find(const Word* words, int n, std::int32_t* ids) const {
  if (slots_.empty()) {
    std::fill(ids, ids + n, -1);
    return;
  }
  Index homes[kGroup];
  for (int i = 0; i < n; ++i) {
    homes[i] = home(words[i].key);
    __builtin_prefetch(&slots_[homes[i]]);
  }
  for (int i = 0; i < n; ++i) {
    const Word& word = words[i];
    for (Index at = homes[i];; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (matches(slot, word)) {
        ids[i] = static_cast<std::int32_t>(slot.id);  // kForgotten is -1
        break;
      }
      if (slot.key.hi == 0) {
        ids[i] = -1;
        break;
      }
    }
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

std::vector<std::int64_t> Vocabulary::counts() const {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(size()));
  for (const Slot& slot : slots_)
    if (slot.key.hi != 0 && slot.id != kForgotten) counts[slot.id] = slot.count;
  for (const auto& [id, carry] : carries_) counts[id] += carry;
  return counts;
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
  bytes.reserve(bytes_.size() + kTail);
  starts.reserve(static_cast<Index>(n) + 1);
  starts.push_back(0);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t id = order[i];
    ranking.number[id] = static_cast<std::int32_t>(i);
    ranking.counts[i] = counts[id];
    const std::string_view w = word(id);
    if (counts[id] >= min_count) {
      bytes.append(w.data(), static_cast<Index>(w.size()));
      starts.push_back(bytes.size());
    } else if (want_forgotten) {
      ranking.forgotten.emplace_back(w);
    }
  }
  std::memset(bytes.extend(kTail), 0, kTail);
  bytes_ = std::move(bytes);
  starts_ = std::move(starts);

  const Index kept = size();
  for (Slot& slot : slots_) {
    if (slot.key.hi == 0 || slot.id == kForgotten) continue;
    const std::int32_t number = ranking.number[slot.id];
    slot.id = number < kept ? static_cast<std::uint32_t>(number) : kForgotten;
    if (number < kept) slot.start = starts_[number];
  }
  carries_.clear();
  return ranking;
}

}  // namespace pyffnn::text
