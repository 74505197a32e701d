#include "text/term_table.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>

namespace pyffnn::text {

TermTable::Sought TermTable::sought_exactly(std::string_view term) {
  char few[16] = {};
  Key key;
  if (term.size() > 15) {
    key = long_key<false>(term.data(), term.size());
  } else {
    if (!term.empty()) std::memcpy(few, term.data(), term.size());
    key = word_key<false>(few, term.size());
  }
  return {term, key, text::hash(key)};
}

Index TermTable::append(const Sought& term) {
  if (size() >= std::numeric_limits<std::int32_t>::max()) throw std::length_error("more than 2^31 - 1 different terms");
  if ((ends_.size() + 1) * 2 > slots_.size()) grow();
  const Index number = size();
  bytes_.insert(bytes_.end(), term.term.begin(), term.term.end());
  keys_.push_back(term.key);
  ends_.push_back(bytes_.size());
  slots_[place(term)] = {static_cast<std::uint32_t>(term.hash >> 32), static_cast<std::int32_t>(number)};
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

std::vector<std::uint32_t> TermTable::in_order() const {
  struct Start {
    std::uint64_t bytes;  // the term's first eight as a number: most terms differ there, and no other memory is read
    std::uint32_t number;
  };
  std::vector<Start> starts;
  starts.reserve(ends_.size());
  for (Index i = 0; i < size(); ++i) {
    const std::string_view t = term(i);
    char first[8] = {};
    if (!t.empty()) std::memcpy(first, t.data(), std::min<std::size_t>(t.size(), 8));
    starts.push_back({__builtin_bswap64(load_word(first)), static_cast<std::uint32_t>(i)});
  }
  std::sort(starts.begin(), starts.end(),
            [&](const Start& a, const Start& b) { return a.bytes != b.bytes ? a.bytes < b.bytes : term(a.number) < term(b.number); });
  std::vector<std::uint32_t> order;
  order.reserve(starts.size());
  for (const Start& start : starts) order.push_back(start.number);
  return order;
}

}  // namespace pyffnn::text
