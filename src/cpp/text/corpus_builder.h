// From text to a corpus: with a vocabulary of its own that grows (training), or that of a featurizer.
#pragma once
#include <optional>

#include "text/corpus.h"

namespace pyffnn::text {

class CorpusBuilder final : private Numbers {
 public:
  CorpusBuilder(const FeatureOptions& options, Interrupt& interrupt);
  CorpusBuilder(FeaturesPtr features, Interrupt& interrupt);

  // Documents come in by the cutter, or as lines of a file in fastText's format: lines without word or label are left out.
  Cutter& cutter() { return *cutter_; }
  void add_file(ByteSource& source, const std::string& name, const std::string& label_prefix, Invalid invalid);

  // The corpus; the builder is spent. With a growing vocabulary the featurizer is made now.
  Corpus finish();
  // Of a growing vocabulary: a corpus whose featurizer is `known` extended by what these documents would have given one of their own.
  Corpus finish_extending(const Featurizer& known);

 private:
  void number(const Word* words, int n, std::int32_t* ids) override;
  void start(const FeatureOptions& options);
  void expect(Index bytes);
  void note(const Word* words, int n, std::int32_t* ids, bool all);
  // Gives the words outside the vocabulary, by falling count, if they are wanted.
  std::vector<std::string> make_features(bool want_forgotten);

  FeatureOptions options_;
  bool growing_;
  RowScheme::Notes notes_ = RowScheme::Notes::none;
  Interrupt& interrupt_;
  Vocabulary words_;  // growing, or those that were noted
  Corpus corpus_;
  std::string scratch_;
  std::optional<Cutter> cutter_;
};

}  // namespace pyffnn::text
