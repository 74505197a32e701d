#include "text/corpus_builder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "text/unicode.h"

namespace pyffnn::text {

namespace {

constexpr Index kBlock = Index{256} << 10;
constexpr Index kMaxBlock = (Index{1} << 32) - 128;

[[noreturn]] void too_large() { throw std::length_error("a document of more than 4 GiB"); }

bool has_non_ascii(const char* p, std::size_t n) {
  std::uint64_t high = 0;
  if (n <= 15) return (((load_word(p) & kKeyMasks.of[n].lo) | (load_word(p + 8) & kKeyMasks.of[n].hi)) & 0x8080808080808080u) != 0;
  for (std::size_t i = 0; i + 8 < n; i += 8) high |= load_word(p + i);
  return ((high | load_word(p + n - 8)) & 0x8080808080808080u) != 0;
}

}  // namespace

CorpusBuilder::CorpusBuilder(const FeatureOptions& options) : options_(options), growing_(true), growing_words_(options.lowercase) {
  options_.check();
}

CorpusBuilder::CorpusBuilder(std::shared_ptr<const Featurizer> features)
    : options_(features->options()), growing_(false), unknown_words_(options_.lowercase) {
  corpus_.features_ = std::move(features);
}

CorpusBuilder::~CorpusBuilder() = default;

void CorpusBuilder::place_unknown(const Word* words, int n, std::int32_t* ids) {
  for (int i = 0; i < n; ++i) {
    if (ids[i] >= 0) continue;
    const Index before = unknown_words_.size();
    std::int32_t id;
    unknown_words_.intern(&words[i], 1, &id);
    if (id == before) {
      if (corpus_.char_starts_.empty()) corpus_.char_starts_.push_back(0);
      corpus_.features_->append_char_rows(unknown_words_.word(id), scratch_, corpus_.char_rows_);
      corpus_.char_starts_.push_back(corpus_.char_rows_.size());
    }
    ids[i] = static_cast<std::int32_t>(corpus_.features_->num_words() + id);
  }
}

void CorpusBuilder::flush() {
  if (grouped_ == 0) return;
  std::int32_t* const ids = corpus_.ids_.extend(grouped_);
  if (growing_) {
    growing_words_.intern(group_, grouped_, ids);
  } else {
    corpus_.features_->words().find(group_, grouped_, ids);
    if (options_.char_high > 0) place_unknown(group_, grouped_, ids);
  }
  grouped_ = 0;
  lowered_.clear();
}

// For `bytes` in lowered_ and a word of the group that lies there: neither may move before the next flush.
void CorpusBuilder::make_room(std::size_t bytes) {
  if (grouped_ < kGroup && lowered_.capacity() - lowered_.size() >= bytes) return;
  flush();
  lowered_.reserve(std::max(bytes, std::size_t{1} << 16));
}

// A word with letters beyond ASCII is written anew in lower case.
void CorpusBuilder::add_lowered(const char* p, std::uint32_t n) {
  // U+0130 grows from two bytes to three, none grows more.
  const std::size_t need = std::size_t{n} * 3 / 2 + 32;
  make_room(need);
  const std::size_t begin = lowered_.size();
  append_lower({p, n}, lowered_);
  const std::size_t size = lowered_.size() - begin;
  lowered_.append(16, '\0');
  const char* const word = lowered_.data() + begin;
  group_[grouped_++] = {word_key<false>(word, size), word, static_cast<std::uint32_t>(size)};
}

bool CorpusBuilder::is_label(const char* p, std::uint32_t n) const {
  return n >= label_prefix_.size() && std::memcmp(p, label_prefix_.data(), label_prefix_.size()) == 0;
}

void CorpusBuilder::add_label(const char* p, std::uint32_t n) {
  const Word label{word_key<false>(p, n), p, n};
  corpus_.labels_.intern(&label, 1, corpus_.label_ids_.extend(1));
}

void CorpusBuilder::close_document(bool skip_empty) {
  const Index tokens = corpus_.ids_.size() + grouped_;
  const bool labelled = !corpus_.label_offsets_.empty();
  if (skip_empty && tokens == corpus_.offsets_.back() && (!labelled || corpus_.label_ids_.size() == corpus_.label_offsets_.back())) return;
  corpus_.offsets_.push_back(tokens);
  if (labelled) corpus_.label_offsets_.push_back(corpus_.label_ids_.size());
}

template <bool Lower, bool Labels, bool Limited>
void CorpusBuilder::cut(const char* bytes, Index size, Pages<Position>& ends, bool lines) {
  Scanner scanner(bytes, size);
  Index document = 0;
  std::uint64_t prefix = 0, prefix_mask = 0;
  if (Labels) {
    char first[8] = {};
    std::memcpy(first, label_prefix_.data(), std::min<std::size_t>(8, label_prefix_.size()));
    prefix = load_word(first);
    prefix_mask = kKeyMasks.of[std::min<std::size_t>(8, label_prefix_.size())].lo;
  }
  bounds_.clear();
  while (!scanner.done()) {
    scanner.next_segment(bounds_, lines ? &ends : nullptr);
    const Index words = bounds_.size() / 2;
    const Position* const bounds = bounds_.data();
    for (Index k = 0; k < words;) {
      while (document < ends.size() && ends[document] <= bounds[2 * k]) {
        close_document(lines);
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
        if (__builtin_expect(label || (Lower && has_non_ascii(p, n)), 0)) {
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
        group_[grouped++] = {word_key<Lower>(p, n), p, n};
      }
      grouped_ = grouped;
    }
    const bool open = bounds_.size() % 2 != 0;
    if (open) bounds_[0] = bounds_.back();
    bounds_.resize(open ? 1 : 0);
  }
  for (; document < ends.size(); ++document) close_document(lines);
  flush();
}

void CorpusBuilder::cut_block(const char* bytes, Index size, Pages<Position>& ends, bool lines) {
  const auto with = [&](auto lower, auto labels, auto limited) {
    cut<decltype(lower)::value, decltype(labels)::value, decltype(limited)::value>(bytes, size, ends, lines);
  };
  const auto pick = [](bool value, auto&& f) { value ? f(std::true_type{}) : f(std::false_type{}); };
  pick(options_.lowercase, [&](auto lower) {
    pick(lines && !label_prefix_.empty(),
         [&](auto labels) { pick(options_.max_tokens > 0, [&](auto limited) { with(lower, labels, limited); }); });
  });
}

void CorpusBuilder::expect(Index bytes) {
  // About 6 bytes a word in most languages, and one word in 20 a new one. Room that is not touched costs nothing.
  corpus_.ids_.reserve(corpus_.ids_.size() + bytes / 5);
  if (growing_) growing_words_.reserve(std::min(bytes / 128, Index{1} << 20));
}

void CorpusBuilder::add_text(std::string_view text) {
  const auto size = static_cast<Index>(text.size());
  if (size > kMaxBlock) too_large();
  if (is_full() || block_.size() + size > kMaxBlock) cut_texts();
  char* const to = block_.extend(size + 1);
  if (size > 0) std::memcpy(to, text.data(), text.size());
  to[size] = ' ';
  ends_.push_back(static_cast<Position>(block_.size() - 1));
}

void CorpusBuilder::cut_texts() {
  if (ends_.empty()) return;
  const Index size = block_.size();
  std::memset(block_.extend(Scanner::kPadding), ' ', Scanner::kPadding);
  cut_block(block_.data(), size, ends_, false);
  block_.clear();
  ends_.clear();
}

void CorpusBuilder::add_words(const std::string_view* words, Index n) {
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
    if (!options_.lowercase)
      group_[grouped_++] = {word_key<false>(p, size), p, size};
    else if (!has_non_ascii(p, size))
      group_[grouped_++] = {word_key<true>(p, size), p, size};
    else
      add_lowered(std::string(words[i]).append(16, '\0').data(), size);
  }
  close_document(false);
  flush();
}

void CorpusBuilder::add_file(const std::string& path, const std::string& label_prefix, Invalid invalid) {
  cut_texts();
  label_prefix_ = label_prefix;
  if (!label_prefix.empty() && corpus_.label_offsets_.empty()) corpus_.label_offsets_.assign(corpus_.offsets_.size(), 0);

  struct File {
    int fd;
    ~File() {
      if (fd >= 0) ::close(fd);
    }
  } file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) throw std::system_error(errno, std::generic_category(), path);
  struct stat info;
  if (::fstat(file.fd, &info) == 0 && S_ISREG(info.st_mode)) {
    expect(static_cast<Index>(info.st_size));
  }

  Pages<char> buffer;
  buffer.resize(kBlock + Scanner::kPadding);
  Pages<Position> ends;
  std::string repaired;
  Index filled = 0;
  std::int64_t lines_before = 0;
  bool first = true;
  for (bool at_end = false; !at_end;) {
    const Index room = buffer.size() - Scanner::kPadding - filled;
    if (room == 0) {
      if (filled >= kMaxBlock) too_large();
      const Index wanted = std::min(2 * filled, kMaxBlock) + Scanner::kPadding;
      buffer.resize(wanted);
      continue;
    }
    const ssize_t got = ::read(file.fd, buffer.data() + filled, static_cast<std::size_t>(room));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw std::system_error(errno, std::generic_category(), path);
    }
    at_end = got == 0;
    const Index searched = filled;
    filled += got;
    Index size = filled;
    if (!at_end) {
      const void* const last = ::memrchr(buffer.data() + searched, '\n', static_cast<std::size_t>(got));
      if (last == nullptr) continue;
      size = static_cast<const char*>(last) - buffer.data() + 1;
    }
    if (size == 0) break;
    std::string_view block(buffer.data(), static_cast<std::size_t>(size));
    if (first && block.substr(0, 3) == "\xEF\xBB\xBF") block.remove_prefix(3);
    first = false;

    const Index bad = find_invalid_utf8(block);
    if (bad != static_cast<Index>(block.size())) {
      if (invalid == Invalid::refuse) {
        const std::int64_t line = lines_before + std::count(block.begin(), block.begin() + bad, '\n') + 1;
        throw std::invalid_argument(path + ", line " + std::to_string(line) + ": byte " +
                                    std::to_string(static_cast<unsigned char>(block[static_cast<std::size_t>(bad)])) +
                                    " begins no UTF-8 character");
      }
      repair_utf8(block, repaired);
      block = repaired;
      if (static_cast<Index>(block.size()) > kMaxBlock) too_large();
      repaired.append(static_cast<std::size_t>(Scanner::kPadding), ' ');
      block = std::string_view(repaired.data(), repaired.size() - static_cast<std::size_t>(Scanner::kPadding));
    }
    if (invalid == Invalid::refuse) lines_before += 0;
    ends.clear();
    cut_block(block.data(), static_cast<Index>(block.size()), ends, true);
    lines_before += ends.size();
    if (!block.empty() && block.back() != '\n') close_document(true);
    std::memmove(buffer.data(), buffer.data() + size, static_cast<std::size_t>(filled - size));
    filled -= size;
  }
}

void CorpusBuilder::make_features() {
  const std::vector<std::int64_t> counts = growing_words_.counts();
  if (options_.char_if_short && !has_short_texts(corpus_.ids_.size(), corpus_.size())) options_.char_low = options_.char_high = 0;
  const bool chars = options_.char_high > 0;
  Vocabulary::Ranking ranking = growing_words_.rank(counts, options_.min_count, chars);
  const Index kept = growing_words_.size();
  for (std::int32_t& id : corpus_.ids_) id = ranking.number[static_cast<std::size_t>(id)];
  corpus_.all_known_ = kept == static_cast<Index>(ranking.number.size());

  std::vector<std::int64_t> kept_counts(ranking.counts.begin(), ranking.counts.begin() + kept);
  std::shared_ptr<Featurizer> features(new Featurizer(options_, std::move(growing_words_), std::move(kept_counts)));
  if (chars) {
    std::vector<std::string_view> words;
    words.reserve(ranking.counts.size());
    for (Index i = 0; i < kept; ++i) words.push_back(features->words().word(i));
    words.insert(words.end(), ranking.forgotten.begin(), ranking.forgotten.end());
    features->fit_char_grams(words, ranking.counts);
  }
  if (options_.word_ngrams > 1 && options_.buckets == 0) {
    const IdBags bags{corpus_.ids_.data(), corpus_.offsets_.data(), corpus_.size(), kept};
    features->grams_.fit(bags, options_.word_ngrams, options_.ngram_min_count, kept, corpus_.gram_rows_);
  }
  features->place_rows(features->grams_.size());
  if (chars) {
    corpus_.char_starts_.push_back(0);
    for (const std::string& word : ranking.forgotten) {
      features->append_char_rows(word, scratch_, corpus_.char_rows_);
      corpus_.char_starts_.push_back(corpus_.char_rows_.size());
    }
  }
  corpus_.features_ = std::move(features);
}

void CorpusBuilder::find_grams() {
  if (options_.word_ngrams > 1 && options_.buckets == 0) {
    const IdBags bags{corpus_.ids_.data(), corpus_.offsets_.data(), corpus_.size(), corpus_.features_->num_words()};
    corpus_.features_->grams().find(bags, corpus_.gram_rows_);
  }
}

Corpus CorpusBuilder::finish() {
  cut_texts();
  if (growing_)
    make_features();
  else
    find_grams();
  return std::move(corpus_);
}

const Corpus& CorpusBuilder::finish_reusing() {
  cut_texts();
  find_grams();
  return corpus_;
}

void CorpusBuilder::clear() {
  block_.clear();
  ends_.clear();
  grouped_ = 0;
  lowered_.clear();
  corpus_.ids_.clear();
  corpus_.offsets_.clear();
  corpus_.offsets_.push_back(0);
  corpus_.label_ids_.clear();
  corpus_.label_offsets_.clear();
  corpus_.labels_ = Vocabulary();
  corpus_.char_starts_.clear();
  corpus_.char_rows_.clear();
  if (unknown_words_.size() > 0) unknown_words_ = Vocabulary(options_.lowercase);
}

}  // namespace pyffnn::text
