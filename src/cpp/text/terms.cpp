#include "text/terms.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/thread_pool.h"
#include "text/key_sorter.h"

namespace pyffnn::text {
namespace {

// What one thread cut: the numbers of its documents' terms, or words, in the order of coming.
struct Part {
  TermTable terms;
  TermNumbers numbers;
  std::vector<TermNumbers> grams;  // of each number of words from two on
  Pages<Index> ends;
};

// Terms of one document on their way to a table: a term's slot is fetched when it comes and read sixteen terms later.
class Ahead {
 public:
  template <class F>
  void put(const TermTable& table, std::string_view term, F take) {
    TermTable::Sought& place = ring_[came_++ % kSize];
    if (came_ > kSize) take(place);
    place = TermTable::sought(term);
    table.prefetch(place.hash);
  }
  // The rest, while the document is still there.
  template <class F>
  void empty(F take) {
    for (std::size_t i = came_ > kSize ? came_ - kSize : 0; i < came_; ++i) take(ring_[i % kSize]);
    came_ = 0;
  }

 private:
  static constexpr std::size_t kSize = 16;
  TermTable::Sought ring_[kSize];
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

// A row of sorted columns, of which equal ones become one entry: columns are keys[i] >> shift, and with shift 1 an odd key counts -1.
// Whether the next column is another one cannot be predicted, so there is no branch.
template <class T>
void append_row(TermRows<T>& rows, const std::uint32_t* begin, const std::uint32_t* end, int shift) {
  std::int32_t* columns = rows.columns.extend(end - begin);
  T* values = rows.values.extend(end - begin);
  const std::int32_t* const first = columns;
  const std::uint32_t odd = shift == 0 ? 0 : 1;
  T value = 0;
  for (const std::uint32_t* key = begin; key < end; ++key) {
    value += static_cast<T>(1 - 2 * static_cast<int>(*key & odd));
    *columns = static_cast<std::int32_t>(*key >> shift);
    *values = value;
    const bool last = key + 1 == end || key[1] >> shift != *key >> shift;
    value = last ? T(0) : value;
    columns += last;
    values += last;
  }
  const Index surplus = (end - begin) - (columns - first);
  rows.columns.resize(rows.columns.size() - surplus);
  rows.values.resize(rows.values.size() - surplus);
  rows.indptr.push_back(rows.columns.size());
}

// Keys of documents on their way to rows.
template <class T>
class RowMaker {
 public:
  RowMaker(TermRows<T>& rows, std::uint64_t keys, int shift) : rows_(rows), sorter_(keys), shift_(shift) {}
  void add(std::uint32_t key) { sorter_.add(key); }
  void end() {
    if (sorter_.end()) flush();
  }
  void flush() {
    sorter_.flush([&](const std::uint32_t* begin, const std::uint32_t* end) { append_row(rows_, begin, end, shift_); });
  }

 private:
  TermRows<T>& rows_;
  KeySorter sorter_;
  int shift_;
};

// The parts' rows one after another.
template <class T>
TermRows<T> joined(std::vector<TermRows<T>>& parts) {
  std::vector<Index> entries{0}, rows{0};
  for (const TermRows<T>& part : parts) {
    entries.push_back(entries.back() + part.columns.size());
    rows.push_back(rows.back() + part.indptr.size());
  }
  TermRows<T> all;
  all.indptr.resize(rows.back() + 1);
  all.indptr[0] = 0;
  if (parts.size() == 1) {
    all.columns = std::move(parts[0].columns);
    all.values = std::move(parts[0].values);
  } else {
    all.columns.resize(entries.back());
    all.values.resize(entries.back());
  }
  in_parts(parts, 0, [&](TermRows<T>& part, Index, Index) {
    const std::size_t k = static_cast<std::size_t>(&part - parts.data());
    for (Index i = 0; i < part.indptr.size(); ++i) all.indptr[rows[k] + 1 + i] = entries[k] + part.indptr[i];
    const std::size_t count = static_cast<std::size_t>(part.columns.size());
    if (count == 0) return;
    std::memcpy(all.columns.data() + entries[k], part.columns.data(), count * sizeof(std::int32_t));
    std::memcpy(all.values.data() + entries[k], part.values.data(), count * sizeof(T));
    part = {};
  });
  return all;
}

// The words' n-grams in numbers that all parts share, as those of the words are. By one thread: most of the time is that of the pairs met
// for the first time, and to bring the tables of several threads together took longer than they saved.
std::vector<GramLevel> numbered_grams(std::vector<Part>& parts, Index words, Index most) {
  std::vector<GramLevel> levels;
  for (Index length = 2; length <= most; ++length) {
    GramLevel level;
    level.prefixes = length == 2 ? words : levels.back().size();
    Index expected = 0;
    for (const Part& part : parts) expected += part.numbers.size() / 4;
    PairTable table(std::max<Index>(level.prefixes, 1), std::max<Index>(words, 1), expected);
    for (Part& part : parts) {
      TermNumbers grams;
      number_grams(table, part.numbers, length == 2 ? part.numbers : part.grams.back(), part.ends, length, grams);
      part.grams.push_back(std::move(grams));
    }
    level.keys.resize(static_cast<std::size_t>(table.size()));
    table.keys(level.keys.data());
    levels.push_back(std::move(level));
  }
  return levels;
}

}  // namespace

template <class T>
TermRows<T> count_terms(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop, TermList& vocabulary) {
  // Of words only these are cut; their n-grams are made of their numbers.
  TermOptions cut_options = options;
  const Index most = options.kind == TermKind::word ? options.max_n : 1, least = options.kind == TermKind::word ? options.min_n : 1;
  if (options.kind == TermKind::word) cut_options.min_n = cut_options.max_n = 1;
  const TermCutter cut(cut_options, stop);
  std::vector<Part> parts(static_cast<std::size_t>(parts_for(documents, n)));
  in_parts(parts, n, [&](Part& part, Index begin, Index end) {
    CutWords words;
    Ahead ahead;
    const auto take = [&](const TermTable::Sought& term) { part.numbers.push_back(static_cast<std::uint32_t>(part.terms.add(term))); };
    for (Index i = begin; i < end; ++i) {
      cut.each(documents[i], words, [&](std::string_view term) { ahead.put(part.terms, term, take); });
      ahead.empty(take);
      part.ends.push_back(part.numbers.size());
    }
  });
  // One numbering for all parts, that of the first being its own.
  TermTable all = std::move(parts.front().terms);
  std::vector<TermNumbers> renumbered(parts.size());
  for (std::size_t k = 1; k < parts.size(); ++k)
    for (Index i = 0; i < parts[k].terms.size(); ++i) renumbered[k].push_back(static_cast<std::uint32_t>(all.add(parts[k].terms.term(i))));
  in_parts(parts, n, [&](Part& part, Index, Index) {
    const std::size_t k = static_cast<std::size_t>(&part - parts.data());
    if (k == 0) return;
    for (std::uint32_t& number : part.numbers) number = renumbered[k][number];
  });
  const std::vector<GramLevel> levels = numbered_grams(parts, all.size(), most);
  std::vector<TermNumbers> places;
  vocabulary = in_order(all, levels, least, places);
  std::vector<TermRows<T>> rows(parts.size());
  in_parts(parts, n, [&](Part& part, Index, Index) {
    RowMaker<T> maker(rows[static_cast<std::size_t>(&part - parts.data())], static_cast<std::uint64_t>(vocabulary.size()), 0);
    Index begin = 0;
    for (const Index end : part.ends) {
      for (Index length = least; length <= most; ++length) {
        const std::size_t k = static_cast<std::size_t>(length - 1);
        const TermNumbers& numbers = k == 0 ? part.numbers : part.grams[k - 1];
        for (Index i = begin; i + length <= end; ++i) maker.add(places[k][numbers[i]]);
      }
      maker.end();
      begin = end;
    }
    maker.flush();
    part = {};
  });
  return joined(rows);
}

template <class T>
TermRows<T> count_known(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop, const TermTable& known,
                        const std::vector<std::int32_t>& columns) {
  const TermCutter cut(options, stop);
  const std::uint64_t width = columns.empty() ? 1 : static_cast<std::uint64_t>(*std::max_element(columns.begin(), columns.end())) + 1;
  std::vector<TermRows<T>> parts(static_cast<std::size_t>(parts_for(documents, n)));
  in_parts(parts, n, [&](TermRows<T>& part, Index begin, Index end) {
    CutWords words;
    Ahead ahead;
    RowMaker<T> maker(part, width, 0);
    const auto take = [&](const TermTable::Sought& term) {
      const Index number = known.find(term);
      if (number >= 0) maker.add(static_cast<std::uint32_t>(columns[static_cast<std::size_t>(number)]));
    };
    for (Index i = begin; i < end; ++i) {
      cut.each(documents[i], words, [&](std::string_view term) { ahead.put(known, term, take); });
      ahead.empty(take);
      maker.end();
    }
    maker.flush();
  });
  return joined(parts);
}

TermRows<double> hash_terms(const Characters* documents, Index n, const TermOptions& options, const TermTable& stop, Index n_features,
                            bool signs) {
  const TermCutter cut(options, stop);
  std::vector<TermRows<double>> parts(static_cast<std::size_t>(parts_for(documents, n)));
  const std::uint64_t width = static_cast<std::uint64_t>(n_features), low = width - 1;
  const bool power = (width & low) == 0;  // then no division is needed
  in_parts(parts, n, [&](TermRows<double>& part, Index begin, Index end) {
    CutWords words;
    RowMaker<double> maker(part, 2 * width, 1);
    for (Index i = begin; i < end; ++i) {
      cut.each(documents[i], words, [&](std::string_view term) {
        const std::uint32_t h = murmur3_32(term, 0);
        const bool negative = h >> 31 != 0;
        const std::uint64_t size = negative ? std::uint64_t{0x100000000u} - h : h;
        maker.add(static_cast<std::uint32_t>((power ? size & low : size % width) << 1 | static_cast<std::uint64_t>(negative && signs)));
      });
      maker.end();
    }
    maker.flush();
  });
  return joined(parts);
}

#define PYFFNN_INSTANTIATE(T)                                                                                        \
  template TermRows<T> count_terms(const Characters*, Index, const TermOptions&, const TermTable&, TermList&);       \
  template TermRows<T> count_known(const Characters*, Index, const TermOptions&, const TermTable&, const TermTable&, \
                                   const std::vector<std::int32_t>&);
PYFFNN_INSTANTIATE(std::int64_t)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

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
