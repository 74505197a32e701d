#include <algorithm>
#include <stdexcept>

#include "fasttext/dictionary.h"

namespace pyffnn::fasttext {
namespace {

struct Counted {
  std::string_view word;
  std::int64_t count;
  bool label;
};

// Different words in the order in which they came.
class Counter {
 public:
  std::int32_t add(const WordKey& key, std::string_view word) {
    if (words_.size() >= 0x7ffffffe) throw std::invalid_argument("the text has more than 2^31 different words");
    const auto next = static_cast<std::int32_t>(words_.size());
    const std::int32_t id = table_.add(key, word, next, [this](std::int32_t i) { return words_[static_cast<std::size_t>(i)]; });
    if (id == next) {
      words_.push_back(word);
      counts_.push_back(0);
    }
    ++counts_[static_cast<std::size_t>(id)];
    return id;
  }
  void add_all(const Word* words, Index n) {
    std::int32_t others[Cutter::kMostWords];
    Index num_others = 0;
    for (Index i = 0; i < n; ++i) {
      bool found = false;
      const std::int32_t id = recent_.find(words[i].key(), found);
      if (found)
        ++counts_[static_cast<std::size_t>(id)];
      else
        others[num_others++] = static_cast<std::int32_t>(i);
    }
    for (Index i = 0; i < num_others; ++i) table_.prefetch(words[others[i]].key());
    for (Index i = 0; i < num_others; ++i) {
      const Word& word = words[others[i]];
      recent_.put(word.key(), add(word.key(), word.text()));
    }
  }
  std::vector<Counted> take(const std::string& label) const {
    std::vector<Counted> found;
    found.reserve(words_.size());
    for (std::size_t i = 0; i < words_.size(); ++i) found.push_back({words_[i], counts_[i], words_[i].substr(0, label.size()) == label});
    return found;
  }

 private:
  WordTable table_{4096};
  WordCache recent_;
  std::vector<std::string_view> words_;
  std::vector<std::int64_t> counts_;
};

}  // namespace

DictionaryPtr count_words(std::string_view text, const Settings& settings, std::int64_t min_count_label,
                          const std::vector<std::string_view>& extra) {
  Counter counter;
  std::int64_t tokens = 0;
  Cutter cutter(text.data(), text.data() + text.size());
  while (cutter.next()) {
    const Index n = cutter.end() - cutter.begin();
    counter.add_all(cutter.begin(), n);
    tokens += n;
  }
  std::vector<Counted> found = counter.take(settings.label);
  const auto rare = [&](const Counted& c) { return c.count < (c.label ? min_count_label : settings.min_count); };
  found.erase(std::remove_if(found.begin(), found.end(), rare), found.end());
  if (!extra.empty()) {
    // Words that come with vectors stand beside those of the text however rare they are.
    Counter more;
    for (const Counted& c : found) more.add(key_of(c.word), c.word);
    for (const std::string_view w : extra) more.add(key_of(w), w);
    tokens += static_cast<std::int64_t>(extra.size());
    std::vector<Counted> all = more.take(settings.label);
    for (std::size_t i = 0; i < all.size(); ++i) all[i].count += i < found.size() ? found[i].count - 1 : 0;
    found = std::move(all);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Counted& a, const Counted& b) { return a.label != b.label ? b.label : a.count > b.count; });
  if (found.empty()) throw std::invalid_argument("Empty vocabulary. Try a smaller -minCount value.");

  auto blob = std::make_shared<std::string>();
  std::vector<std::size_t> starts;
  for (const Counted& c : found) {
    starts.push_back(blob->size());
    blob->append(c.word);
    blob->push_back('\0');
    blob->append(reinterpret_cast<const char*>(&c.count), sizeof(c.count));
    blob->push_back(c.label ? '\1' : '\0');
  }
  std::vector<std::string_view> entries;
  Index words = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    entries.emplace_back(blob->data() + starts[i], found[i].word.size());
    words += found[i].label ? 0 : 1;
  }
  return std::make_shared<Dictionary>(settings, blob, std::move(entries), words, tokens, false, Dictionary::Kept{});
}

}  // namespace pyffnn::fasttext
