// A fastText model: dictionary, input and output table, and what its loss makes of them.
#pragma once
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "fasttext/batch.h"
#include "fasttext/table.h"
#include "fasttext/tree.h"

namespace pyffnn::fasttext {

struct Prediction {
  float score;  // the logarithm of the probability (of 1e-5 more, as fastText has it)
  std::int32_t label;
};

// What fastText gives out for a prediction, but never more than 1.
float probability(const Prediction& p);

// The table by which fastText computes the sigmoid.
class SigmoidTable {
 public:
  SigmoidTable();
  float operator()(float x) const;

 private:
  static constexpr int kSize = 512, kMost = 8;
  std::array<float, kSize + 1> values_;
};

// Memory of one prediction, kept for the next.
struct PredictSpace {
  Line line;
  Batch batch;
  std::vector<float> hidden, output;
  std::vector<Prediction> found;
  std::vector<std::pair<float, std::int32_t>> stack;
};

// Immutable, so any number of threads may use it.
class Model {
 public:
  // Throws std::invalid_argument where the parts do not fit together. `quantised` says of what kind the input is.
  Model(DictionaryPtr dictionary, TablePtr input, TablePtr output, bool quantised, bool output_quantised);

  static std::shared_ptr<const Model> load(const std::string& path);
  void save(const std::string& path) const;

  const Dictionary& dictionary() const { return *dictionary_; }
  const DictionaryPtr& dictionary_ptr() const { return dictionary_; }
  const Settings& settings() const { return dictionary_->settings(); }
  const Table& input() const { return *input_; }
  const Table& output() const { return *output_; }
  const TablePtr& output_ptr() const { return output_; }
  bool quantised() const { return quantised_; }
  bool output_quantised() const { return output_quantised_; }
  const Tree& tree() const { return tree_; }

  // dictionary().read_line() for predict().
  void read_line(const char*& at, const char* end, bool closed, Line& line) const {
    line.table = input_->flat();
    line.row_bytes = input_->dim() * static_cast<Index>(sizeof(float));
    dictionary_->read_line(at, end, closed, line);
  }
  // The best labels of space.line.rows into space.found, best first; none for no rows. k is at least 1.
  void predict(Index k, float threshold, PredictSpace& space) const;
  // The same for each line of a ListReader or TextReader: took(i, j), with the predictions of line i in space.found, which is line j
  // of space.batch. labelled_only: none are found for lines without a label.
  template <class Reader, class F>
  void predict_each(Reader&& reader, bool labelled_only, Index k, float threshold, PredictSpace& space, F&& took) const {
    const Batch& batch = space.batch;
    while (reader.next(space.batch)) {
      means(space);
      for (Index j = 0; j < batch.lines(); ++j) {
        space.found.clear();
        if (batch.num_rows(j) > 0 && (!labelled_only || batch.num_labels(j) > 0))
          best(space.hidden.data() + j * input_->dim(), k, threshold, space);
        took(batch.first + j, j);
      }
    }
  }

  // dim numbers each
  void word_vector(std::string_view word, Line& scratch, float* out) const;
  void sentence_vector(std::string_view line, Line& scratch, float* out) const;

  std::shared_ptr<const Model> with_tables(TablePtr input, TablePtr output) const;
  // The same predictions from input rows that the output table has been multiplied into: rows of as many numbers as it has rows.
  std::shared_ptr<const Model> folded() const;

 private:
  void means(PredictSpace& space) const;
  // The best labels for the mean `hidden`.
  void best(const float* hidden, Index k, float threshold, PredictSpace& space) const;
  void best_of_all(const float* hidden, Index k, float threshold, PredictSpace& space) const;
  void best_of_tree(const float* hidden, Index k, float threshold, PredictSpace& space) const;

  DictionaryPtr dictionary_;
  TablePtr input_, output_;
  bool quantised_, output_quantised_;
  Tree tree_;
};
using ModelPtr = std::shared_ptr<const Model>;

}  // namespace pyffnn::fasttext
