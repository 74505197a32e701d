#include <algorithm>
#include <cstring>
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
  explicit Counter(const std::string& label) : label_(label), slots_(1 << 12, Slot{0, -1}) {}

  void add(std::string_view word, std::uint32_t hash) {
    auto mask = static_cast<std::uint32_t>(slots_.size() - 1);
    std::uint32_t at = place(hash) & mask;
    for (; slots_[at].id >= 0; at = (at + 1) & mask)
      if (slots_[at].hash == hash && found_[static_cast<std::size_t>(slots_[at].id)].word == word) {
        ++found_[static_cast<std::size_t>(slots_[at].id)].count;
        return;
      }
    if (found_.size() >= 0x7ffffffe) throw std::invalid_argument("the text has more than 2^31 different words");
    slots_[at] = {hash, static_cast<std::int32_t>(found_.size())};
    found_.push_back({word, 1, word.substr(0, label_.size()) == label_});
    if (found_.size() * 2 > slots_.size()) grow();
  }
  std::vector<Counted> take() { return std::move(found_); }

 private:
  struct Slot {
    std::uint32_t hash;
    std::int32_t id;
  };
  static std::uint32_t place(std::uint32_t hash) { return (hash * 0x9e3779b1u) ^ (hash >> 15); }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2, Slot{0, -1});
    old.swap(slots_);
    const auto mask = static_cast<std::uint32_t>(slots_.size() - 1);
    for (const Slot& slot : old) {
      if (slot.id < 0) continue;
      std::uint32_t at = place(slot.hash) & mask;
      while (slots_[at].id >= 0) at = (at + 1) & mask;
      slots_[at] = slot;
    }
  }

  const std::string& label_;
  std::vector<Counted> found_;
  std::vector<Slot> slots_;
};

}  // namespace

DictionaryPtr count_words(std::string_view text, const Settings& settings, std::int64_t min_count_label,
                          const std::vector<std::string_view>& extra) {
  Counter counter(settings.label);
  std::int64_t tokens = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  std::string_view word;
  std::uint32_t hash = 0;
  while (next_word(at, end, word, hash)) {
    counter.add(word, hash);
    ++tokens;
  }
  std::vector<Counted> found = counter.take();
  const auto rare = [&](const Counted& c) { return c.count < (c.label ? min_count_label : settings.min_count); };
  found.erase(std::remove_if(found.begin(), found.end(), rare), found.end());
  if (!extra.empty()) {
    // Words that come with vectors stand beside those of the text however rare they are.
    Counter more(settings.label);
    for (const Counted& c : found) more.add(c.word, hash_of(c.word));
    for (const std::string_view w : extra) more.add(w, hash_of(w));
    tokens += static_cast<std::int64_t>(extra.size());
    std::vector<Counted> all = more.take();
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
