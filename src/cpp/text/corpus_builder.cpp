#include "text/corpus_builder.h"

#include <algorithm>

namespace pyffnn::text {

CorpusBuilder::CorpusBuilder(const FeatureOptions& options, Interrupt& interrupt)
    : options_(options), growing_(true), interrupt_(interrupt), words_(options.lowercase) {
  options_.check();
  start(options_);
}

CorpusBuilder::CorpusBuilder(FeaturesPtr features, Interrupt& interrupt)
    : options_(features->options()), growing_(false), notes_(features->rows().notes()), interrupt_(interrupt), words_(options_.lowercase) {
  corpus_.features_ = std::move(features);
  start(options_);
}

void CorpusBuilder::start(const FeatureOptions& options) {
  CutOptions cut;
  cut.lowercase = options.lowercase;
  cut.max_tokens = options.max_tokens;
  Numbers& numbers = *this;
  cutter_.emplace(cut, numbers, corpus_.documents_, interrupt_);
}

void CorpusBuilder::number(const Word* words, int n, std::int32_t* ids) {
  if (growing_) return words_.intern(words, n, ids);
  corpus_.features_->words().find(words, n, ids);
  if (notes_ != RowScheme::Notes::none) note(words, n, ids, notes_ == RowScheme::Notes::all);
}

void CorpusBuilder::note(const Word* words, int n, std::int32_t* ids, bool all) {
  const Featurizer& features = *corpus_.features_;
  for (int i = 0; i < n; ++i) {
    if (ids[i] >= 0 && !all) continue;
    const Index before = words_.size();
    std::int32_t number;
    words_.intern(&words[i], 1, &number);
    if (number == before) features.rows().note_word(words_.word(number), scratch_, corpus_.data_);
    if (all)
      corpus_.data_.piece_list.push_back(number);
    else
      ids[i] = static_cast<std::int32_t>(features.num_words() + number);
  }
}

void CorpusBuilder::expect(Index bytes) {
  // About 6 bytes a word in most languages, and one word in 20 a new one. Room that is not touched costs nothing.
  Pages<std::int32_t>& ids = corpus_.documents_.ids;
  ids.reserve(ids.size() + bytes / 5);
  if (growing_) words_.reserve(std::min(bytes / 128, Index{1} << 20));
}

void CorpusBuilder::add_file(ByteSource& source, const std::string& name, const std::string& label_prefix, Invalid invalid) {
  cutter_->set_label_prefix(label_prefix);
  expect(source.expected());
  LineReader reader(source, name, invalid);
  for (std::string_view block; reader.next(block);) reader.count(cutter_->add_lines(block));
}

std::vector<std::string> CorpusBuilder::make_features(bool want_forgotten) {
  Documents& documents = corpus_.documents_;
  const std::vector<std::int64_t> counts = words_.counts();
  if (options_.char_if_suited && !suits_char_ngrams(documents.ids.size(), documents.size())) options_.char_low = options_.char_high = 0;
  interrupt_.poll();
  Vocabulary::Ranking ranking = words_.rank(counts, options_.min_count, want_forgotten || options_.char_high > 0);
  interrupt_.poll();
  const Index kept = words_.size();
  for (std::int32_t& id : documents.ids) id = ranking.number[static_cast<std::size_t>(id)];
  interrupt_.poll();
  corpus_.all_known_ = kept == static_cast<Index>(ranking.number.size());

  const std::vector<std::int64_t> kept_counts(ranking.counts.begin(), ranking.counts.begin() + kept);
  const auto features = std::make_shared<Featurizer>(options_, std::move(words_), kept_counts);
  corpus_.features_ = features;
  Met met{{}, ranking.counts, kept, corpus_.bags()};
  if (options_.char_high > 0) {
    met.words.reserve(ranking.counts.size());
    for (Index i = 0; i < kept; ++i) met.words.push_back(features->words().word(i));
    met.words.insert(met.words.end(), ranking.forgotten.begin(), ranking.forgotten.end());
  }
  features->set_rows(fit_rows(options_, features->words(), met, corpus_.data_, interrupt_));
  return std::move(ranking.forgotten);
}

Corpus CorpusBuilder::finish() {
  cutter_->cut_texts();
  if (growing_)
    make_features(false);
  else
    corpus_.features_->rows().find(corpus_.bags(), corpus_.data_, interrupt_);
  return std::move(corpus_);
}

Corpus CorpusBuilder::finish_extending(const Featurizer& known) {
  cutter_->cut_texts();
  const std::vector<std::string> forgotten = make_features(true);
  const FeaturesPtr fresh = corpus_.features_;
  std::vector<std::int32_t> ids;
  corpus_.features_ = known.extended(*fresh, ids, interrupt_);
  const RowScheme& rows = corpus_.features_->rows();
  // A word that is too rare here may be known from before.
  for (const std::string& word : forgotten) ids.push_back(known.words().find(word));

  Pages<std::int32_t>& words = corpus_.documents_.ids;
  RowData data;
  if (rows.notes() != RowScheme::Notes::none) {
    for (Index i = 0; i < fresh->num_words(); ++i) rows.note_word(fresh->words().word(i), scratch_, data);
    for (const std::string& word : forgotten) rows.note_word(word, scratch_, data);
    data.piece_list.append(words.data(), words.size());
  }
  corpus_.all_known_ = true;
  for (std::int32_t& id : words) {
    id = ids[static_cast<std::size_t>(id)];
    corpus_.all_known_ &= id >= 0;
  }
  corpus_.data_ = std::move(data);
  rows.find(corpus_.bags(), corpus_.data_, interrupt_);
  return std::move(corpus_);
}

}  // namespace pyffnn::text
