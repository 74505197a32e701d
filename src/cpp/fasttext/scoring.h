// Documents of a corpus, as one text each or as windows that are reduced to one answer.
#pragma once
#include "fasttext/model.h"

namespace pyffnn::fasttext {

enum class Reduce { mean, max, min, first };

struct Scoring {
  Index k = 1;
  float threshold = 0;
  Index window = 0;  // words a window; 0: the whole document; -1: a paragraph (a line that is not blank)
  Reduce reduce = Reduce::mean;
};

struct ScoreSpace {
  PredictSpace predict;
  std::string text;
  std::vector<std::string_view> windows;
  std::vector<double> sums;
};

// The best labels of a document into space.predict.found, whose scores are then probabilities. Line feeds separate words; the end of a
// document or window counts as the end of a line.
void score_document(const Model& model, std::string_view document, const Scoring& scoring, ScoreSpace& space);

}  // namespace pyffnn::fasttext
