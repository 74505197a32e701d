#include "text/word_grams.h"

#include <cstring>
#include <limits>
#include <stdexcept>

namespace pyffnn::text {
namespace {

std::uint32_t prefix_of(std::uint64_t key) { return static_cast<std::uint32_t>(key >> 32); }
std::uint32_t word_of(std::uint64_t key) { return static_cast<std::uint32_t>(key); }

// `numbers` in the order of place(number), below `places`; where it is the same, as they are.
template <class F>
TermNumbers ordered(const TermNumbers& numbers, Index places, F place) {
  Pages<Index> starts;
  starts.assign_zero(places + 1);
  for (const std::uint32_t i : numbers) ++starts[place(i) + 1];
  for (Index k = 0; k < places; ++k) starts[k + 1] += starts[k];
  TermNumbers order;
  order.resize(numbers.size());
  for (const std::uint32_t i : numbers) order[starts[place(i)]++] = i;
  return order;
}

}  // namespace

void number_grams(PairTable& table, const TermNumbers& words, const TermNumbers& prefixes, const Pages<Index>& ends, Index n,
                  TermNumbers& grams) {
  constexpr Index kAhead = 16;  // a slot is fetched so many n-grams before it is read
  std::uint64_t coming[kAhead];
  grams.resize(words.size());
  Index begin = 0;
  for (const Index end : ends) {
    const Index count = end - begin - (n - 1);
    for (Index i = 0; count > 0 && i < count + kAhead; ++i) {
      if (i >= kAhead) grams[begin + i - kAhead] = static_cast<std::uint32_t>(table.intern(coming[i % kAhead]));
      if (i >= count) continue;
      const std::uint64_t x = table.permute(prefixes[begin + i], words[begin + i + n - 1]);
      table.prefetch(x);
      coming[i % kAhead] = x;
    }
    begin = end;
  }
}

TermList in_order(const TermTable& words, const std::vector<GramLevel>& levels, Index least, std::vector<TermNumbers>& places) {
  Index count = least == 1 ? words.size() : 0;
  for (std::size_t k = 0; k < levels.size(); ++k) count += static_cast<Index>(k) + 2 >= least ? levels[k].size() : 0;
  if (count > std::numeric_limits<std::int32_t>::max()) throw std::length_error("more than 2^31 - 1 different terms");
  // TermNumbers of each length in the order of their texts.
  std::vector<TermNumbers> orders(levels.size() + 1);
  const std::vector<std::uint32_t> of_words = words.in_order();
  orders[0].append(of_words.data(), words.size());
  TermNumbers rank, word_rank;
  word_rank.resize(words.size());
  for (Index i = 0; i < words.size(); ++i) word_rank[orders[0][i]] = static_cast<std::uint32_t>(i);
  for (std::size_t k = 1; k < orders.size(); ++k) {
    const GramLevel& level = levels[k - 1];
    TermNumbers any;
    any.resize(level.size());
    for (Index i = 0; i < level.size(); ++i) any[i] = static_cast<std::uint32_t>(i);
    const TermNumbers& before = k == 1 ? word_rank : rank;
    orders[k] = ordered(ordered(any, words.size(), [&](std::uint32_t i) { return Index{word_rank[word_of(level.keys[i])]}; }),
                        level.prefixes, [&](std::uint32_t i) { return Index{before[prefix_of(level.keys[i])]}; });
    TermNumbers next;
    next.resize(level.size());
    for (Index i = 0; i < level.size(); ++i) next[orders[k][i]] = static_cast<std::uint32_t>(i);
    rank = std::move(next);
  }
  // An n-gram stands before all that begin with it, and these stand together: how many they are says where the next one stands.
  std::vector<TermNumbers> sizes(orders.size());
  for (std::size_t k = orders.size(); k-- > 0;) {
    const std::uint32_t own = static_cast<Index>(k) + 1 >= least;
    sizes[k].assign(orders[k].size(), own);
    if (k + 1 < orders.size())
      for (Index i = 0; i < orders[k + 1].size(); ++i) sizes[k][prefix_of(levels[k].keys[static_cast<std::size_t>(i)])] += sizes[k + 1][i];
  }
  places.clear();
  places.resize(orders.size());
  TermNumbers next;  // of each prefix: where the next n-gram that begins with it goes
  Index total = 0;
  for (std::size_t k = 0; k < orders.size(); ++k) {
    TermNumbers own_next;
    places[k].resize(orders[k].size());
    own_next.resize(orders[k].size());
    for (const std::uint32_t i : orders[k]) {
      std::uint32_t place;
      if (k == 0) {
        place = static_cast<std::uint32_t>(total);
        total += sizes[0][i];
      } else {
        std::uint32_t& at = next[prefix_of(levels[k - 1].keys[i])];
        place = at;
        at += sizes[k][i];
      }
      places[k][i] = place;
      own_next[i] = place + (static_cast<Index>(k) + 1 >= least);
    }
    next = std::move(own_next);
  }
  // Texts: their lengths, where they end, the words from the last one back.
  TermList all;
  all.ends.resize(static_cast<std::size_t>(total));
  std::vector<TermNumbers> lengths(orders.size());
  for (std::size_t k = 0; k < orders.size(); ++k) {
    lengths[k].resize(orders[k].size());
    for (Index i = 0; i < orders[k].size(); ++i) {
      const std::uint64_t key = k == 0 ? static_cast<std::uint64_t>(i) : levels[k - 1].keys[static_cast<std::size_t>(i)];
      const std::size_t before = k == 0 ? 0 : lengths[k - 1][prefix_of(key)] + std::size_t{1};
      lengths[k][i] = static_cast<std::uint32_t>(before + words.term(word_of(key)).size());
      if (static_cast<Index>(k) + 1 >= least) all.ends[places[k][i]] = lengths[k][i];
    }
  }
  std::size_t end = 0;
  for (std::size_t& e : all.ends) e = end += e;
  all.bytes.resize(end);
  for (std::size_t k = static_cast<std::size_t>(least - 1); k < orders.size(); ++k) {
    for (Index i = 0; i < orders[k].size(); ++i) {
      char* to = all.bytes.data() + all.ends[places[k][i]];
      std::uint32_t number = static_cast<std::uint32_t>(i);
      for (std::size_t level = k;; --level) {
        const std::uint64_t key = level == 0 ? number : levels[level - 1].keys[number];
        const std::string_view word = words.term(word_of(key));
        to -= word.size();
        std::memcpy(to, word.data(), word.size());
        if (level == 0) break;
        *--to = ' ';
        number = prefix_of(key);
      }
    }
  }
  return all;
}

}  // namespace pyffnn::text
