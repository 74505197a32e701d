// The layout of .bin and .ftz, which C++ programs on little-endian machines wrote as they had it in memory: versions 11 and 12.
#include <algorithm>
#include <climits>

#include "fasttext/model.h"

namespace pyffnn::fasttext {
namespace {

constexpr std::int32_t kMagic = 793712314, kVersion = 12, kOldest = 11;

[[noreturn]] void damaged(const std::string& what) { throw std::invalid_argument("the model file is damaged: " + what); }

std::int32_t take_number(Reader& from, const char* name, std::int32_t least, std::int32_t most) {
  const auto value = from.take<std::int32_t>(name);
  if (value < least || value > most) damaged(std::string(name) + " is " + std::to_string(value));
  return value;
}

Settings read_settings(Reader& from, std::int32_t version) {
  Settings s;
  s.dim = take_number(from, "dim", 1, INT_MAX);
  s.ws = from.take<std::int32_t>("ws");
  s.epoch = from.take<std::int32_t>("epoch");
  s.min_count = from.take<std::int32_t>("minCount");
  s.neg = from.take<std::int32_t>("neg");
  s.word_ngrams = from.take<std::int32_t>("wordNgrams");
  s.loss = static_cast<LossName>(take_number(from, "loss", 1, 4));
  s.model = static_cast<ModelName>(take_number(from, "model", 1, 3));
  s.bucket = take_number(from, "bucket", 0, INT_MAX);
  s.minn = from.take<std::int32_t>("minn");
  s.maxn = from.take<std::int32_t>("maxn");
  s.lr_update_rate = from.take<std::int32_t>("lrUpdateRate");
  s.t = from.take<double>("t");
  // Models of that time had no character n-grams, whatever stands in the file.
  if (version == kOldest && s.supervised()) s.maxn = 0;
  return s;
}

DictionaryPtr read_dictionary(Reader& from, const Settings& settings, const std::shared_ptr<const void>& owner) {
  const char* const name = "the dictionary";
  const Index size = from.take<std::int32_t>(name), words = from.take<std::int32_t>(name), labels = from.take<std::int32_t>(name);
  const auto tokens = from.take<std::int64_t>(name), kept_size = from.take<std::int64_t>(name);
  if (words < 0 || labels < 0 || words + labels != size)
    damaged(std::to_string(words) + " words and " + std::to_string(labels) + " labels");
  constexpr Index kLeastEntry = 1 + 8 + 1;
  if (size * kLeastEntry > from.left()) damaged("a dictionary of " + std::to_string(size) + " entries in a shorter file");
  if (kept_size < -1 || kept_size > from.left() / 8) damaged(std::to_string(kept_size) + " kept n-grams");
  std::vector<std::string_view> entries;
  entries.reserve(static_cast<std::size_t>(size));
  std::int64_t in_all = 0;
  for (Index i = 0; i < size; ++i) {
    entries.push_back(from.take_string(name));
    const auto count = from.take<std::int64_t>(name);
    const auto type = from.take<std::int8_t>(name);
    if (type != (i < words ? 0 : 1)) damaged("entry " + std::to_string(i) + " of the dictionary has type " + std::to_string(type));
    constexpr std::int64_t kMost = 1000000000000000;
    if (count < 0 || count >= kMost || (in_all += count) >= kMost)
      damaged("entry " + std::to_string(i) + " was counted " + std::to_string(count) + " times");
  }
  Dictionary::Kept kept;
  kept.reserve(static_cast<std::size_t>(std::max<Index>(kept_size, 0)));
  for (Index i = 0; i < kept_size; ++i) {
    const auto hash = from.take<std::int32_t>(name), number = from.take<std::int32_t>(name);
    if (hash < 0 || hash >= settings.bucket || number < 0 || number > INT_MAX - words - 1)
      damaged("n-gram " + std::to_string(hash) + " is kept as " + std::to_string(number));
    kept.emplace_back(hash, number);
  }
  return std::make_shared<Dictionary>(settings, owner, std::move(entries), words, tokens, kept_size >= 0, std::move(kept));
}

}  // namespace

ModelPtr Model::load(const std::string& path) {
  const auto file = std::make_shared<const MappedFile>(path);
  Reader from(file->bytes());
  if (from.left() < 8 || from.take<std::int32_t>("its first bytes") != kMagic)
    throw std::invalid_argument(path + " has wrong file format!");
  const auto version = from.take<std::int32_t>("its version");
  if (version < kOldest || version > kVersion)
    throw std::invalid_argument(path + " has wrong file format! It is of version " + std::to_string(version) + "; 11 and 12 are known");
  try {
    const Settings settings = read_settings(from, version);
    const DictionaryPtr dictionary = read_dictionary(from, settings, file);
    const bool quantised = from.take_bool("the kind of the input table");
    TablePtr input = quantised ? read_quantised(from, file, "the input table") : read_dense(from, file, "the input table");
    if (!quantised && dictionary->pruned())
      throw std::invalid_argument("a pruned dictionary with a table that is not quantised: the model is older than fastText's issue 332");
    const bool output_quantised = from.take_bool("the kind of the output table");
    TablePtr output =
        quantised && output_quantised ? read_quantised(from, file, "the output table") : read_dense(from, file, "the output table");
    if (input->dim() != settings.dim)
      damaged("vectors of " + std::to_string(input->dim()) + " numbers in a model of " + std::to_string(settings.dim));
    if (from.left() > 0) damaged(std::to_string(from.left()) + " bytes more than there should be");
    return std::make_shared<Model>(dictionary, std::move(input), std::move(output), quantised, quantised && output_quantised);
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument(path + ": " + error.what());
  }
}

void Model::save(const std::string& path) const {
  if (dictionary_->pruned() && !quantised_)
    throw std::invalid_argument("fastText's files hold no dense table beside a pruned dictionary: a quantised model is folded at load");
  Writer to(path);
  const Settings& s = settings();
  to.put(kMagic);
  to.put(kVersion);
  for (const std::int32_t value : {s.dim, s.ws, s.epoch, s.min_count, s.neg, s.word_ngrams, static_cast<std::int32_t>(s.loss),
                                   static_cast<std::int32_t>(s.model), s.bucket, s.minn, s.maxn, s.lr_update_rate})
    to.put(value);
  to.put(s.t);
  const Dictionary& d = *dictionary_;
  to.put(static_cast<std::int32_t>(d.words() + d.labels()));
  to.put(static_cast<std::int32_t>(d.words()));
  to.put(static_cast<std::int32_t>(d.labels()));
  to.put(d.tokens());
  to.put(d.pruned() ? static_cast<std::int64_t>(d.kept().size()) : std::int64_t{-1});
  for (Index i = 0; i < d.words() + d.labels(); ++i) {
    const std::string_view entry = d.entry(i);
    // with its NUL, count and type, as they lie in memory
    to.put_bytes(entry.data(), static_cast<Index>(entry.size()) + 10);
  }
  for (const auto& [hash, number] : d.kept()) {
    to.put(hash);
    to.put(number);
  }
  to.put(static_cast<std::uint8_t>(quantised_));
  input_->write(to);
  to.put(static_cast<std::uint8_t>(output_quantised_));
  output_->write(to);
  to.commit();
}

}  // namespace pyffnn::fasttext
