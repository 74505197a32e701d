#include "text/terms.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "core/thread_pool.h"
#include "text/hash.h"

namespace pyffnn::text {
namespace {

// Words of one document, one after another with a space between, or its characters without, in UTF-8.
struct Words {
  struct Span {
    std::size_t begin, end;
  };
  std::string bytes;
  std::vector<Span> spans;
  std::vector<std::size_t> runs;  // of characters: where each run of them ends

  void clear() {
    bytes.clear();
    spans.clear();
    runs.clear();
  }
  std::string_view between(std::size_t first, std::size_t last) const {
    return {bytes.data() + spans[first].begin, spans[last].end - spans[first].begin};
  }
};

void append_utf8(std::string& to, std::uint32_t c) {
  if (c < 0x80) {
    to.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    to.push_back(static_cast<char>(0xC0 | c >> 6));
    to.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    to.push_back(static_cast<char>(0xE0 | c >> 12));
    to.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    to.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    to.push_back(static_cast<char>(0xF0 | c >> 18));
    to.push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    to.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    to.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

// What an ASCII byte is in a word, 0 where it is in none; for other kinds of terms unused.
struct AsciiTable {
  char of[128];
  explicit AsciiTable(const TermOptions& options) {
    for (int c = 0; c < 128; ++c) {
      const bool word = (options.members[c >> 3] >> (c & 7) & 1) != 0;
      const bool upper = options.lowercase && c >= 'A' && c <= 'Z';
      of[c] = static_cast<char>(!word ? 0 : upper ? c + 32 : c);
    }
  }
};

class Cut {
 public:
  Cut(const TermOptions& options, const TermTable& stop) : options_(options), stop_(stop), ascii_(options) {}

  // f(term) for each term of the document.
  template <class F>
  void each(const Characters& document, Words& words, F f) const {
    words.clear();
    const bool lower = document.ascii && options_.lowercase;
    if (document.ascii && options_.kind == TermKind::word)
      cut_ascii(static_cast<const char*>(document.data), document.length, words);
    else if (document.width == 1)
      cut(static_cast<const std::uint8_t*>(document.data), document.length, lower, words);
    else if (document.width == 2)
      cut(static_cast<const std::uint16_t*>(document.data), document.length, lower, words);
    else
      cut(static_cast<const std::uint32_t*>(document.data), document.length, lower, words);
    if (options_.kind != TermKind::bounded) {
      grams(words, 0, words.spans.size(), f);
      return;
    }
    std::size_t begin = 0;
    for (const std::size_t end : words.runs) {
      grams(words, begin, end, f);
      // a run that is shorter than the longest term is one itself, if no term of its length was
      if (end - begin < static_cast<std::size_t>(options_.min_n)) f(words.between(begin, end - 1));
      begin = end;
    }
  }

 private:
  template <class F>
  void grams(const Words& words, std::size_t begin, std::size_t end, F f) const {
    const std::size_t most = std::min(static_cast<std::size_t>(options_.max_n), end - begin);
    for (std::size_t n = static_cast<std::size_t>(options_.min_n); n <= most; ++n)
      for (std::size_t i = begin; i + n <= end; ++i) f(words.between(i, i + n - 1));
  }

  template <class C>
  void cut(const C* p, Index length, bool lower, Words& words) const {
    if (options_.kind == TermKind::word)
      cut_wide(p, length, words);
    else
      cut_characters(p, length, lower, words);
  }

  bool is_member(std::uint32_t c) const { return (options_.members[c >> 3] >> (c & 7) & 1) != 0; }

  static void character(Words& words, std::uint32_t c) {
    const std::size_t begin = words.bytes.size();
    append_utf8(words.bytes, c);
    words.spans.push_back({begin, words.bytes.size()});
  }

  template <class C>
  void cut_characters(const C* p, Index length, bool lower, Words& words) const {
    const bool bounded = options_.kind == TermKind::bounded;
    words.spans.reserve(static_cast<std::size_t>(length) + 16);
    for (Index i = 0; i < length;) {
      if (is_member(p[i])) {
        Index end = i + 1;
        while (end < length && is_member(p[end])) ++end;
        if (!bounded) character(words, end - i > 1 ? ' ' : static_cast<std::uint32_t>(p[i]));
        i = end;
        continue;
      }
      if (bounded) character(words, ' ');
      for (; i < length && !is_member(p[i]); ++i) {
        const std::uint32_t c = p[i];
        character(words, lower && c >= 'A' && c <= 'Z' ? c + 32 : c);
      }
      if (!bounded) continue;
      character(words, ' ');
      words.runs.push_back(words.spans.size());
    }
  }

  void keep(Words& words, std::size_t begin) const {
    if (stop_.size() > 0 && stop_.find({words.bytes.data() + begin, words.bytes.size() - begin}) >= 0) {
      words.bytes.resize(begin);
      return;
    }
    words.spans.push_back({begin, words.bytes.size()});
    words.bytes.push_back(' ');
  }

  void cut_ascii(const char* p, Index length, Words& words) const {
    words.bytes.reserve(static_cast<std::size_t>(length) + 16);
    for (Index i = 0; i < length;) {
      if (ascii_.of[static_cast<unsigned char>(p[i])] == 0) {
        ++i;
        continue;
      }
      Index end = i + 1;
      while (end < length && ascii_.of[static_cast<unsigned char>(p[end])] != 0) ++end;
      if (end - i >= options_.min_length) {
        const std::size_t begin = words.bytes.size();
        words.bytes.resize(begin + static_cast<std::size_t>(end - i));
        char* to = words.bytes.data() + begin;
        for (Index k = i; k < end; ++k) *to++ = ascii_.of[static_cast<unsigned char>(p[k])];
        keep(words, begin);
      }
      i = end;
    }
  }

  template <class C>
  void cut_wide(const C* p, Index length, Words& words) const {
    for (Index i = 0; i < length;) {
      if (!is_member(p[i])) {
        ++i;
        continue;
      }
      Index end = i + 1;
      while (end < length && is_member(p[end])) ++end;
      if (end - i >= options_.min_length) {
        const std::size_t begin = words.bytes.size();
        for (Index k = i; k < end; ++k) append_utf8(words.bytes, p[k]);
        keep(words, begin);
      }
      i = end;
    }
  }

  const TermOptions& options_;
  const TermTable& stop_;
  AsciiTable ascii_;
};

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

TermRows<std::int64_t> count_terms(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop,
                                   std::vector<std::string>& vocabulary) {
  const Cut cut(options, stop);
  std::vector<Part> parts(static_cast<std::size_t>(parts_for(documents, n)));
  in_parts(parts, n, [&](Part& part, Index begin, Index end) {
    Words words;
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
  const Cut cut(options, stop);
  std::vector<Part> parts(static_cast<std::size_t>(parts_for(documents, n)));
  in_parts(parts, n, [&](Part& part, Index begin, Index end) {
    Words words;
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
  const Cut cut(options, stop);
  std::vector<TermRows<double>> parts(static_cast<std::size_t>(parts_for(documents, n)));
  const std::uint64_t width = static_cast<std::uint64_t>(n_features);
  in_parts(parts, n, [&](TermRows<double>& part, Index begin, Index end) {
    Words words;
    std::vector<std::uint64_t> entries;
    for (Index i = begin; i < end; ++i) {
      entries.clear();
      cut.each(documents[i], words, [&](std::string_view term) {
        const std::uint32_t h = murmur3_32(term, 0);
        const bool negative = h >> 31 != 0;
        entries.push_back((negative ? std::uint64_t{0x100000000u} - h : h) % width << 1 | static_cast<std::uint64_t>(negative && signs));
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
