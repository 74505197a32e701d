#include "text/term_table.h"

#include <algorithm>
#include <cstring>

#include "text/hash.h"

namespace pyffnn::text {

std::uint64_t TermTable::hash_of(std::string_view term) {
  const char* p = term.data();
  std::size_t n = term.size();
  std::uint64_t h = static_cast<std::uint64_t>(n) * kHashA;
  for (; n >= 8; p += 8, n -= 8) h = fold(load_word(p) ^ h, kHashB);
  char rest[8] = {};
  std::memcpy(rest, p, n);
  return fold(load_word(rest) ^ h ^ kHashC, kHashB);
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
    if (slot.number < 0 || (slot.check == check && term(slot.number) == term_)) return at;
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
