#include "fasttext/model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/dispatch.h"
#include "core/math.h"
#include "core/thread_pool.h"
#include "fasttext/packed_table.h"

namespace pyffnn::fasttext {
namespace {

float log_of(float x) { return static_cast<float>(std::log(static_cast<double>(x) + 1e-5)); }
bool better(const Prediction& a, const Prediction& b) { return a.score > b.score; }

// The k best so far: a heap with the worst on top, so that of equal scores the same ones stay as in fastText.
void offer(std::vector<Prediction>& heap, Index k, Prediction p) {
  heap.push_back(p);
  std::push_heap(heap.begin(), heap.end(), better);
  if (static_cast<Index>(heap.size()) > k) {
    std::pop_heap(heap.begin(), heap.end(), better);
    heap.pop_back();
  }
}

// What offer() leaves of n probabilities for k = 1: of equal scores the last.
void best_one(const float* p, Index n, float threshold, std::vector<Prediction>& found) {
  float most = -1;
  for (Index i = 0; i < n; ++i)
    if (p[i] >= threshold && p[i] > most) most = p[i];
  if (most < 0) return;
  const float score = log_of(most), clear = 0.999f * most - 1e-9f;
  Index best = n - 1;
  while (p[best] != most && !(p[best] >= threshold && p[best] >= clear && log_of(p[best]) == score)) --best;
  found.push_back({score, static_cast<std::int32_t>(best)});
}

const SigmoidTable& sigmoid_table() {
  static const SigmoidTable table;
  return table;
}

std::vector<std::int64_t> counts_of_tree(const Dictionary& dictionary) {
  if (dictionary.settings().loss != LossName::hs) return {};
  return dictionary.target_counts();
}

}  // namespace

float probability(const Prediction& p) { return std::min(std::exp(p.score), 1.0f); }

SigmoidTable::SigmoidTable() {
  for (int i = 0; i <= kSize; ++i) {
    const float x = static_cast<float>(i * 2 * kMost) / kSize - kMost;
    values_[static_cast<std::size_t>(i)] = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(x))));
  }
}

float SigmoidTable::operator()(float x) const {
  if (x < -kMost) return 0.0f;
  if (x > kMost) return 1.0f;
  if (!(x == x)) return x;
  return values_[static_cast<std::size_t>((x + kMost) * kSize / kMost / 2)];
}

Model::Model(DictionaryPtr dictionary, TablePtr input, TablePtr output, bool quantised, bool output_quantised)
    : dictionary_(std::move(dictionary)),
      input_(std::move(input)),
      output_(std::move(output)),
      quantised_(quantised),
      output_quantised_(output_quantised),
      tree_(counts_of_tree(*dictionary_)) {
  const auto wrong = [](const std::string& text) { throw std::invalid_argument("the model's parts do not fit together: " + text); };
  const Dictionary& d = *dictionary_;
  const Index words = d.words();
  Index rows = words;
  if (d.pruned()) {
    for (const auto& kept : d.kept()) rows = std::max(rows, words + kept.second + 1);
  } else if (settings().has_pieces()) {
    rows += settings().bucket;
  }
  if (input_->dim() != output_->dim())
    wrong("input vectors of " + std::to_string(input_->dim()) + " numbers, output vectors of " + std::to_string(output_->dim()));
  if (input_->rows() < rows)
    wrong("an input table of " + std::to_string(input_->rows()) + " rows where there should be " + std::to_string(rows));
  if (output_->rows() < d.targets())
    wrong("an output table of " + std::to_string(output_->rows()) + " rows for " + std::to_string(d.targets()) + " targets");
}

void Model::predict(Index k, float threshold, PredictSpace& space) const {
  space.found.clear();
  if (space.line.rows.empty()) return;
  space.hidden.resize(static_cast<std::size_t>(input_->dim()));
  input_->mean(space.line.rows.data(), static_cast<Index>(space.line.rows.size()), space.hidden.data());
  best(space.hidden.data(), k, threshold, space);
}

void Model::means(PredictSpace& space) const {
  const Batch& batch = space.batch;
  space.hidden.resize(static_cast<std::size_t>(input_->dim() * batch.lines()));
  input_->means(batch.all.rows.data(), batch.rows.data(), batch.lines(), space.hidden.data());
}

void Model::best(const float* hidden, Index k, float threshold, PredictSpace& space) const {
  if (dictionary_->targets() == 0) return;
  if (settings().loss == LossName::hs)
    best_of_tree(hidden, k, threshold, space);
  else
    best_of_all(hidden, k, threshold, space);
  std::sort_heap(space.found.begin(), space.found.end(), better);
}

void Model::best_of_all(const float* hidden, Index k, float threshold, PredictSpace& space) const {
  const Index n = dictionary_->targets();
  space.output.resize(static_cast<std::size_t>(n));
  float* const output = space.output.data();
  output_->dots(hidden, 0, n, output);
  if (settings().loss == LossName::softmax) {
    if (n > 16) {
      dispatch::kernels<float>().softmax(output, n, output, n, 1, n);
    } else {
      const float most = *std::max_element(output, output + n);
      float sum = 0;
      for (Index i = 0; i < n; ++i) {
        const float z = output[i] - most;
        sum += output[i] = z == 0 ? 1.0f : static_cast<float>(std::exp(static_cast<double>(z)));
      }
      for (Index i = 0; i < n; ++i) output[i] /= sum;
    }
  } else {
    const SigmoidTable& sigmoid = sigmoid_table();
    for (Index i = 0; i < n; ++i) output[i] = sigmoid(output[i]);
  }
  if (k == 1) return best_one(output, n, threshold, space.found);
  // What is clearly below the worst of the k best needs no logarithm.
  float clear = -1;
  for (Index i = 0; i < n; ++i) {
    const float p = output[i];
    if (!(p >= threshold) || p < clear) continue;
    const bool full = static_cast<Index>(space.found.size()) == k;
    const float score = log_of(p);
    if (full && score < space.found.front().score) continue;
    offer(space.found, k, {score, static_cast<std::int32_t>(i)});
    if (static_cast<Index>(space.found.size()) == k) clear = 0.999f * output[space.found.front().label] - 1e-9f;
  }
}

void Model::best_of_tree(const float* hidden, Index k, float threshold, PredictSpace& space) const {
  const std::vector<Tree::Node>& nodes = tree_.nodes();
  const Index leaves = tree_.leaves();
  // below zero there is no limit, and no logarithm
  const float bound = log_of(threshold), least = std::isnan(bound) ? -std::numeric_limits<float>::infinity() : bound;
  auto& stack = space.stack;
  stack.clear();
  stack.emplace_back(0.0f, static_cast<std::int32_t>(nodes.size()) - 1);
  while (!stack.empty()) {
    const auto [score, node] = stack.back();
    stack.pop_back();
    if (!(score >= least)) continue;
    if (static_cast<Index>(space.found.size()) == k && score < space.found.front().score) continue;
    const Tree::Node& at = nodes[static_cast<std::size_t>(node)];
    if (at.left < 0) {
      offer(space.found, k, {score, node});
      continue;
    }
    float f = 0;
    output_->dots(hidden, node - leaves, node - leaves + 1, &f);
    f = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(f))));
    stack.emplace_back(score + log_of(f), at.right);
    stack.emplace_back(score + log_of(1.0f - f), at.left);
  }
}

void Model::word_vector(std::string_view word, Line& scratch, float* out) const {
  dictionary_->word_rows(word, scratch, scratch.rows);
  // A label's number stands for one of the rows behind those of words, which a model without n-grams has not.
  const auto beyond = [rows = input_->rows()](std::int32_t row) { return row >= rows; };
  scratch.rows.erase(std::remove_if(scratch.rows.begin(), scratch.rows.end(), beyond), scratch.rows.end());
  if (scratch.rows.empty())
    std::fill(out, out + input_->dim(), 0.0f);
  else
    input_->mean(scratch.rows.data(), static_cast<Index>(scratch.rows.size()), out);
}

void Model::sentence_vector(std::string_view line, Line& scratch, float* out) const {
  const Index dim = input_->dim();
  std::fill(out, out + dim, 0.0f);
  const char* at = line.data();
  const char* const end = at + line.size();
  if (settings().supervised()) {
    dictionary_->read_line(at, end, true, scratch);
    if (!scratch.rows.empty()) input_->mean(scratch.rows.data(), static_cast<Index>(scratch.rows.size()), out);
    return;
  }
  std::vector<float> word(static_cast<std::size_t>(dim));
  std::string_view token;
  std::uint32_t hash = 0;
  Index count = 0;
  while (next_word(at, end, token, hash)) {
    word_vector(token, scratch, word.data());
    float length = 0;
    for (const float x : word) length += x * x;
    length = std::sqrt(length);
    if (!(length > 0)) continue;
    const float scale = static_cast<float>(1.0 / static_cast<double>(length));
    for (Index j = 0; j < dim; ++j) out[j] += word[static_cast<std::size_t>(j)] * scale;
    ++count;
  }
  if (count == 0) return;
  const auto scale = static_cast<float>(1.0 / static_cast<double>(count));
  for (Index j = 0; j < dim; ++j) out[j] *= scale;
}

ModelPtr Model::with_tables(TablePtr input, TablePtr output) const {
  Settings settings = this->settings();
  settings.dim = static_cast<std::int32_t>(input->dim());
  std::vector<std::string_view> entries;
  for (Index i = 0; i < dictionary_->words() + dictionary_->labels(); ++i) entries.push_back(dictionary_->entry(i));
  auto dictionary = std::make_shared<Dictionary>(settings, dictionary_, std::move(entries), dictionary_->words(), dictionary_->tokens(),
                                                 dictionary_->pruned(), dictionary_->kept());
  return std::make_shared<Model>(std::move(dictionary), std::move(input), std::move(output), false, false);
}

ModelPtr Model::folded() const {
  const Index rows = input_->rows(), dim = input_->dim(), outputs = output_->rows();
  const Index ld = PackedTable::row_size(outputs);
  auto folded = std::make_shared<Numbers>(checked_product({rows, ld}));
  auto identity = std::make_shared<std::vector<float>>(static_cast<std::size_t>(checked_product({outputs, outputs})));
  threads::parallel_for(rows, threads::threads_for(static_cast<double>(rows) * static_cast<double>(dim * outputs)),
                        [&](Index begin, Index end) {
                          std::vector<float> row(static_cast<std::size_t>(dim));
                          for (Index i = begin; i < end; ++i) {
                            input_->copy(i, row.data());
                            if (std::all_of(row.begin(), row.end(), [](float x) { return x == 0; })) continue;
                            output_->dots(row.data(), 0, outputs, folded->data() + i * ld);
                          }
                        });
  for (Index i = 0; i < outputs; ++i) (*identity)[static_cast<std::size_t>(i * (outputs + 1))] = 1.0f;
  const float* const out = identity->data();
  return with_tables(PackedTable::make(std::move(folded), rows, outputs, dictionary_->words()),
                     std::make_shared<DenseTable>(outputs, outputs, identity, out));
}

}  // namespace pyffnn::fasttext
