#include "text/state.h"

#include <limits>
#include <stdexcept>

#include "text/unicode.h"

namespace pyffnn::text {

namespace {

constexpr std::int64_t kVersion = 2;

[[noreturn]] void refuse(const char* name, const char* rule, std::int64_t got) {
  throw std::invalid_argument(std::string(name) + " must be " + rule + ", got " + std::to_string(got));
}
[[noreturn]] void damaged(const std::string& text) { throw std::invalid_argument(text); }
[[noreturn]] void wrong_version(std::int64_t version) {
  damaged("the featurizer is of version " + std::to_string(version) + ", this library reads up to version " + std::to_string(kVersion));
}

const char* name_of(const std::vector<std::uint8_t>*) { return "uint8"; }
const char* name_of(const std::vector<std::int64_t>*) { return "int64"; }
const char* name_of(const std::vector<std::uint64_t>*) { return "uint64"; }

}  // namespace

void FeatureOptions::check() const {
  if (word_ngrams < 1 || word_ngrams > 16) refuse("word_ngrams", "between 1 and 16", word_ngrams);
  if (char_low != 0 || char_high != 0) {
    if (char_low < 1) refuse("char_ngrams", "(lo, hi) with 1 <= lo <= hi <= 64", char_low);
    if (char_high < char_low || char_high > 64) refuse("char_ngrams", "(lo, hi) with 1 <= lo <= hi <= 64", char_high);
  }
  if (buckets < 0 || buckets > std::numeric_limits<std::int32_t>::max()) refuse("buckets", "between 1 and 2^31 - 1, or None", buckets);
  if (min_count < 1) refuse("min_count", "at least 1", min_count);
  if (max_tokens < 0) refuse("max_tokens", "at least 1, or None", max_tokens);
  if (ngram_min_count < 1) refuse("ngram_min_count", "at least 1", ngram_min_count);
}

template <class T>
const std::vector<T>& StateReader::take(const char* name) {
  const auto found = state_.find(name);
  if (found == state_.end()) damaged("the featurizer's state lacks \"" + std::string(name) + "\"");
  taken_.insert(name);
  const auto* const values = std::get_if<std::vector<T>>(&found->second);
  if (values == nullptr) damaged("the featurizer's state \"" + std::string(name) + "\" must be a 1-D array of " + name_of(values));
  return *values;
}
template const std::vector<std::uint8_t>& StateReader::take(const char*);
template const std::vector<std::int64_t>& StateReader::take(const char*);
template const std::vector<std::uint64_t>& StateReader::take(const char*);

std::int64_t StateReader::number(const char* name, std::int64_t low, std::int64_t high) {
  const std::vector<std::int64_t>& values = take<std::int64_t>(name);
  if (values.size() != 1 || values[0] < low || values[0] > high)
    damaged("the featurizer's state \"" + std::string(name) + "\" must be one number between " + std::to_string(low) + " and " +
            std::to_string(high) + ", got " +
            (values.size() == 1 ? std::to_string(values[0]) : std::to_string(values.size()) + " numbers"));
  return values[0];
}

void StateReader::done() const {
  for (const auto& entry : state_)
    if (taken_.count(entry.first) == 0) damaged("the featurizer's state holds \"" + entry.first + "\", which is no part of it");
}

void write_options(const FeatureOptions& options, State& state) {
  state["version"] = std::vector<std::int64_t>{kVersion};
  for_options(options, [&](const char* name, auto value) { state[name] = std::vector<std::int64_t>{static_cast<std::int64_t>(value)}; });
}

FeatureOptions read_options(StateReader& state) {
  FeatureOptions options;
  if (state.has("options")) {
    const std::vector<std::int64_t>& old = state.take<std::int64_t>("options");
    if (old.empty() || old[0] != 1) wrong_version(old.empty() ? 0 : old[0]);
    if (old.size() != 9) damaged("the featurizer's options are damaged: 9 numbers wanted, got " + std::to_string(old.size()));
    std::size_t at = 1;
    for_options(options, [&](const char* name, auto& value) {
      using T = std::decay_t<decltype(value)>;
      const std::int64_t number = old[at++];
      if (number < 0 || (sizeof(T) < 8 && number > 64)) damaged(std::string("the featurizer's options are damaged: ") + name);
      value = static_cast<T>(number);
    });
  } else {
    const std::int64_t version =
        state.number("version", std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
    if (version != kVersion) wrong_version(version);
    for_options(options, [&](const char* name, auto& value) {
      using T = std::decay_t<decltype(value)>;
      const std::int64_t most = std::is_same_v<T, bool> ? 1 : sizeof(T) < 8 ? 64 : std::numeric_limits<std::int64_t>::max();
      value = static_cast<T>(state.number(name, 0, most));
    });
  }
  options.check();
  return options;
}

void write_words(const Vocabulary& words, const std::string& name, State& state) {
  std::vector<std::uint8_t> bytes;
  std::vector<std::int64_t> ends;
  bytes.reserve(static_cast<std::size_t>(words.bytes()));
  ends.reserve(static_cast<std::size_t>(words.size()));
  for (Index i = 0; i < words.size(); ++i) {
    const std::string_view w = words.word(i);
    bytes.insert(bytes.end(), w.begin(), w.end());
    ends.push_back(static_cast<std::int64_t>(bytes.size()));
  }
  state[name + "_bytes"] = std::move(bytes);
  state[name + "_ends"] = std::move(ends);
}

Vocabulary read_words(StateReader& state, const std::string& name, const char* what, bool lower, Interrupt& interrupt) {
  const std::vector<std::uint8_t>& bytes = state.take<std::uint8_t>((name + "_bytes").c_str());
  const std::vector<std::int64_t>& ends = state.take<std::int64_t>((name + "_ends").c_str());
  Vocabulary words(lower);
  words.reserve(static_cast<Index>(ends.size()));
  const auto* const data = reinterpret_cast<const char*>(bytes.data());
  std::int64_t begin = 0;
  SlowPoll slow(interrupt, 1 << 14);
  for (std::size_t i = 0; i < ends.size(); ++i) {
    slow.step();
    if (ends[i] < begin || ends[i] > static_cast<std::int64_t>(bytes.size()))
      damaged(std::string(what) + " are damaged: end " + std::to_string(i) + " is out of range");
    const std::string_view word(data + begin, static_cast<std::size_t>(ends[i] - begin));
    if (find_invalid_utf8(word) != static_cast<Index>(word.size()))
      damaged(std::string(what) + " are damaged: number " + std::to_string(i) + " is not UTF-8");
    if (words.intern(word) != static_cast<std::int32_t>(i))
      damaged(std::string(what) + " are damaged: number " + std::to_string(i) + " is there twice");
    begin = ends[i];
  }
  if (begin != static_cast<std::int64_t>(bytes.size())) damaged(std::string(what) + " are damaged: bytes are left over");
  words.stop_counting();
  return words;
}

}  // namespace pyffnn::text
