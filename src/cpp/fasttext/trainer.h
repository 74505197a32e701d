// Training as fastText does it with one thread: a step of stochastic gradient descent an example, at a rate that falls to zero with the
// words read. So the model is a function of the text, the settings and the seed, however many threads there are.
#pragma once
#include <functional>
#include <memory>

#include "core/interrupt.h"
#include "fasttext/model.h"
#include "fasttext/word_stream.h"

namespace pyffnn::fasttext {

struct TrainSettings {
  double lr = 0.05;
  std::int32_t epoch = 5;
  std::uint64_t seed = 0;
  // Vectors to begin with: of word words[i], `dim` numbers at vectors + i * dim.
  std::vector<std::string_view> words;
  const float* vectors = nullptr;
};

struct Progress {
  double done, lr, loss;  // the share of the words that are read; the mean loss of the examples
};
// Asked now and then; false ends training by Stopped.
using Watch = std::function<bool(const Progress&)>;
struct Stopped {};

struct Trained {
  ModelPtr model;
  double loss;
};

// Lines beyond so many rows are read anew in each epoch.
constexpr Index kMostRows = Index{1} << 27;

// `stream`: the words of the text, if they are known. Throws Diverged (losses.h), std::invalid_argument where there is nothing to learn,
// Stopped.
Trained train(std::string_view text, const DictionaryPtr& dictionary, WordStream stream, const TrainSettings& settings,
              Interrupt& interrupt, const Watch& watch);
// Goes on with the vectors of a model, which is not quantised.
Trained train_on(std::string_view text, const Model& model, const TrainSettings& settings, Interrupt& interrupt, const Watch& watch);

}  // namespace pyffnn::fasttext
