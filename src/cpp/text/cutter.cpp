#include "text/cutter.h"

#include <algorithm>
#include <limits>

#include "text/unicode.h"

namespace pyffnn::text {

namespace {

bool has_non_ascii(const char* p, std::size_t n) {
  std::uint64_t high = 0;
  if (n <= 15) return (((load_word(p) & kKeyMasks.of[n].lo) | (load_word(p + 8) & kKeyMasks.of[n].hi)) & 0x8080808080808080u) != 0;
  for (std::size_t i = 0; i + 8 < n; i += 8) high |= load_word(p + i);
  return ((high | load_word(p + n - 8)) & 0x8080808080808080u) != 0;
}

// The key of a word in lower case, from one look at its bytes; false where it has letters beyond ASCII.
inline bool lower_key(const char* p, std::size_t n, Key& key) {
  if (__builtin_expect(n > 15, 0)) {
    key = long_key<true>(p, n);
    return !has_non_ascii(p, n);
  }
  const Key mask = kKeyMasks.of[n];
  const std::uint64_t lo = load_word(p) & mask.lo, hi = load_word(p + 8) & mask.hi;
  key = {lower_ascii(lo), lower_ascii(hi) | static_cast<std::uint64_t>(n + 1) << 56};
  return ((lo | hi) & 0x8080808080808080u) == 0;
}

}  // namespace

Cutter::Cutter(const CutOptions& options, Numbers& numbers, Documents& documents, Interrupt& interrupt)
    : options_(options),
      lower_(!options.lowercase     ? Lower::none
             : options.kept.empty() ? Lower::ascii
                                    : Lower::all),
      numbers_(numbers),
      documents_(documents),
      interrupt_(interrupt) {
  const auto size = static_cast<std::uint32_t>(options_.end.size());
  options_.end.append(16, '\0');
  end_ = {lower_ == Lower::ascii ? word_key<true>(options_.end.data(), size) : word_key<false>(options_.end.data(), size),
          options_.end.data(), size};
}

void Cutter::flush() {
  if (grouped_ == 0) return;
  numbers_.number(group_, grouped_, documents_.ids.extend(grouped_));
  grouped_ = 0;
  lowered_.clear();
}

// For `bytes` in lowered_ and a word of the group that lies there: neither may move before the next flush.
void Cutter::make_room(std::size_t bytes) {
  if (grouped_ < kGroup && lowered_.capacity() - lowered_.size() >= bytes) return;
  flush();
  lowered_.reserve(std::max(bytes, std::size_t{1} << 16));
}

bool Cutter::keeps_case(const char* p, std::uint32_t n) const {
  for (const std::string& word : options_.kept)
    if (word.size() == n && std::memcmp(word.data(), p, n) == 0) return true;
  return false;
}

// A word with letters beyond ASCII is written anew in lower case.
void Cutter::add_lowered(const char* p, std::uint32_t n) {
  // U+0130 grows from two bytes to three, none grows more.
  const std::size_t need = std::size_t{n} * 3 / 2 + 32;
  make_room(need);
  const std::size_t begin = lowered_.size();
  if (keeps_case(p, n))
    lowered_.append(p, n);
  else
    append_lower({p, n}, lowered_);
  const std::size_t size = lowered_.size() - begin;
  lowered_.append(16, '\0');
  const char* const word = lowered_.data() + begin;
  group_[grouped_++] = {word_key<false>(word, size), word, static_cast<std::uint32_t>(size)};
}

bool Cutter::is_label(const char* p, std::uint32_t n) const {
  return n >= options_.label_prefix.size() && std::memcmp(p, options_.label_prefix.data(), options_.label_prefix.size()) == 0;
}

void Cutter::add_label(const char* p, std::uint32_t n) {
  const Word label{word_key<false>(p, n), p, n};
  documents_.labels.intern(&label, 1, documents_.label_ids.extend(1));
}

void Cutter::close_document(bool skip_empty) {
  const bool labelled = !documents_.label_offsets.empty();
  const bool empty = documents_.ids.size() + grouped_ == documents_.offsets.back();
  if (skip_empty && empty && (!labelled || documents_.label_ids.size() == documents_.label_offsets.back())) return;
  if (end_.size > 0) {
    if (grouped_ == kGroup) flush();
    group_[grouped_++] = end_;
  }
  documents_.offsets.push_back(documents_.ids.size() + grouped_);
  if (labelled) documents_.label_offsets.push_back(documents_.label_ids.size());
}

template <Cutter::Lower lower, bool Labels, bool Limited>
void Cutter::cut(const char* bytes, Index size, bool lines) {
  Scanner scanner(bytes, size);
  SlowPoll slow(interrupt_, 64);
  const bool skip_empty = lines || options_.skip_empty;
  Pages<Position>& ends = ends_;
  Index document = 0;
  std::uint64_t prefix = 0, prefix_mask = 0;
  if (Labels) {
    char first[8] = {};
    std::memcpy(first, options_.label_prefix.data(), std::min<std::size_t>(8, options_.label_prefix.size()));
    prefix = load_word(first);
    prefix_mask = kKeyMasks.of[std::min<std::size_t>(8, options_.label_prefix.size())].lo;
  }
  bounds_.clear();
  while (!scanner.done()) {
    slow.step();
    scanner.next_segment(bounds_, lines ? &ends : nullptr);
    const Index words = bounds_.size() / 2;
    const Position* const bounds = bounds_.data();
    for (Index k = 0; k < words;) {
      while (document < ends.size() && ends[document] <= bounds[2 * k]) {
        close_document(skip_empty);
        ++document;
      }
      const Position document_end = document < ends.size() ? ends[document] : std::numeric_limits<Position>::max();
      Index left = Limited ? room() : 0;
      int grouped = grouped_;
      for (; k < words && bounds[2 * k] < document_end; ++k) {
        const char* const p = bytes + bounds[2 * k];
        const std::uint32_t n = bounds[2 * k + 1] - bounds[2 * k];
        const bool label = Labels && (load_word(p) & prefix_mask) == prefix && is_label(p, n);
        if (Limited && !label && left-- <= 0) continue;
        Key key{};
        const bool plain = lower == Lower::ascii ? lower_key(p, n, key) : lower == Lower::none;
        if (lower == Lower::all || __builtin_expect(label || !plain, 0)) {
          grouped_ = grouped;
          if (label)
            add_label(p, n);
          else
            add_lowered(p, n);
          grouped = grouped_;
          continue;
        }
        if (grouped == kGroup) {
          grouped_ = grouped;
          flush();
          grouped = 0;
        }
        if (lower == Lower::none) key = word_key<false>(p, n);
        group_[grouped++] = {key, p, n};
      }
      grouped_ = grouped;
    }
    const bool open = bounds_.size() % 2 != 0;
    if (open) bounds_[0] = bounds_.back();
    bounds_.resize(open ? 1 : 0);
  }
  for (; document < ends.size(); ++document) close_document(skip_empty);
}

void Cutter::cut_block(const char* bytes, Index size, bool lines) {
  const auto pick = [](bool value, auto&& f) { value ? f(std::true_type{}) : f(std::false_type{}); };
  pick(lines && !options_.label_prefix.empty(), [&](auto labels) {
    pick(options_.max_tokens > 0, [&](auto limited) {
      constexpr bool kLabels = decltype(labels)::value, kLimited = decltype(limited)::value;
      switch (lower_) {
        case Lower::none:
          return cut<Lower::none, kLabels, kLimited>(bytes, size, lines);
        case Lower::ascii:
          return cut<Lower::ascii, kLabels, kLimited>(bytes, size, lines);
        case Lower::all:
          return cut<Lower::all, kLabels, kLimited>(bytes, size, lines);
      }
    });
  });
}

void Cutter::add_text(std::string_view text) {
  const auto size = static_cast<Index>(text.size());
  if (size > kMaxBlock) too_large();
  if (is_full() || block_.size() + size > kMaxBlock) cut_texts();
  char* const to = block_.extend(size + 1);
  if (size > 0) std::memcpy(to, text.data(), text.size());
  to[size] = ' ';
  ends_.push_back(static_cast<Position>(block_.size() - 1));
}

void Cutter::cut_texts() {
  if (ends_.empty()) return;
  const Index size = block_.size();
  std::memset(block_.extend(Scanner::kPadding), ' ', Scanner::kPadding);
  cut_block(block_.data(), size, false);
  flush();
  block_.clear();
  ends_.clear();
}

void Cutter::add_words(const std::string_view* words, Index n) {
  cut_texts();
  if (options_.max_tokens > 0) n = std::min(n, options_.max_tokens);
  for (Index i = 0; i < n; ++i) {
    if (static_cast<Index>(words[i].size()) > kMaxBlock) too_large();
    const auto size = static_cast<std::uint32_t>(words[i].size());
    const std::size_t need = std::size_t{size} + 32;
    make_room(need);
    const std::size_t begin = lowered_.size();
    lowered_.append(words[i]);
    lowered_.append(16, '\0');
    const char* const p = lowered_.data() + begin;
    if (lower_ == Lower::none)
      group_[grouped_++] = {word_key<false>(p, size), p, size};
    else if (lower_ == Lower::ascii && !has_non_ascii(p, size))
      group_[grouped_++] = {word_key<true>(p, size), p, size};
    else
      add_lowered(std::string(words[i]).append(16, '\0').data(), size);
  }
  close_document(options_.skip_empty);
  flush();
}

void Cutter::set_label_prefix(const std::string& prefix) {
  cut_texts();
  options_.label_prefix = prefix;
  if (!prefix.empty() && documents_.label_offsets.empty()) documents_.label_offsets.assign(documents_.offsets.size(), 0);
}

Index Cutter::add_lines(std::string_view block) {
  cut_texts();
  cut_block(block.data(), static_cast<Index>(block.size()), true);
  if (!block.empty() && block.back() != '\n') close_document(true);
  // The bytes of the block are the caller's again.
  flush();
  const Index lines = ends_.size();
  ends_.clear();
  interrupt_.poll();
  return lines;
}

}  // namespace pyffnn::text
