#include "text/featurizer.h"

#include <stdexcept>

#include "text/unicode.h"

namespace pyffnn::text {

Featurizer::Featurizer(const FeatureOptions& options, Vocabulary words, const std::vector<std::int64_t>& counts)
    : options_(options), words_(std::move(words)) {
  counts_.append(counts.data(), static_cast<Index>(counts.size()));
}

std::int32_t Featurizer::find(std::string_view word) const {
  if (!options_.lowercase) return words_.find(word);
  std::string lower;
  append_lower(word, lower);
  return words_.find(lower);
}

std::vector<std::int64_t> Featurizer::counts() const {
  std::vector<std::int64_t> counts(counts_.begin(), counts_.end());
  for (const MetAgain& met : met_again_) counts[static_cast<std::size_t>(met.id)] += met.count;
  return counts;
}

FeaturesPtr Featurizer::extended(const Featurizer& more, std::vector<std::int32_t>& ids, Interrupt& interrupt) const {
  std::shared_ptr<Featurizer> both(new Featurizer(options_));
  both->words_ = words_.next();
  ids.resize(static_cast<std::size_t>(more.num_words()));
  for (Index i = 0; i < more.num_words(); ++i) ids[static_cast<std::size_t>(i)] = both->words_.intern(more.words_.word(i));
  both->rows_ = rows_->extended(*more.rows_, ids, both->words_, interrupt);

  const std::vector<std::int64_t> counts = more.counts();
  if (met_again_.size() > num_words() + 1024) {
    const std::vector<std::int64_t> sums = this->counts();
    both->counts_.append(sums.data(), static_cast<Index>(sums.size()));
  } else {
    both->counts_ = counts_.next();
    both->met_again_ = met_again_.next();
  }
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (ids[i] < num_words())
      both->met_again_.push_back({counts[i], ids[i]});
    else
      both->counts_.push_back(counts[i]);
  }
  return both;
}

State Featurizer::state() const {
  State state;
  write_options(options_, state);
  write_words(words_, "word", state);
  state["word_counts"] = counts();
  rows_->write(state);
  return state;
}

FeaturesPtr Featurizer::from_state(const State& state, Interrupt& interrupt) {
  StateReader reader(state);
  const FeatureOptions options = read_options(reader);
  Vocabulary words = read_words(reader, "word", "the words of the vocabulary", options.lowercase, interrupt);
  const std::vector<std::int64_t>& counts = reader.take<std::int64_t>("word_counts");
  if (static_cast<Index>(counts.size()) != words.size())
    throw std::invalid_argument("the vocabulary is damaged: words and counts differ in number");
  const auto features = std::make_shared<Featurizer>(options, std::move(words), counts);
  features->set_rows(read_rows(options, features->words_, reader, interrupt));
  reader.done();
  return features;
}

}  // namespace pyffnn::text
