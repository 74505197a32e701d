#include "fasttext/trainer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/dispatch.h"
#include "core/math.h"
#include "fasttext/examples.h"
#include "fasttext/losses.h"
#include "fasttext/numbers.h"

namespace pyffnn::fasttext {
namespace {

// A table while it is trained: rows of whole vectors of numbers.
struct Rows {
  Rows(Index rows, Index dim)
      : rows(rows), dim(dim), ld(padded_row(dim)), numbers(std::make_shared<Numbers>(checked_product({rows, padded_row(dim)}))) {}
  float* row(Index i) const { return numbers->data() + i * ld; }

  // The same numbers without what pads them, in the same memory.
  TablePtr finish() {
    float* const data = numbers->data();
    if (ld != dim)
      for (Index i = 1; i < rows; ++i) std::memmove(data + i * dim, data + i * ld, static_cast<std::size_t>(dim) * sizeof(float));
    numbers->shrink(rows * dim);
    for (Index i = 0; i < rows * dim; ++i)
      if (!(data[i] - data[i] == 0)) throw Diverged();
    return std::make_shared<DenseTable>(rows, dim, numbers, data);
  }

  Index rows, dim, ld;
  std::shared_ptr<Numbers> numbers;
};

class Run {
 public:
  Run(std::string_view text, const DictionaryPtr& dictionary, const TrainSettings& settings, Rows& input, Rows& output,
      Interrupt& interrupt, const Watch& watch)
      : dictionary_(*dictionary),
        settings_(settings),
        input_(input),
        interrupt_(interrupt),
        watch_(watch),
        kernels_(dispatch::kernels<float>()),
        examples_(dictionary_, text),
        tree_(dictionary_.settings().loss == LossName::hs ? dictionary_.target_counts() : std::vector<std::int64_t>{}),
        loss_(Loss::make(dictionary_, tree_, {output.row(0), output.rows, output.dim, output.ld}, settings.seed)),
        stream_(settings.seed),
        hidden_(static_cast<std::size_t>(input.ld)),
        gradient_(static_cast<std::size_t>(input.ld)),
        wanted_(static_cast<double>(settings.epoch) * static_cast<double>(dictionary_.tokens())) {}

  double run() {
    if (dictionary_.settings().supervised())
      supervised();
    else
      unsupervised();
    examples_.forget();
    return steps_ > 0 ? loss_sum_ / static_cast<double>(steps_) : 0.0;
  }

 private:
  // Of the examples so far `tokens` more have been read.
  void count(Index tokens) {
    uncounted_ += tokens;
    if (uncounted_ <= dictionary_.settings().lr_update_rate) return;
    counted_ += static_cast<double>(std::exchange(uncounted_, 0));
    const double done = std::min(counted_ / wanted_, 1.0);
    lr_ = static_cast<float>(settings_.lr * (1 - done));
    if (++ticks_ % 16 != 0) return;
    interrupt_.poll();
    if (watch_ && !watch_({done, lr_, steps_ > 0 ? loss_sum_ / static_cast<double>(steps_) : 0.0})) throw Stopped{};
  }

  void step(const std::int32_t* rows, Index n, const std::int32_t* targets, Index num_targets, Index which, bool mean_gradient) {
    if (n == 0) return;
    const Index offsets[2] = {0, n};
    const auto scale = static_cast<float>(1.0 / static_cast<double>(n));
    kernels_.pool_bags({input_.row(0), input_.ld, input_.dim, rows, offsets, nullptr, &scale, 1, hidden_.data(), input_.ld});
    std::fill(gradient_.begin(), gradient_.end(), 0.0f);
    loss_sum_ += loss_->step(hidden_.data(), targets, num_targets, which, lr_, gradient_.data());
    ++steps_;
    kernels_.scatter_rows({rows, offsets, 1, nullptr, gradient_.data(), input_.ld, input_.dim, -1, 0, 1}, mean_gradient ? scale : 1.0f,
                          input_.row(0), input_.ld);
  }

  void supervised() {
    const bool all = dictionary_.settings().loss == LossName::ova;
    Example e;
    for (std::int32_t epoch = 0; epoch < settings_.epoch; ++epoch) {
      examples_.rewind();
      while (examples_.next(e)) {
        count(e.tokens);
        if (e.num_labels == 0 || e.num_rows == 0) continue;
        fetch_ahead();
        step(e.rows, e.num_rows, e.labels, e.num_labels, all ? -1 : stream_.below(e.num_labels), true);
      }
    }
    if (steps_ == 0 && settings_.epoch > 0) throw std::invalid_argument("no line of the text has both a label and a word");
  }

  // The first rows of the next example come while this one is computed.
  void fetch_ahead() const {
    const std::int32_t* const rows = examples_.coming();
    const Index n = std::min<Index>(examples_.num_coming(), 32);
    for (Index i = 0; i < n; ++i) __builtin_prefetch(input_.row(rows[i]));
  }

  void unsupervised() {
    keep_.resize(static_cast<std::size_t>(dictionary_.words()));
    Line scratch;
    std::vector<std::int32_t> rows;
    for (Index i = 0; i < dictionary_.words(); ++i) {
      const double f = static_cast<double>(dictionary_.count(i)) / static_cast<double>(dictionary_.tokens());
      keep_[static_cast<std::size_t>(i)] = std::sqrt(dictionary_.settings().t / f) + dictionary_.settings().t / f;
      dictionary_.word_rows(dictionary_.entry(i), scratch, rows);
      word_starts_.push_back(static_cast<Index>(word_rows_.size()));
      word_rows_.insert(word_rows_.end(), rows.begin(), rows.end());
    }
    word_starts_.push_back(static_cast<Index>(word_rows_.size()));
    // Words that are too rare count for the end, though they are passed over: as many words are trained on as in fastText.
    Example e;
    bool any = true;
    while (any && counted_ < wanted_) {
      any = false;
      examples_.rewind();
      while (counted_ < wanted_ && examples_.next(e)) {
        any = any || e.tokens > 0;
        count(e.tokens);
        words_.clear();
        for (Index i = 0; i < e.num_rows; ++i)
          if (stream_.uniform() <= keep_[static_cast<std::size_t>(e.rows[i])]) words_.push_back(e.rows[i]);
        if (dictionary_.settings().model == ModelName::cbow)
          cbow();
        else
          skipgram();
      }
      counted_ += static_cast<double>(std::exchange(uncounted_, 0));
    }
  }

  void skipgram() {
    const auto n = static_cast<Index>(words_.size());
    for (Index w = 0; w < n; ++w) {
      const Index reach = 1 + stream_.below(dictionary_.settings().ws);
      const auto word = static_cast<std::size_t>(words_[static_cast<std::size_t>(w)]);
      const std::int32_t* const rows = word_rows_.data() + word_starts_[word];
      const Index num_rows = word_starts_[word + 1] - word_starts_[word];
      for (Index c = std::max<Index>(0, w - reach); c <= std::min(n - 1, w + reach); ++c)
        if (c != w) step(rows, num_rows, words_.data(), n, c, false);
    }
  }

  void cbow() {
    const auto n = static_cast<Index>(words_.size());
    for (Index w = 0; w < n; ++w) {
      const Index reach = 1 + stream_.below(dictionary_.settings().ws);
      bag_.clear();
      for (Index c = std::max<Index>(0, w - reach); c <= std::min(n - 1, w + reach); ++c) {
        if (c == w) continue;
        const auto word = static_cast<std::size_t>(words_[static_cast<std::size_t>(c)]);
        bag_.insert(bag_.end(), word_rows_.begin() + word_starts_[word], word_rows_.begin() + word_starts_[word + 1]);
      }
      step(bag_.data(), static_cast<Index>(bag_.size()), words_.data(), n, w, false);
    }
  }

  const Dictionary& dictionary_;
  const TrainSettings& settings_;
  Rows& input_;
  Interrupt& interrupt_;
  const Watch& watch_;
  const Kernels<float>& kernels_;
  Examples examples_;
  Tree tree_;
  std::unique_ptr<Loss> loss_;
  Stream stream_;
  std::vector<float> hidden_, gradient_;
  double wanted_, counted_ = 0, loss_sum_ = 0;
  Index uncounted_ = 0, ticks_ = 0, steps_ = 0;
  float lr_ = static_cast<float>(settings_.lr);
  // unsupervised
  std::vector<double> keep_;
  std::vector<Index> word_starts_;
  std::vector<std::int32_t> word_rows_, words_, bag_;
};

Trained train_rows(std::string_view text, const DictionaryPtr& dictionary, const TrainSettings& settings, Rows& input, Rows& output,
                   Interrupt& interrupt, const Watch& watch) {
  if (dictionary->targets() == 0 && !dictionary->settings().supervised()) throw std::invalid_argument("the text has no words but labels");
  if (dictionary->targets() == 0)
    throw std::invalid_argument("the text has no labels: none of its words begins with \"" + dictionary->settings().label + "\"");
  const double loss = Run(text, dictionary, settings, input, output, interrupt, watch).run();
  if (!std::isfinite(loss)) throw Diverged();
  TablePtr in = input.finish();
  TablePtr out = output.finish();
  return {std::make_shared<Model>(dictionary, std::move(in), std::move(out), false, false), loss};
}

}  // namespace

Trained train(std::string_view text, const DictionaryPtr& dictionary, const TrainSettings& settings, Interrupt& interrupt,
              const Watch& watch) {
  const Settings& s = dictionary->settings();
  Rows input(dictionary->words() + s.bucket, s.dim), output(dictionary->targets(), s.dim);
  // Words begin at random, all else at zero: a row that no text of the training has then adds nothing to a text that has it.
  const auto& kernels = dispatch::kernels<float>();
  const float scale = 1.0f / static_cast<float>(s.dim);
  const std::uint64_t key = random::key(settings.seed, 0, random::kInitialTable);
  for (Index i = 0; i < dictionary->words(); ++i)
    kernels.uniform(input.row(i), s.dim, scale, key, static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(s.dim));
  for (std::size_t i = 0; i < settings.words.size(); ++i) {
    const std::int32_t word = dictionary->find(settings.words[i]);
    if (word < 0 || word >= dictionary->words()) continue;
    std::memcpy(input.row(word), settings.vectors + static_cast<Index>(i) * s.dim, static_cast<std::size_t>(s.dim) * sizeof(float));
  }
  return train_rows(text, dictionary, settings, input, output, interrupt, watch);
}

Trained train_on(std::string_view text, const Model& model, const TrainSettings& settings, Interrupt& interrupt, const Watch& watch) {
  const Index dim = model.input().dim();
  Rows input(model.input().rows(), dim), output(model.output().rows(), dim);
  const auto copy = [&](const Table& from, const Rows& to) {
    for (Index i = 0; i < from.rows(); ++i)
      std::memcpy(to.row(i), reinterpret_cast<const char*>(from.dense()) + i * dim * Index{sizeof(float)},
                  static_cast<std::size_t>(dim) * sizeof(float));
  };
  copy(model.input(), input);
  copy(model.output(), output);
  return train_rows(text, model.dictionary_ptr(), settings, input, output, interrupt, watch);
}

}  // namespace pyffnn::fasttext
