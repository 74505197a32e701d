#include "text/rows.h"

#include "text/ngram_rows.h"

namespace pyffnn::text {

RowsPtr fit_rows(const FeatureOptions& options, const Vocabulary& words, const Met& met, RowData& data, Interrupt& interrupt) {
  return NgramRows::fit(options, words, met, data, interrupt);
}

RowsPtr read_rows(const FeatureOptions& options, const Vocabulary& words, StateReader& state, Interrupt& interrupt) {
  return NgramRows::read(options, words, state, interrupt);
}

}  // namespace pyffnn::text
