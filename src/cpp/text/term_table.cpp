#include "text/term_table.h"

#include <algorithm>
#include <cstring>

#include "text/hash.h"

namespace pyffnn::text {
namespace {

template <class T>
std::uint64_t loaded(const char* p) {
  T x;
  std::memcpy(&x, p, sizeof x);
  return x;
}

// The first n < 8 bytes as a number, of which each is read and none beyond.
std::uint64_t load_few(const char* p, std::size_t n) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  if (n >= 4) return loaded<std::uint32_t>(p) | loaded<std::uint32_t>(p + n - 4) << (8 * (n - 4));
  if (n >= 2) return loaded<std::uint16_t>(p) | loaded<std::uint16_t>(p + n - 2) << (8 * (n - 2));
  return n == 0 ? 0 : loaded<std::uint8_t>(p);
#else
  char rest[8] = {};
  std::memcpy(rest, p, n);
  return load_word(rest);
#endif
}

bool equal(std::string_view a, std::string_view b) {
  const std::size_t n = a.size();
  if (n != b.size()) return false;
  if (n < 8) return load_few(a.data(), n) == load_few(b.data(), n);
  for (std::size_t i = 0; i + 8 < n; i += 8)
    if (load_word(a.data() + i) != load_word(b.data() + i)) return false;
  return load_word(a.data() + n - 8) == load_word(b.data() + n - 8);
}

}  // namespace

std::uint64_t TermTable::hash_of(std::string_view term) {
  const char* p = term.data();
  std::size_t n = term.size();
  std::uint64_t h = static_cast<std::uint64_t>(n) * kHashA;
  for (; n >= 8; p += 8, n -= 8) h = fold(load_word(p) ^ h, kHashB);
  return fold(load_few(p, n) ^ h ^ kHashC, kHashB);
}

Index TermTable::add(std::string_view term, std::uint64_t hash) {
  std::size_t at = place(term, hash);
  if (slots_[at].number >= 0) return slots_[at].number;
  if ((ends_.size() + 1) * 2 > slots_.size()) {
    grow();
    at = place(term, hash);
  }
  const Index number = size();
  bytes_.insert(bytes_.end(), term.begin(), term.end());
  ends_.push_back(bytes_.size());
  slots_[at] = {static_cast<std::uint32_t>(hash >> 32), static_cast<std::int32_t>(number)};
  return number;
}

void TermTable::grow() {
  std::vector<Slot> old(slots_.empty() ? 64 : slots_.size() * 4);
  old.swap(slots_);
  const std::size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.number < 0) continue;
    std::size_t at = home(slot.check);
    while (slots_[at].number >= 0) at = (at + 1) & mask;
    slots_[at] = slot;
  }
}

std::size_t TermTable::place(std::string_view term_, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  const std::uint32_t check = static_cast<std::uint32_t>(hash >> 32);
  for (std::size_t at = home(check);; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.number < 0 || (slot.check == check && equal(term(slot.number), term_))) return at;
  }
}

std::vector<std::int32_t> TermTable::in_order() const {
  struct Key {
    std::uint64_t start;  // the term's first eight bytes as a number: most terms differ there, and no other memory is read
    std::int32_t number;
  };
  std::vector<Key> keys;
  keys.reserve(ends_.size());
  for (Index i = 0; i < size(); ++i) {
    const std::string_view t = term(i);
    std::uint64_t start = 0;
    for (std::size_t k = 0; k < 8; ++k) start = start << 8 | (k < t.size() ? static_cast<unsigned char>(t[k]) : 0u);
    keys.push_back({start, static_cast<std::int32_t>(i)});
  }
  std::sort(keys.begin(), keys.end(),
            [&](const Key& a, const Key& b) { return a.start != b.start ? a.start < b.start : term(a.number) < term(b.number); });
  std::vector<std::int32_t> order;
  order.reserve(keys.size());
  for (const Key& key : keys) order.push_back(key.number);
  return order;
}

}  // namespace pyffnn::text
