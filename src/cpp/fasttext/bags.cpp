#include "fasttext/bags.h"

#include <algorithm>

#include "core/thread_pool.h"
#include "fasttext/lines.h"

namespace pyffnn::fasttext {
namespace {

constexpr Index kAhead = 16;

// Where each of `parts` parts of a text begins, which is behind a line feed.
std::vector<std::string_view> cut_parts(std::string_view text, int parts) {
  std::vector<std::string_view> found;
  std::size_t begin = 0;
  for (int i = 1; i <= parts && begin < text.size(); ++i) {
    std::size_t end =
        i == parts ? text.size() : std::max(begin, text.size() / static_cast<std::size_t>(parts) * static_cast<std::size_t>(i));
    if (end < text.size()) end = std::min(text.find('\n', end), text.size() - 1) + 1;
    found.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return found;
}

}  // namespace

Bags::Bags(const Dictionary& dictionary, std::string_view text, bool shared, Index most, Interrupt& interrupt) {
  constexpr double kWorkAByte = 10;
  const int threads = threads::threads_for(static_cast<double>(text.size()) * kWorkAByte);
  const std::vector<std::string_view> texts = cut_parts(text, threads);
  parts_.resize(texts.size());
  threads::parallel_for(static_cast<Index>(texts.size()), threads, [&](Index begin, Index end) {
    NoInterrupt none;  // on all threads but the caller's
    for (Index i = begin; i < end; ++i)
      read(dictionary, texts[static_cast<std::size_t>(i)], most, parts_[static_cast<std::size_t>(i)],
           i == 0 ? interrupt : static_cast<Interrupt&>(none));
  });
  Index rows = 0;
  for (const Part& part : parts_) rows += part.rows.size();
  complete_ = rows <= most;
  if (!complete_) {
    parts_.clear();
    return;
  }
  row_of_hash_.assign(std::max<Index>(dictionary.settings().bucket, 0), -1);
  fold(dictionary.words(), shared, interrupt);
  list_chunks();
}

void Bags::read(const Dictionary& dictionary, std::string_view text, Index most, Part& part, Interrupt& interrupt) {
  const auto words = static_cast<std::int32_t>(dictionary.words());
  part.seen.assign_zero(std::max<Index>(dictionary.settings().bucket, 0));
  std::uint8_t* const seen = part.seen.data();
  Line line;
  std::int64_t tokens = 0;
  LineReader lines(dictionary, text);
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
    for (const std::int32_t row : line.rows)
      if (row >= words) seen[row - words] = static_cast<std::uint8_t>(std::min(seen[row - words] + 1, 2));
  }
  part.tokens_left = tokens;
}

// The bags of a part take the place of the lines.
struct Bags::Folding {
  Index words;
  bool shared;
  const std::uint8_t* seen;
  std::int32_t* row_of_hash;
  Index next_row;
  // of the rows so far: in which of all entries it came last
  text::Pages<std::int32_t> last;
  std::int32_t entries = 0;
  // of one bag
  std::vector<std::int32_t> rows, counts, single, sorted;
  std::vector<float> weight;

  std::int32_t new_row() {
    last.push_back(-1);
    return static_cast<std::int32_t>(next_row++);
  }
  void count(std::int32_t row) {
    std::int32_t& at = last[row];
    if (at >= entries) {
      ++counts[static_cast<std::size_t>(at - entries)];
      return;
    }
    at = entries + static_cast<std::int32_t>(rows.size());
    rows.push_back(row);
    counts.push_back(1);
  }
  // `from`: the rows of the line. The bag's are appended to `to`, which may begin where `from` does.
  void line(const std::int32_t* from, Bag& bag, std::int32_t* to, text::Pages<float>& weights) {
    rows.clear();
    counts.clear();
    single.clear();
    for (Index i = 0; i < bag.size; ++i) {
      if (i + kAhead < bag.size && from[i + kAhead] >= words) {
        __builtin_prefetch(row_of_hash + (from[i + kAhead] - words));
        __builtin_prefetch(seen + (from[i + kAhead] - words));
      }
      if (from[i] < words) {
        count(from[i]);
        continue;
      }
      const Index hash = from[i] - words;
      if (shared && seen[hash] == 1) {
        single.push_back(static_cast<std::int32_t>(hash));
        continue;
      }
      if (row_of_hash[hash] < 0) row_of_hash[hash] = new_row();
      count(row_of_hash[hash]);
    }
    entries += static_cast<std::int32_t>(rows.size());
    std::int32_t own = -1;
    if (!single.empty()) {
      own = new_row();
      for (const std::int32_t hash : single) row_of_hash[hash] = own;
    }
    // In one pass without branches, for nothing of this can be predicted.
    const std::size_t n = rows.size();
    sorted.resize(2 * kShards * n);
    weight.resize(kShards * n);
    std::int32_t count_of[2 * kShards] = {};
    for (std::size_t i = 0; i < n; ++i) {
      const auto shard = static_cast<std::size_t>(rows[i] & 1), kind = 2 * shard + (counts[i] == 1 ? 1 : 0);
      weight[shard * n + static_cast<std::size_t>(count_of[2 * shard]) % n] = static_cast<float>(counts[i]);
      sorted[kind * n + static_cast<std::size_t>(count_of[kind]++)] = rows[i];
    }
    for (std::int32_t s = 0; s < kShards; ++s) {
      const auto first = static_cast<std::size_t>(s) * 2;
      bag.shards[s] = {count_of[first], count_of[first + 1]};
      to = std::copy_n(sorted.data() + first * n, bag.shards[s].weighted, to);
      weights.append(weight.data() + static_cast<std::size_t>(s) * n, bag.shards[s].weighted);
      if (own >= 0 && (own & 1) == s) {
        bag.own = s;
        *to++ = own;
        weights.push_back(static_cast<float>(single.size()));
      }
      to = std::copy_n(sorted.data() + (first + 1) * n, bag.shards[s].plain, to);
    }
  }
};

void Bags::fold(Index words, bool shared, Interrupt& interrupt) {
  if (parts_.empty()) {
    rows_ = words;
    return;
  }
  for (std::size_t p = 1; p < parts_.size(); ++p) {
    std::uint8_t* const seen = parts_[0].seen.data();
    const std::uint8_t* const more = parts_[p].seen.data();
    for (Index h = 0; h < parts_[0].seen.size(); ++h) seen[h] = static_cast<std::uint8_t>(std::min(seen[h] + more[h], 2));
    parts_[p].seen = {};
  }
  Folding folding{words, shared, parts_[0].seen.data(), row_of_hash_.data(), words, {}, 0, {}, {}, {}, {}, {}};
  folding.last.assign(words, -1);
  std::int64_t before = 0;
  for (Part& part : parts_) {
    Index from = 0, to = 0;
    for (Index i = 0; i < part.bags.size(); ++i) {
      if (i % 4096 == 0) interrupt.poll();
      Bag& bag = part.bags[i];
      bag.tokens = static_cast<std::int32_t>(std::min<std::int64_t>(bag.tokens + std::exchange(before, 0), INT32_MAX));
      folding.line(part.rows.data() + from, bag, part.rows.data() + to, part.weights);
      from += bag.size;
      to += bag.rows();
    }
    part.rows.resize(to);
    before += part.tokens_left;
  }
  tokens_left_ = before;
  parts_[0].seen = {};
  rows_ = folding.next_row;
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
