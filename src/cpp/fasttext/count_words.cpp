#include <algorithm>
#include <stdexcept>

#include "core/interrupt.h"
#include "core/thread_pool.h"
#include "fasttext/lines.h"
#include "fasttext/word_stream.h"

namespace pyffnn::fasttext {
namespace {

struct Counted {
  std::string_view word;
  std::int64_t count;
  bool label;
  std::int32_t number;  // among all words as they came
};

// Different words in the order in which they came.
class Counter {
 public:
  explicit Counter(std::size_t expected) : table_(expected) {}

  void count(std::int32_t id, std::int64_t more) { counts_[static_cast<std::size_t>(id)] += more; }
  std::int32_t add(const WordKey& key, std::string_view word) {
    if (words_.size() >= 0x7ffffffe) throw std::invalid_argument("the text has more than 2^31 different words");
    const auto next = static_cast<std::int32_t>(words_.size());
    const std::int32_t id = table_.add(key, word, next, [this](std::int32_t i) { return words_[static_cast<std::size_t>(i)]; });
    if (id == next) {
      words_.push_back(word);
      counts_.push_back(0);
    }
    return id;
  }
  // The numbers of the words, each of which is counted.
  void add_all(const Word* words, Index n, std::int32_t* ids) {
    std::int32_t others[Cutter::kMostWords];
    Index num_others = 0;
    for (Index i = 0; i < n; ++i) {
      bool found = false;
      ids[i] = recent_.find(words[i].key(), found);
      others[num_others] = static_cast<std::int32_t>(i);
      num_others += found ? 0 : 1;
    }
    for (Index i = 0; i < num_others; ++i) __builtin_prefetch(table_.address(words[others[i]].key()));
    for (Index i = 0; i < num_others; ++i) {
      const Word& word = words[others[i]];
      const std::int32_t id = add(word.key(), word.text());
      ids[others[i]] = id;
      recent_.put(word.key(), id);
    }
    for (Index i = 0; i < n; ++i) count(ids[i], 1);
  }
  std::size_t size() const { return words_.size(); }
  std::string_view word(std::size_t i) const { return words_[i]; }
  std::int64_t count(std::size_t i) const { return counts_[i]; }

 private:
  WordTable table_;
  WordCache recent_;
  std::vector<std::string_view> words_;
  std::vector<std::int64_t> counts_;
};

// A part of the text: its words, numbered as they came.
struct Part {
  explicit Part(std::size_t bytes) : counter(std::max<std::size_t>(4096, bytes / 192)) {}
  Counter counter;
  std::int64_t tokens = 0;
  bool kept = true;

  void read(std::string_view text, WordStream::Part* stream, Index most, Interrupt& interrupt) {
    Cutter cutter(text.data(), text.data() + text.size());
    Word words[Cutter::kMostWords];
    std::int32_t ids[Cutter::kMostWords];
    std::int32_t in_line = 0;
    if (stream != nullptr) stream->words.reserve(std::min<Index>(most, static_cast<Index>(text.size()) / 4));
    Index i = 0;
    while (const Index n = cutter.next(words)) {
      if (i++ % 4096 == 0) interrupt.poll();
      counter.add_all(words, n, ids);
      tokens += n;
      if (stream == nullptr || !kept) continue;
      if (stream->words.size() + n > most) {
        kept = false;
        *stream = {};
        continue;
      }
      stream->words.append(ids, n);
      for (const Word& word : std::basic_string_view<Word>(words, static_cast<std::size_t>(n))) {
        ++in_line;
        if (word.ends_line()) stream->lines.push_back(std::exchange(in_line, 0));
      }
    }
    if (stream != nullptr && kept && in_line > 0) stream->lines.push_back(in_line);
  }
};

// Numbers by type and falling count, those of equal count in order.
std::vector<std::int32_t> sorted(const std::vector<Counted>& found) {
  constexpr std::int64_t kRare = 1024;
  std::vector<std::int32_t> frequent;
  std::vector<std::int32_t> starts(2 * kRare + 1);
  const auto place = [](const Counted& c) { return static_cast<std::size_t>((c.label ? 2 : 1) * kRare - c.count); };
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].count >= kRare)
      frequent.push_back(static_cast<std::int32_t>(i));
    else
      ++starts[place(found[i]) + 1];
  }
  std::stable_sort(frequent.begin(), frequent.end(), [&](std::int32_t a, std::int32_t b) {
    const Counted &x = found[static_cast<std::size_t>(a)], &y = found[static_cast<std::size_t>(b)];
    return x.label != y.label ? y.label : x.count > y.count;
  });
  const auto first_label =
      std::find_if(frequent.begin(), frequent.end(), [&](std::int32_t i) { return found[static_cast<std::size_t>(i)].label; });
  for (std::size_t i = 1; i < starts.size(); ++i) starts[i] += starts[i - 1];
  // frequent words, rare words, frequent labels, rare labels
  std::vector<std::int32_t> order(found.size());
  std::copy(frequent.begin(), first_label, order.begin());
  const auto words_before = static_cast<std::size_t>(first_label - frequent.begin());
  const auto rare_words = static_cast<std::size_t>(starts[kRare]);
  std::copy(first_label, frequent.end(), order.begin() + static_cast<std::ptrdiff_t>(words_before + rare_words));
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found[i].count >= kRare) continue;
    const auto at = static_cast<std::size_t>(starts[place(found[i])]++);
    order[at + (found[i].label ? frequent.size() : words_before)] = static_cast<std::int32_t>(i);
  }
  return order;
}

}  // namespace

DictionaryPtr count_words(std::string_view text, const Settings& settings, std::int64_t min_count_label,
                          const std::vector<std::string_view>& extra, WordStream* stream, Index most, Interrupt& interrupt) {
  if (!extra.empty()) stream = nullptr;
  constexpr double kWorkAByte = 10;
  const int threads = threads::threads_for(static_cast<double>(text.size()) * kWorkAByte);
  std::vector<std::string_view> texts = cut_parts(text, threads);
  if (texts.empty()) texts.push_back(text);
  std::vector<Part> parts;
  for (const std::string_view t : texts) parts.emplace_back(t.size());
  if (stream != nullptr) stream->parts.resize(texts.size());
  threads::parallel_for(static_cast<Index>(texts.size()), threads, [&](Index begin, Index end) {
    NoInterrupt none;  // on all threads but the caller's
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      parts[i].read(texts[i], stream != nullptr ? &stream->parts[i] : nullptr, most, i == 0 ? interrupt : static_cast<Interrupt&>(none));
  });

  Counter& counter = parts[0].counter;
  std::int64_t tokens = parts[0].tokens;
  bool complete = stream != nullptr && parts[0].kept;
  std::vector<std::vector<std::int32_t>> numbers(parts.size());
  for (std::size_t p = 1; p < parts.size(); ++p) {
    const Counter& more = parts[p].counter;
    for (std::size_t i = 0; i < more.size(); ++i) {
      numbers[p].push_back(counter.add(key_of(more.word(i)), more.word(i)));
      counter.count(numbers[p].back(), more.count(i));
    }
    tokens += parts[p].tokens;
    complete = complete && parts[p].kept;
  }

  const auto is_rare = [&](std::int64_t count, bool label) { return count < (label ? min_count_label : settings.min_count); };
  std::vector<Counted> found;
  found.reserve(counter.size());
  std::vector<std::int32_t> entry_of(complete ? counter.size() : 0, -1);
  std::vector<std::size_t> left_out;
  for (std::size_t i = 0; i < counter.size(); ++i) {
    const std::string_view word = counter.word(i);
    const bool label = word.substr(0, settings.label.size()) == settings.label;
    if (!is_rare(counter.count(i), label)) {
      found.push_back({word, counter.count(i), label, static_cast<std::int32_t>(i)});
    } else if (!label) {
      left_out.push_back(i);
    }
  }
  if (!extra.empty()) {
    // Words that come with vectors stand beside those of the text however rare they are.
    Counter more(found.size() + extra.size());
    for (const Counted& c : found) more.count(more.add(key_of(c.word), c.word), c.count);
    for (const std::string_view w : extra) more.count(more.add(key_of(w), w), 1);
    tokens += static_cast<std::int64_t>(extra.size());
    found.clear();
    for (std::size_t i = 0; i < more.size(); ++i)
      found.push_back({more.word(i), more.count(i), more.word(i).substr(0, settings.label.size()) == settings.label, 0});
  }
  if (found.empty()) throw std::invalid_argument("Empty vocabulary. Try a smaller -minCount value.");

  std::size_t bytes = 0;
  for (const Counted& c : found) bytes += c.word.size() + sizeof(c.count) + 2;
  auto blob = std::make_shared<std::string>(bytes, '\0');
  char* to = blob->data();
  std::vector<std::string_view> entries;
  entries.reserve(found.size());
  Index words = 0;
  for (const std::int32_t i : sorted(found)) {
    const Counted& c = found[static_cast<std::size_t>(i)];
    if (complete) entry_of[static_cast<std::size_t>(c.number)] = static_cast<std::int32_t>(entries.size());
    words += c.label ? 0 : 1;
    std::memcpy(to, c.word.data(), c.word.size());
    entries.emplace_back(to, c.word.size());
    to += c.word.size() + 1;
    std::memcpy(to, &c.count, sizeof(c.count));
    to += sizeof(c.count);
    *to++ = c.label ? '\1' : '\0';
  }

  if (complete) {
    for (std::size_t i = 0; i < left_out.size(); ++i) {
      entry_of[left_out[i]] = static_cast<std::int32_t>(entries.size() + i);
      stream->left_out.push_back(hash_of(counter.word(left_out[i])));
    }
    for (std::size_t p = 0; p < parts.size(); ++p)
      for (std::int32_t& word : stream->parts[p].words)
        word = entry_of[static_cast<std::size_t>(p == 0 ? word : numbers[p][static_cast<std::size_t>(word)])];
    stream->complete = true;
  } else if (stream != nullptr) {
    stream->parts.clear();
  }

  return std::make_shared<Dictionary>(settings, blob, std::move(entries), words, tokens, false, Dictionary::Kept{});
}

bool WordStreamReader::next(Line& line) {
  if (line_ == part_.lines.size()) return false;
  Dictionary::clear(line);
  const std::int32_t n = part_.lines[line_++];
  const std::int32_t* const ids = part_.words.data() + word_;
  word_ += n;
  line.tokens = n;
  const auto known = static_cast<std::int32_t>(dictionary_.words());
  const auto entries = known + static_cast<std::int32_t>(dictionary_.labels());
  const bool hashed = !dictionary_.hashes_.empty();
  line.rows.resize(static_cast<std::size_t>(n));
  if (hashed) line.hashes.resize(static_cast<std::size_t>(n));
  std::int32_t* row = line.rows.data();
  std::uint32_t* hash = line.hashes.data();
  for (std::int32_t i = 0; i < n; ++i) {
    const std::int32_t id = ids[i];
    if (static_cast<std::uint32_t>(id) < static_cast<std::uint32_t>(known)) {
      *row++ = id;
      if (hashed) *hash++ = dictionary_.hashes_[id];
    } else if (id >= entries) {
      if (hashed) *hash++ = left_out_[id - entries];
    } else if (id >= known) {
      line.labels.push_back(id - known);
    }
  }
  line.rows.resize(static_cast<std::size_t>(row - line.rows.data()));
  if (hashed) line.hashes.resize(static_cast<std::size_t>(hash - line.hashes.data()));
  dictionary_.add_word_ngrams(line);
  return true;
}

}  // namespace pyffnn::fasttext
