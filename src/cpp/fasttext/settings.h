// What a model file says of how the model was made.
#pragma once
#include <string>

#include "core/types.h"

namespace pyffnn::fasttext {

enum class LossName : int { hs = 1, ns = 2, softmax = 3, ova = 4 };
enum class ModelName : int { cbow = 1, skipgram = 2, supervised = 3 };

struct Settings {
  std::int32_t dim = 100, ws = 5, epoch = 5, min_count = 5, neg = 5, word_ngrams = 1;
  LossName loss = LossName::ns;
  ModelName model = ModelName::skipgram;
  std::int32_t bucket = 2000000, minn = 3, maxn = 6, lr_update_rate = 100;
  double t = 1e-4;
  std::string label = "__label__";  // stands in no file

  bool supervised() const { return model == ModelName::supervised; }
  // Whether texts have rows beyond those of the words.
  bool has_pieces() const { return bucket > 0 && (word_ngrams > 1 || maxn > 0); }
};

}  // namespace pyffnn::fasttext
