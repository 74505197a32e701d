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

void Vocabulary::Store::rehash(int bits) {
  slots = Pages<Slot>();
  slots.assign_zero(Index{1} << bits);
  shift = 64 - bits;
  mask = (Index{1} << bits) - 1;
  // In the order of the ids: frequent words come early, and who comes first gets his home slot.
  for (Index id = 0; id < keys.size(); ++id) {
    const std::uint64_t h = hash(keys[id]);
    Index at = static_cast<Index>(h >> shift);
    while (slots[at] != 0) at = (at + 1) & mask;
    slots[at] = make_slot(h, static_cast<std::uint32_t>(id));
  }
}

void Vocabulary::reserve(Index words) {
  if (!store_) store_ = std::make_shared<Store>();
  Store& s = *store_;
  int bits = s.slots.empty() ? kFirstBits : 64 - s.shift;
  while (words > (Index{5} << bits) / 8) ++bits;
  if (s.slots.empty() || bits > 64 - s.shift) s.rehash(bits);
}

// This version's words in memory of their own, with room for so many in all.
std::shared_ptr<Vocabulary::Store> Vocabulary::copy(Index words, Index bytes) const {
  auto fresh = std::make_shared<Store>();
  Store& s = *fresh;
  s.keys.reserve(words);
  s.starts.reserve(words + 1);
  s.bytes.reserve(bytes + kTail);
  if (size_ > 0) {
    s.keys.append(store_->keys.data(), size_);
    s.starts.append(store_->starts.data(), size_ + 1);
    s.bytes.append(store_->bytes.data(), this->bytes());
    std::memset(s.bytes.extend(kTail), 0, kTail);
  }
  int bits = kFirstBits;
  while (words > (Index{5} << bits) / 8) ++bits;
  s.rehash(bits);
  return fresh;
}

Vocabulary Vocabulary::next() const {
  Vocabulary v(lower_);
  v.counting_ = false;
  v.size_ = size_;
  if (size_ == 0) return v;
  if (pen_.take()) {
    v.store_ = store_;
    v.shared_ = true;
  } else {
    v.store_ = copy(2 * size_, 2 * bytes());
  }
  return v;
}

// Room for the words, in memory that may be written.
void Vocabulary::prepare(const Word* words, int n) {
  if (!shared_) return reserve(size_ + n);
  Index bytes = this->bytes() + kTail;
  for (int i = 0; i < n; ++i) bytes += words[i].size;
  const Store& s = *store_;
  if (size_ + n <= (Index{5} << (64 - s.shift)) / 8 && size_ + n <= s.keys.capacity() && size_ + n + 1 <= s.starts.capacity() &&
      bytes <= s.bytes.capacity())
    return;
  store_ = copy(2 * (size_ + n), 2 * bytes);
  shared_ = false;
}

bool Vocabulary::equal_long(std::uint32_t id, const Word& word) const {
  const char* const stored = store_->bytes.data() + store_->starts[id];
  if (!lower_) return std::memcmp(stored, word.data, word.size) == 0;
  // Whole eights, then the last eight.
  std::uint64_t differ = 0;
  for (std::size_t i = 0; i + 8 < word.size; i += 8) differ |= load_word(stored + i) ^ lower_word(load_word(word.data + i));
  const std::size_t last = word.size - 8;
  return (differ | (load_word(stored + last) ^ lower_word(load_word(word.data + last)))) == 0;
}

void Vocabulary::append(const Word& word) {
  if (size_ >= std::numeric_limits<std::int32_t>::max() - 1) throw std::length_error("more than 2^31 - 2 different words");
  Store& s = *store_;
  if (s.starts.empty()) s.starts.push_back(0);
  const Index start = s.starts.back();
  s.bytes.resize(start + word.size + kTail);
  char* const to = s.bytes.data() + start;
  if (word.size < 16)
    std::memcpy(to, word.data, 16);  // the next word overwrites what is not this one's
  else
    std::memcpy(to, word.data, word.size);
  if (lower_) {
    for (std::uint32_t i = 0; i < word.size; ++i)
      if (to[i] >= 'A' && to[i] <= 'Z') to[i] = static_cast<char>(to[i] + 32);
  }
  s.starts.push_back(start + word.size);
  s.keys.push_back(word.key);
  if (counting_) counts_.push_back(1);
  ++size_;
}

std::int32_t Vocabulary::find_or_add(const Word& word, std::uint64_t hash) {
  Store& s = *store_;
  const auto size = static_cast<std::uint32_t>(size_);
  for (Index at = static_cast<Index>(hash >> s.shift);; at = (at + 1) & s.mask) {
    const Slot slot = s.slots[at];
    if (slot == 0) {
      append(word);
      __atomic_store_n(&s.slots[at], make_slot(hash, size), __ATOMIC_RELAXED);
      return static_cast<std::int32_t>(size);
    }
    const std::uint32_t id = id_of(slot);
    if (tag_of(slot) == static_cast<std::uint32_t>(hash) && id < size && holds(id, word)) {
      if (counting_) ++counts_[id];
      return static_cast<std::int32_t>(id);
    }
  }
}

std::int32_t Vocabulary::find_slowly(const Word& word, std::uint64_t hash) const {
  const Store& s = *store_;
  for (Index at = static_cast<Index>(hash >> s.shift);; at = (at + 1) & s.mask) {
    const Slot slot = load(&s.slots[at]);
    if (slot == 0) return -1;
    const std::uint32_t id = id_of(slot);
    if (tag_of(slot) == static_cast<std::uint32_t>(hash) && id < static_cast<std::uint32_t>(size_) && holds(id, word))
      return static_cast<std::int32_t>(id);
  }
}

void Vocabulary::intern(const Word* words, int n, std::int32_t* ids) {
  prepare(words, n);
  std::uint64_t hashes[kGroup];
  const Slot* const slots = store_->slots.data();
  const int shift = store_->shift;
  for (int i = 0; i < n; ++i) {
    hashes[i] = hash(words[i].key);
    __builtin_prefetch(&slots[hashes[i] >> shift], 1);
  }
  const bool counting = counting_;
  const Key* keys = store_->keys.data();
  std::int64_t* counts = counts_.data();
  auto size = static_cast<std::uint32_t>(size_);
  for (int i = 0; i < n; ++i) {
    const Key key = words[i].key;
    const Slot slot = slots[hashes[i] >> shift];
    const std::uint32_t id = id_of(slot);
    if (id < size && tag_of(slot) == static_cast<std::uint32_t>(hashes[i]) && keys[id].lo == key.lo && keys[id].hi == key.hi &&
        !is_long(key)) {
      ids[i] = static_cast<std::int32_t>(id);
      if (counting) ++counts[id];
      continue;
    }
    ids[i] = find_or_add(words[i], hashes[i]);
    keys = store_->keys.data();
    counts = counts_.data();
    size = static_cast<std::uint32_t>(size_);
  }
}

void Vocabulary::find(const Word* words, int n, std::int32_t* ids) const {
  if (size_ == 0) {
    std::fill(ids, ids + n, -1);
    return;
  }
  std::uint64_t hashes[kGroup];
  const Slot* const slots = store_->slots.data();
  const int shift = store_->shift;
  for (int i = 0; i < n; ++i) {
    hashes[i] = hash(words[i].key);
    __builtin_prefetch(&slots[hashes[i] >> shift]);
  }
  const Key* const keys = store_->keys.data();
  const auto size = static_cast<std::uint32_t>(size_);
  for (int i = 0; i < n; ++i) {
    const Key key = words[i].key;
    const Slot slot = load(&slots[hashes[i] >> shift]);
    const std::uint32_t id = id_of(slot);
    if (id < size && tag_of(slot) == static_cast<std::uint32_t>(hashes[i]) && keys[id].lo == key.lo && keys[id].hi == key.hi &&
        !is_long(key))
      ids[i] = static_cast<std::int32_t>(id);
    else
      ids[i] = find_slowly(words[i], hashes[i]);
  }
}

std::vector<std::int64_t> Vocabulary::counts() const { return {counts_.begin(), counts_.end()}; }

void Vocabulary::stop_counting() {
  counts_ = Pages<std::int64_t>();
  counting_ = false;
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
  stop_counting();
  if (!store_) return ranking;
  const Store& old = *store_;
  Pages<char> bytes;
  Pages<std::int64_t> starts;
  Pages<Key> keys;
  // Room for later versions; what is not touched costs nothing.
  bytes.reserve(old.bytes.size() + old.bytes.size() / 4 + kTail);
  starts.reserve(static_cast<Index>(n + n / 4) + 1);
  keys.reserve(static_cast<Index>(n + n / 4));
  starts.push_back(0);
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint32_t id = order[i];
    ranking.number[id] = static_cast<std::int32_t>(i);
    ranking.counts[i] = counts[id];
    if (counts[id] >= min_count) {
      const Index start = bytes.size(), size = old.starts[id + 1] - old.starts[id];
      bytes.extend(size);
      // Sixteen bytes at once: few words are longer, and what is too much the next one overwrites.
      std::memcpy(bytes.data() + start, old.bytes.data() + old.starts[id], 16);
      if (size > 16) std::memcpy(bytes.data() + start, old.bytes.data() + old.starts[id], static_cast<std::size_t>(size));
      starts.push_back(bytes.size());
      keys.push_back(old.keys[id]);
    } else if (want_forgotten) {
      ranking.forgotten.emplace_back(word(id));
    }
  }
  std::memset(bytes.extend(kTail), 0, kTail);
  store_->bytes = std::move(bytes);
  store_->starts = std::move(starts);
  store_->keys = std::move(keys);
  size_ = store_->keys.size();

  const auto kept = static_cast<std::int32_t>(size_);
  for (Slot& slot : store_->slots) {
    if (slot == 0) continue;
    const std::int32_t number = ranking.number[id_of(slot)];
    slot = make_slot(tag_of(slot), number < kept ? static_cast<std::uint32_t>(number) : kForgotten);
  }
  return ranking;
}

}  // namespace pyffnn::text
