#include "text/terms.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/thread_pool.h"

namespace pyffnn::text {
namespace {

// What one thread counted: entries of its documents as (number << 32 | count), in the order of coming.
struct Part {
  TermTable terms;
  std::vector<std::uint64_t> entries;
  std::vector<Index> ends;
  Index begin = 0;
};

// Counts of one document at a time, of terms by number.
class Counter {
 public:
  // To be called with rising `document`.
  void count(std::vector<std::uint64_t>& entries, Index document, Index number) {
    const std::size_t k = static_cast<std::size_t>(number);
    if (k >= seen_.size()) seen_.resize(k * 2 + 64, {-1, 0});
    Seen& s = seen_[k];
    if (s.document == document) {
      ++entries[s.at];
      return;
    }
    s = {document, entries.size()};
    entries.push_back(static_cast<std::uint64_t>(number) << 32 | 1);
  }

 private:
  struct Seen {
    Index document;
    std::size_t at;
  };
  std::vector<Seen> seen_;
};

// Terms of one document on their way to a table: a term's slot is fetched when it comes and read sixteen terms later.
class Ahead {
 public:
  template <class F>
  void put(const TermTable& table, std::string_view term, F take) {
    const std::uint64_t hash = TermTable::hash_of(term);
    table.prefetch(hash);
    Wanted& wanted = ring_[came_++ % kSize];
    if (came_ > kSize) take(wanted.term, wanted.hash);
    wanted = {term, hash};
  }
  // The rest, while the document is still there.
  template <class F>
  void empty(F take) {
    for (std::size_t i = came_ > kSize ? came_ - kSize : 0; i < came_; ++i) take(ring_[i % kSize].term, ring_[i % kSize].hash);
    came_ = 0;
  }

 private:
  static constexpr std::size_t kSize = 16;
  struct Wanted {
    std::string_view term;
    std::uint64_t hash = 0;
  };
  Wanted ring_[kSize];
  std::size_t came_ = 0;
};

int parts_for(const Characters* documents, Index n) {
  double size = 0;
  for (Index i = 0; i < n; ++i) size += static_cast<double>(documents[i].length + 64);
  return static_cast<int>(std::min<Index>(threads::threads_for(size * 20), std::max<Index>(n, 1)));
}

// work(part, begin, end) for each of the parts' documents.
template <class P, class F>
void in_parts(std::vector<P>& parts, Index n, F work) {
  const Index count = static_cast<Index>(parts.size());
  threads::parallel_for(count, static_cast<int>(count), [&](Index b, Index e) {
    for (Index k = b; k < e; ++k) work(parts[static_cast<std::size_t>(k)], n * k / count, n * (k + 1) / count);
  });
}

// The parts' entries as rows; columns[k][number] is the column of a part's term.
TermRows<std::int64_t> joined(std::vector<Part>& parts, Index n, const std::vector<std::vector<std::int32_t>>& columns, bool same) {
  TermRows<std::int64_t> rows;
  rows.indptr.reserve(static_cast<std::size_t>(n) + 1);
  rows.indptr.push_back(0);
  std::vector<Index> starts;
  Index total = 0;
  for (const Part& part : parts) {
    starts.push_back(total);
    for (const Index end : part.ends) rows.indptr.push_back(total + end);
    total += static_cast<Index>(part.entries.size());
  }
  rows.columns.resize(static_cast<std::size_t>(total));
  rows.values.resize(static_cast<std::size_t>(total));
  in_parts(parts, n, [&](Part& part, Index, Index) {
    const std::size_t k = static_cast<std::size_t>(&part - parts.data());
    const std::vector<std::int32_t>& column = columns[same ? 0 : k];
    for (std::uint64_t& e : part.entries)
      e = static_cast<std::uint64_t>(static_cast<std::uint32_t>(column[e >> 32])) << 32 | (e & 0xFFFFFFFFu);
    Index begin = 0;
    for (const Index end : part.ends) {
      std::sort(part.entries.begin() + begin, part.entries.begin() + end);
      begin = end;
    }
    std::size_t at = static_cast<std::size_t>(starts[k]);
    for (const std::uint64_t e : part.entries) {
      rows.columns[at] = static_cast<std::int32_t>(e >> 32);
      rows.values[at++] = static_cast<std::int64_t>(e & 0xFFFFFFFFu);
    }
    std::vector<std::uint64_t>().swap(part.entries);
  });
  return rows;
}

}  // namespace

TermRows<std::int64_t> count_terms(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop,
                                   std::vector<std::string>& vocabulary) {
  const TermCutter cut(options, stop);
  std::vector<Part> parts(static_cast<std::size_t>(parts_for(documents, n)));
  in_parts(parts, n, [&](Part& part, Index begin, Index end) {
    CutWords words;
    Counter counter;
    Ahead ahead;
    for (Index i = begin; i < end; ++i) {
      const auto take = [&](std::string_view term, std::uint64_t hash) { counter.count(part.entries, i, part.terms.add(term, hash)); };
      cut.each(documents[i], words, [&](std::string_view term) { ahead.put(part.terms, term, take); });
      ahead.empty(take);
      part.ends.push_back(static_cast<Index>(part.entries.size()));
    }
  });
  // One numbering for all parts, that of the first being its own; then the order of the bytes.
  TermTable all = std::move(parts.front().terms);
  std::vector<std::vector<std::int32_t>> columns(parts.size());
  columns.front().resize(static_cast<std::size_t>(all.size()));
  std::iota(columns.front().begin(), columns.front().end(), 0);
  for (std::size_t k = 1; k < parts.size(); ++k)
    for (Index i = 0; i < parts[k].terms.size(); ++i) columns[k].push_back(static_cast<std::int32_t>(all.add(parts[k].terms.term(i))));
  const std::vector<std::int32_t> order = all.in_order();
  std::vector<std::int32_t> rank(order.size());
  vocabulary.clear();
  for (std::size_t i = 0; i < order.size(); ++i) {
    rank[static_cast<std::size_t>(order[i])] = static_cast<std::int32_t>(i);
    vocabulary.emplace_back(all.term(order[i]));
  }
  for (auto& column : columns)
    for (std::int32_t& c : column) c = rank[static_cast<std::size_t>(c)];
  return joined(parts, n, columns, false);
}

TermRows<std::int64_t> count_known(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop,
                                   const TermTable& known, const std::vector<std::int32_t>& columns) {
  const TermCutter cut(options, stop);
  std::vector<Part> parts(static_cast<std::size_t>(parts_for(documents, n)));
  in_parts(parts, n, [&](Part& part, Index begin, Index end) {
    CutWords words;
    Counter counter;
    Ahead ahead;
    for (Index i = begin; i < end; ++i) {
      const auto take = [&](std::string_view term, std::uint64_t hash) {
        const Index number = known.find(term, hash);
        if (number >= 0) counter.count(part.entries, i, number);
      };
      cut.each(documents[i], words, [&](std::string_view term) { ahead.put(known, term, take); });
      ahead.empty(take);
      part.ends.push_back(static_cast<Index>(part.entries.size()));
    }
  });
  return joined(parts, n, {columns}, true);
}

TermRows<double> hash_terms(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop, Index n_features,
                            bool signs) {
  const TermCutter cut(options, stop);
  std::vector<TermRows<double>> parts(static_cast<std::size_t>(parts_for(documents, n)));
  const std::uint64_t width = static_cast<std::uint64_t>(n_features), low = width - 1;
  const bool power = (width & low) == 0;  // then no division is needed
  in_parts(parts, n, [&](TermRows<double>& part, Index begin, Index end) {
    CutWords words;
    std::vector<std::uint64_t> entries;
    for (Index i = begin; i < end; ++i) {
      entries.clear();
      cut.each(documents[i], words, [&](std::string_view term) {
        const std::uint32_t h = murmur3_32(term, 0);
        const bool negative = h >> 31 != 0;
        const std::uint64_t size = negative ? std::uint64_t{0x100000000u} - h : h;
        entries.push_back((power ? size & low : size % width) << 1 | static_cast<std::uint64_t>(negative && signs));
      });
      std::sort(entries.begin(), entries.end());
      for (std::size_t k = 0; k < entries.size();) {
        const std::uint64_t column = entries[k] >> 1;
        double value = 0;
        for (; k < entries.size() && entries[k] >> 1 == column; ++k) value += (entries[k] & 1) != 0 ? -1 : 1;
        part.columns.push_back(static_cast<std::int32_t>(column));
        part.values.push_back(value);
      }
      part.indptr.push_back(static_cast<Index>(part.columns.size()));
    }
  });
  TermRows<double> rows;
  if (parts.size() == 1) {
    rows = std::move(parts.front());
    rows.indptr.insert(rows.indptr.begin(), 0);
    return rows;
  }
  rows.indptr.push_back(0);
  for (const TermRows<double>& part : parts) {
    const Index start = static_cast<Index>(rows.columns.size());
    for (const Index end : part.indptr) rows.indptr.push_back(start + end);
    rows.columns.insert(rows.columns.end(), part.columns.begin(), part.columns.end());
    rows.values.insert(rows.values.end(), part.values.begin(), part.values.end());
  }
  return rows;
}

std::uint32_t murmur3_32(std::string_view bytes, std::uint32_t seed) {
  constexpr std::uint32_t c1 = 0xcc9e2d51u, c2 = 0x1b873593u;
  const auto rotated = [](std::uint32_t x, int r) { return x << r | x >> (32 - r); };
  const auto mixed = [&](std::uint32_t k) { return rotated(k * c1, 15) * c2; };
  const unsigned char* p = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t n = bytes.size();
  std::uint32_t h = seed;
  for (; n >= 4; p += 4, n -= 4) {
    const std::uint32_t k = static_cast<std::uint32_t>(p[0]) | static_cast<std::uint32_t>(p[1]) << 8 |
                            static_cast<std::uint32_t>(p[2]) << 16 | static_cast<std::uint32_t>(p[3]) << 24;
    h = rotated(h ^ mixed(k), 13) * 5 + 0xe6546b64u;
  }
  std::uint32_t rest = 0;
  for (std::size_t i = 0; i < n; ++i) rest |= static_cast<std::uint32_t>(p[i]) << (8 * i);
  if (n > 0) h ^= mixed(rest);
  h ^= static_cast<std::uint32_t>(bytes.size());
  h = (h ^ h >> 16) * 0x85ebca6bu;
  h = (h ^ h >> 13) * 0xc2b2ae35u;
  return h ^ h >> 16;
}

}  // namespace pyffnn::text
