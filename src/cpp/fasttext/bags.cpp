#include "fasttext/bags.h"

#include <algorithm>

#include "core/thread_pool.h"
#include "fasttext/lines.h"

namespace pyffnn::fasttext {
namespace {

constexpr Index kAhead = 16;
constexpr std::uint8_t kMany = FewRow::kMost + 1;

// Place k among the rows that came a few times, where numbers of rows stand; and back.
constexpr std::int32_t place_of_few(std::int32_t k) { return -2 - k; }

}  // namespace

Bags::Bags(const Dictionary& dictionary, std::string_view text, const WordStream& stream, Index most, Interrupt& interrupt)
    : words_(dictionary.words()) {
  const Index hashes = std::max<Index>(dictionary.settings().bucket, 0);
  constexpr double kWorkAByte = 10;
  const int threads = threads::threads_for(static_cast<double>(text.size()) * kWorkAByte);
  std::vector<std::string_view> texts;
  if (!stream.complete) texts = cut_parts(text, threads);
  parts_.resize(stream.complete ? stream.parts.size() : texts.size());
  threads::parallel_for(static_cast<Index>(parts_.size()), threads, [&](Index begin, Index end) {
    NoInterrupt none;  // on all threads but the caller's
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
      Interrupt& mine = i == 0 ? interrupt : static_cast<Interrupt&>(none);
      const Index orders = hashes > 0 ? std::max(1, dictionary.settings().word_ngrams) : 1;
      if (stream.complete)
        read(WordStreamReader(dictionary, stream, stream.parts[i]), std::min(most, stream.parts[i].words.size() * orders), words_ + hashes,
             most, parts_[i], mine);
      else
        read(LineReader(dictionary, texts[i]), 0, words_ + hashes, most, parts_[i], mine);
    }
  });
  Index rows = 0;
  for (const Part& part : parts_) {
    rows += part.rows.size();
    bags_ += part.bags.size();
  }
  complete_ = rows <= most;
  if (!complete_) {
    parts_.clear();
    return;
  }
  row_of_hash_.assign(hashes, -1);
  add_up_seen();
  name_rows(interrupt);
  fold(interrupt);
  list_chunks();
}

template <class Lines>
void Bags::read(Lines lines, Index expected, Index all, Index most, Part& part, Interrupt& interrupt) {
  part.seen.assign_zero(all);
  std::uint8_t* const seen = part.seen.data();
  Line line;
  std::int64_t tokens = 0;
  part.rows.reserve(expected);
  for (Index i = 0; lines.next(line); ++i) {
    if (i % 1024 == 0) interrupt.poll();
    tokens += line.tokens;
    if (line.rows.empty() || line.labels.empty()) continue;
    const auto size = static_cast<Index>(line.rows.size());
    part.bags.push_back({{},
                         static_cast<std::int32_t>(size),
                         static_cast<std::int32_t>(line.labels.size()),
                         static_cast<std::int32_t>(std::min<std::int64_t>(tokens, INT32_MAX)),
                         -1});
    tokens = 0;
    part.rows.append(line.rows.data(), size);
    if (part.rows.size() > most) return;
    part.labels.append(line.labels.data(), static_cast<Index>(line.labels.size()));
    for (const std::int32_t row : line.rows) seen[row] = static_cast<std::uint8_t>(seen[row] + (seen[row] < kMany ? 1 : 0));
  }
  part.tokens_left = tokens;
}

void Bags::add_up_seen() {
  for (std::size_t p = 1; p < parts_.size(); ++p) {
    std::uint8_t* const seen = parts_[0].seen.data();
    const std::uint8_t* const more = parts_[p].seen.data();
    for (Index h = 0; h < parts_[0].seen.size(); ++h) seen[h] = std::min(static_cast<std::uint8_t>(seen[h] + more[h]), kMany);
    parts_[p].seen = {};
  }
}

// Lines now hold numbers of rows of the table, and places among those that came a few times.
void Bags::name_rows(Interrupt& interrupt) {
  if (parts_.empty()) {
    rows_ = words_;
    return;
  }
  rows_ = words_ + 2 * bags_;
  const std::uint8_t* const seen = parts_[0].seen.data();
  text::Pages<std::int32_t> row_of_word;
  row_of_word.assign(words_, -1);
  std::int32_t bag = 0;
  for (Part& part : parts_) {
    std::int32_t* at = part.rows.data();
    const std::int32_t* const end = part.rows.end();
    for (const Bag& b : part.bags) {
      if (bag % 4096 == 0) interrupt.poll();
      const std::int32_t own = static_cast<std::int32_t>(own_row(bag));
      for (const std::int32_t* const last = at + b.size; at < last; ++at) {
        if (at + 2 * kAhead < end) {
          const std::int32_t far = at[2 * kAhead], near = at[kAhead];
          __builtin_prefetch(seen + far);
          if (far >= words_) __builtin_prefetch(row_of_hash_.data() + (far - words_));
          if (near >= words_ && row_of_hash_[near - words_] < -1)
            __builtin_prefetch(few_.data() + place_of_few(row_of_hash_[near - words_]));
        }
        const bool word = *at < words_;
        const std::uint8_t times = seen[*at];
        if (word && times == kMany) continue;
        std::int32_t& row = word ? row_of_word[*at] : row_of_hash_[*at - words_];
        if (times == kMany) {
          if (row < 0) row = static_cast<std::int32_t>(rows_++);
        } else if (!word && times == 1) {
          row = own;
        } else {
          if (row == -1) {
            row = place_of_few(static_cast<std::int32_t>(few_.size()));
            few_.push_back({word ? *at : -1, {-1, -1}});
          }
          std::int32_t* free = few_[place_of_few(row)].bags;
          while (*free >= 0) ++free;
          *free = bag;
        }
        *at = row;
      }
      ++bag;
    }
  }
  parts_[0].seen = {};
}

// The bags of a part take the place of the lines.
struct Bags::Folding {
  const Bags& bags;
  // of the rows so far: in which of all entries it came last
  text::Pages<std::int32_t> last;
  std::int32_t entries = 0;
  // of one bag, whose different rows are `found`
  std::int32_t found = 0;
  std::vector<std::int32_t> rows, counts, sorted;
  std::vector<float> weight;

  // Without a branch, for whether a row came before cannot be predicted.
  void count(std::int32_t row) {
    std::int32_t& at = last[row];
    const bool is_new = at < entries;
    const std::int32_t place = is_new ? found : at - entries;
    rows[static_cast<std::size_t>(found)] = row;
    counts[static_cast<std::size_t>(found)] = 0;
    ++counts[static_cast<std::size_t>(place)];
    at = entries + place;
    found += is_new ? 1 : 0;
  }
  void count_all(const std::int32_t* from, const std::int32_t* end, Index size, std::int32_t constant) {
    const FewRow* const few = bags.few_.data();
    const auto own = static_cast<std::int32_t>(bags.own_row(0));
    bool has_constant = false;
    for (Index i = 0; i < size; ++i) {
      if (from + i + kAhead < end) {
        const std::int32_t coming = from[i + kAhead];
        __builtin_prefetch(coming >= 0 ? static_cast<const void*>(&last[coming]) : few + place_of_few(coming));
      }
      if (from[i] >= 0) {
        count(from[i]);
        continue;
      }
      const FewRow& row = few[place_of_few(from[i])];
      for (int j = 0; j < FewRow::kMost && row.bags[j] >= 0; ++j) count(own + row.bags[j]);
      has_constant = has_constant || row.row >= 0;
    }
    if (has_constant) count(constant);
  }
  // `from`: the rows of the line, behind which come those of others up to `end`. The bag's are appended to `to`.
  void line(const std::int32_t* from, const std::int32_t* end, Index number, Bag& bag, text::Pages<std::int32_t>& to,
            text::Pages<float>& weights) {
    found = 0;
    const std::size_t most = static_cast<std::size_t>(bag.size) * FewRow::kMost + 2;  // with the constant, and one to write to
    if (rows.size() < most) {
      rows.resize(2 * most);
      counts.resize(2 * most);
    }
    count_all(from, end, bag.size, static_cast<std::int32_t>(bags.constant(number)));
    entries += found;
    // In one pass without branches, for nothing of this can be predicted. Kinds: read only, with a weight, own, without.
    constexpr std::size_t kKinds = 4;
    const auto n = static_cast<std::size_t>(found);
    if (sorted.size() < kKinds * kShards * n) {
      sorted.resize(2 * kKinds * kShards * n);
      weight.resize(2 * kKinds * kShards * n);
    }
    std::int32_t count_of[kKinds * kShards] = {};
    const auto own = static_cast<std::int32_t>(bags.own_row(number)), first = static_cast<std::int32_t>(bags.words_);
    const auto own_rows = static_cast<std::uint32_t>(2 * bags.bags_);
    for (std::size_t i = 0; i < n; ++i) {
      const std::int32_t row = rows[i];
      const bool read_only = static_cast<std::uint32_t>(row - first) < own_rows;
      const std::size_t kind = read_only ? (row == own ? 2 : 0) : (counts[i] == 1 ? 3 : 1);
      const std::size_t group = kKinds * static_cast<std::size_t>(row & 1) + kind;
      const std::size_t at = group * n + static_cast<std::size_t>(count_of[group]++);
      weight[at] = static_cast<float>(counts[i]);
      sorted[at] = bags.places_.of(row);
    }
    for (std::size_t s = 0; s < kShards; ++s) {
      const std::int32_t* const in_shard = count_of + kKinds * s;
      bag.shards[s] = {in_shard[0], in_shard[1], in_shard[3]};
      if (in_shard[2] > 0) bag.own = static_cast<std::int32_t>(s);
      for (std::size_t kind = 0; kind < kKinds; ++kind) {
        const std::size_t begin = (kKinds * s + kind) * n;
        to.append(sorted.data() + begin, in_shard[kind]);
        if (kind < 3) weights.append(weight.data() + begin, in_shard[kind]);
      }
    }
  }
};

void Bags::fold(Interrupt& interrupt) {
  // Rows of hashes that came a few times will stand behind all others.
  places_ = Places(rows_ + std::count_if(few_.begin(), few_.end(), [](const FewRow& few) { return few.row < 0; }));
  std::int64_t before = 0;
  std::vector<Index> first;
  Index bags = 0;
  for (Part& part : parts_) {
    if (!part.bags.empty())
      part.bags[0].tokens = static_cast<std::int32_t>(std::min<std::int64_t>(part.bags[0].tokens + std::exchange(before, 0), INT32_MAX));
    before += part.tokens_left;
    first.push_back(bags);
    bags += part.bags.size();
  }
  const auto parts = static_cast<Index>(parts_.size());
  threads::parallel_for(parts, static_cast<int>(parts), [&](Index begin, Index end) {
    NoInterrupt none;  // on all threads but the caller's
    for (auto p = static_cast<std::size_t>(begin); p < static_cast<std::size_t>(end); ++p)
      fold(parts_[p], first[p], p == 0 ? interrupt : static_cast<Interrupt&>(none));
  });
  tokens_left_ = before;
  for (FewRow& few : few_)
    if (few.row < 0) few.row = static_cast<std::int32_t>(rows_++);
  for (std::int32_t& row : row_of_hash_)
    if (row != -1) row = places_.of(row < -1 ? few_[place_of_few(row)].row : row);
}

void Bags::fold(Part& part, Index number, Interrupt& interrupt) const {
  Folding folding{*this, {}, 0, 0, {}, {}, {}, {}};
  folding.last.assign(rows_, -1);
  const text::Pages<std::int32_t> lines = std::exchange(part.rows, {});
  part.rows.reserve(lines.size());
  const std::int32_t* from = lines.data();
  for (Bag& bag : part.bags) {
    if (number % 4096 == 0) interrupt.poll();
    folding.line(from, lines.end(), number++, bag, part.rows, part.weights);
    from += bag.size;
  }
}

void Bags::list_chunks() {
  for (std::size_t p = 0; p < parts_.size(); ++p) {
    const Part& part = parts_[p];
    Index row = 0, weight = 0, label = 0;
    for (Index i = 0; i < part.bags.size(); ++i) {
      if (i % kChunk == 0) chunks_.push_back({p, i, std::min(i + kChunk, part.bags.size()), row, weight, label});
      row += part.bags[i].rows();
      weight += part.bags[i].weights();
      label += part.bags[i].labels;
    }
  }
}

Bags::Chunk Bags::chunk(Index i) const {
  const Start& at = chunks_[static_cast<std::size_t>(i)];
  const Part& part = parts_[at.part];
  return {part.bags.data() + at.begin,     part.bags.data() + at.end,    part.rows.data() + at.row, part.rows.end(),
          part.weights.data() + at.weight, part.labels.data() + at.label};
}

}  // namespace pyffnn::fasttext
