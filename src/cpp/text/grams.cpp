#include "text/grams.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace pyffnn::text {

namespace {

// Calls f(position, prefix, word) for each position where an n-gram can end: the prefix that ends one word earlier has a number below
// `prefixes` and the word is known. Positions where none can end get -1 in `ends`.
template <class F>
void for_pairs(const IdBags& bags, const std::int32_t* prefix_at, std::uint32_t prefixes, std::int32_t* ends, Interrupt& interrupt, F&& f) {
  const auto words = static_cast<std::uint32_t>(bags.num_words);
  SlowPoll slow(interrupt, 1 << 16);
  for (Index d = 0; d < bags.documents; ++d) {
    Index i = bags.offsets[d];
    const Index end = bags.offsets[d + 1];
    if (i == end) continue;
    slow.step(end - i);
    ends[i] = -1;
    for (++i; i < end; ++i) {
      const auto prefix = static_cast<std::uint32_t>(prefix_at[i - 1]);
      const auto word = static_cast<std::uint32_t>(bags.ids[i]);
      ends[i] = -1;
      if (prefix < prefixes && word < words) f(i, prefix, word);
    }
  }
}

// Pairs with their positions that go to a table together, their memory asked for ahead. In one burst: the processor has all of a group's
// misses on their way at once, and nothing was gained by taking them out a group later.
class Group {
 public:
  // `keep` is no branch: whether a pair is wanted cannot be predicted.
  template <class F>
  void put(std::uint64_t pair, Index at, bool keep, F&& take) {
    pairs_[n_] = pair;
    at_[n_] = at;
    n_ += keep;
    if (n_ == kSize) empty(take);
  }
  template <class F>
  void empty(F&& take) {
    for (int i = 0; i < n_; ++i) take(pairs_[i], at_[i]);
    n_ = 0;
  }

 private:
  static constexpr int kSize = 32;
  std::uint64_t pairs_[kSize];
  Index at_[kSize];
  int n_ = 0;
};

// Two bits a cell, saturating: has a pair that falls here been seen once, more than once? Keeps the many pairs that occur once out of the
// table.
class SeenTwice {
 public:
  SeenTwice(int key_bits, Index expected) {
    int bits = 10;
    while ((Index{1} << bits) < 2 * expected && bits < 34) ++bits;
    bits = std::min(bits, key_bits);
    shift_ = key_bits - bits;
    cells_.assign_zero((Index{1} << bits) / 4 + 1);
  }
  void prefetch(std::uint64_t x) const { __builtin_prefetch(&cells_[static_cast<Index>(x >> shift_ >> 2)], 1); }
  void add(std::uint64_t x) {
    const std::uint64_t cell = x >> shift_;
    const unsigned at = cell % 4 * 2;
    std::uint8_t& four = cells_[static_cast<Index>(cell / 4)];
    four = static_cast<std::uint8_t>(four | ((four >> at << 1 | 1) & 3) << at);
  }
  bool twice(std::uint64_t x) const {
    const std::uint64_t cell = x >> shift_;
    return (cells_[static_cast<Index>(cell / 4)] >> (cell % 4 * 2) & 2) != 0;
  }

 private:
  int shift_;
  Pages<std::uint8_t> cells_;
};

// Puts the pairs that occur min_count times or more, and some others, into the table, their numbers to `here`; gives the numbers of those
// kept, -1 for others. Counts end at min_count, so they are small: which one is next is as good as random.
template <class Count, class Pairs>
std::vector<std::int32_t> choose(PairTable& table, const Pairs& pairs, Index tokens, std::int64_t min_count, std::int32_t* here,
                                 std::int32_t& kept) {
  SeenTwice seen(table.key_bits(), tokens);
  const auto ask = [&](Group& group, const auto& take) {
    pairs([&](Index at, std::uint32_t prefix, std::uint32_t word) {
      const std::uint64_t x = table.permute(prefix, word);
      seen.prefetch(x);
      group.put(x, at, true, take);
    });
    group.empty(take);
  };
  if (min_count > 1) {
    Group noted;
    ask(noted, [&seen](std::uint64_t x, Index) { seen.add(x); });
  }

  Pages<Count> counts;
  const auto most = static_cast<Count>(std::max<std::int64_t>(min_count, 1));
  const auto insert = [&](std::uint64_t x, Index at) {
    if (table.size() == counts.size()) {
      const Index more = std::max<Index>(counts.size(), 4096);
      std::memset(static_cast<void*>(counts.extend(more)), 0, static_cast<std::size_t>(more) * sizeof(Count));
    }
    const std::int32_t number = table.intern(x);
    Count& count = counts[number];
    count = static_cast<Count>(count + (count < most));
    here[at] = number;
  };
  Group asked, wanted;
  ask(asked, [&](std::uint64_t x, Index at) {
    table.prefetch(x);
    wanted.put(x, at, min_count <= 1 || seen.twice(x), insert);
  });
  wanted.empty(insert);

  std::vector<std::int32_t> number(static_cast<std::size_t>(table.size()) + 1, -1);
  kept = 0;
  for (Index v = 0; v < table.size(); ++v)
    if (counts[v] >= most) number[static_cast<std::size_t>(v) + 1] = kept++;
  return number;
}

}  // namespace

void ExactGrams::fit(const IdBags& corpus, int max_order, std::int64_t min_count, std::vector<Pages<std::int32_t>>& ends,
                     Interrupt& interrupt) {
  orders_.clear();
  ends.clear();
  const Index tokens = corpus.offsets[corpus.documents] - corpus.offsets[0];
  const std::int32_t* prefix_at = corpus.ids;
  Index prefixes = corpus.num_words;
  for (int order = 2; order <= max_order; ++order) {
    ends.emplace_back();
    Pages<std::int32_t>& here = ends.back();
    here.resize(corpus.offsets[corpus.documents]);
    const auto pairs = [&](auto&& f) { for_pairs(corpus, prefix_at, static_cast<std::uint32_t>(prefixes), here.data(), interrupt, f); };
    PairTable table(prefixes, corpus.num_words, tokens / 8);
    std::int32_t kept = 0;
    // The numbers of the pairs that occur often enough close up.
    const std::vector<std::int32_t> number = min_count <= UINT8_MAX
                                                 ? choose<std::uint8_t>(table, pairs, tokens, min_count, here.data(), kept)
                                                 : choose<std::int64_t>(table, pairs, tokens, min_count, here.data(), kept);
    for (std::int32_t& end : here) end = number[static_cast<std::size_t>(end + 1)];
    table.keep(number.data() + 1, kept);
    orders_.push_back(std::move(table));
    prefix_at = here.data();
    prefixes = kept;
    interrupt.poll();
  }
}

void ExactGrams::find(const IdBags& bags, std::vector<Pages<std::int32_t>>& ends, Interrupt& interrupt) const {
  ends.resize(orders_.size());
  const std::int32_t* prefix_at = bags.ids;
  Index prefixes = bags.num_words;
  for (std::size_t o = 0; o < orders_.size(); ++o) {
    const PairTable& table = orders_[o];
    ends[o].clear();
    ends[o].resize(bags.offsets[bags.documents]);
    std::int32_t* const here = ends[o].data();
    if (table.size() > 0) {
      Group group;
      const auto look = [&](std::uint64_t x, Index at) { here[at] = table.find(x); };
      for_pairs(bags, prefix_at, static_cast<std::uint32_t>(prefixes), here, interrupt,
                [&](Index at, std::uint32_t prefix, std::uint32_t word) {
                  const std::uint64_t x = table.permute(prefix, word);
                  table.prefetch(x);
                  group.put(x, at, true, look);
                });
      group.empty(look);
    } else {
      std::fill(ends[o].begin(), ends[o].end(), -1);
    }
    prefix_at = here;
    prefixes = table.size();
  }
}

std::vector<std::int64_t> ExactGrams::sizes() const {
  std::vector<std::int64_t> sizes;
  for (const PairTable& order : orders_) sizes.push_back(order.size());
  return sizes;
}

std::vector<std::uint64_t> ExactGrams::keys() const {
  Index count = 0;
  for (const PairTable& order : orders_) count += order.size();
  std::vector<std::uint64_t> keys(static_cast<std::size_t>(count));
  std::uint64_t* at = keys.data();
  for (const PairTable& order : orders_) {
    order.keys(at);
    at += order.size();
  }
  return keys;
}

void ExactGrams::restore(const std::vector<std::int64_t>& sizes, const std::vector<std::uint64_t>& keys, Index num_words,
                         Interrupt& interrupt) {
  orders_.clear();
  const auto count = static_cast<Index>(keys.size());
  Index prefixes = num_words, at = 0;
  SlowPoll slow(interrupt, 1 << 14);
  for (const std::int64_t size : sizes) {
    if (size < 0 || size > count - at) throw std::invalid_argument("the n-gram table is damaged: its sizes and keys differ");
    PairTable table(prefixes, num_words, size);
    for (Index i = 0; i < size; ++i) {
      slow.step();
      const std::uint64_t key = keys[static_cast<std::size_t>(at + i)];
      const auto prefix = static_cast<std::uint32_t>(key >> 32), word = static_cast<std::uint32_t>(key);
      if (prefix >= prefixes || word >= num_words || table.intern(table.permute(prefix, word)) != i)
        throw std::invalid_argument("the n-gram table is damaged: key " + std::to_string(at + i) + " is out of range or given twice");
    }
    orders_.push_back(std::move(table));
    prefixes = size;
    at += size;
  }
  if (at != count) throw std::invalid_argument("the n-gram table is damaged: its sizes and keys differ");
}

ExactGrams ExactGrams::extended(const ExactGrams& more, const std::vector<std::int32_t>& words, Index num_words) const {
  ExactGrams both;
  std::vector<std::int32_t> prefix_number = words;
  Index prefixes = num_words;
  for (std::size_t o = 0; o < orders_.size(); ++o) {
    const PairTable& other = more.orders_[o];
    std::vector<std::uint64_t> pairs(static_cast<std::size_t>(other.size()));
    other.keys(pairs.data());
    PairTable table = orders_[o].next(prefixes, num_words);
    std::vector<std::int32_t> number(pairs.size());
    for (std::size_t i = 0; i < pairs.size(); ++i) {
      const std::int32_t prefix = prefix_number[pairs[i] >> 32], word = words[pairs[i] & 0xFFFFFFFFu];
      number[i] = table.intern(table.permute(static_cast<std::uint32_t>(prefix), static_cast<std::uint32_t>(word)));
    }
    prefixes = table.size();
    both.orders_.push_back(std::move(table));
    prefix_number = std::move(number);
  }
  return both;
}

std::int32_t* hashed_grams(const std::int32_t* ids, Index n, Index num_words, int max_order, Index first_row, std::uint64_t buckets,
                           std::int32_t* out) {
  const auto words = static_cast<std::uint32_t>(num_words);
  const auto row = [first_row, buckets](std::uint64_t hash) {
    return static_cast<std::int32_t>(first_row + static_cast<Index>(reduce(hash, buckets)));
  };
  if (max_order == 2) {
    for (Index i = 1; i < n; ++i) {
      const auto a = static_cast<std::uint32_t>(ids[i - 1]), b = static_cast<std::uint32_t>(ids[i]);
      *out = row(gram_extend(gram_start(a), b));
      out += a < words && b < words;
    }
    return out;
  }
  for (Index i = 0; i < n; ++i) {
    if (static_cast<std::uint32_t>(ids[i]) >= words) continue;
    std::uint64_t chain = gram_start(static_cast<std::uint32_t>(ids[i]));
    const Index end = n - i < max_order ? n : i + max_order;
    for (Index j = i + 1; j < end; ++j) {
      if (static_cast<std::uint32_t>(ids[j]) >= words) break;
      chain = gram_extend(chain, static_cast<std::uint32_t>(ids[j]));
      *out++ = row(chain);
    }
  }
  return out;
}

}  // namespace pyffnn::text
