#include "fasttext/trainer.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "core/dispatch.h"
#include "core/math.h"
#include "core/thread_pool.h"
#include "fasttext/descent.h"
#include "fasttext/examples.h"

namespace pyffnn::fasttext {
namespace {

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
        schedule_(settings, dictionary_) {}

  double run() {
    if (dictionary_.settings().supervised())
      supervised();
    else
      unsupervised();
    examples_.forget();
    return schedule_.loss();
  }

 private:
  void step(const std::int32_t* rows, Index n, const std::int32_t* targets, Index num_targets, Index which, bool mean_gradient) {
    if (n == 0) return;
    const Index offsets[2] = {0, n};
    const auto scale = static_cast<float>(1.0 / static_cast<double>(n));
    kernels_.pool_bags({input_.row(0), input_.ld, input_.dim, rows, offsets, nullptr, &scale, 1, hidden_.data(), input_.ld});
    schedule_.learned(loss_->step(hidden_.data(), targets, num_targets, which, schedule_.rate(), gradient_.data()));
    kernels_.scatter_rows({rows, offsets, 1, nullptr, gradient_.data(), input_.ld, input_.dim, -1, 0, 1}, mean_gradient ? scale : 1.0f,
                          input_.row(0), input_.ld);
  }

  void supervised() {
    const bool all = dictionary_.settings().loss == LossName::ova;
    Example e;
    for (std::int32_t epoch = 0; epoch < settings_.epoch; ++epoch) {
      examples_.rewind();
      while (examples_.next(e)) {
        schedule_.count(e.tokens, interrupt_, watch_);
        if (e.num_labels == 0 || e.num_rows == 0) continue;
        fetch_ahead();
        step(e.rows, e.num_rows, e.labels, e.num_labels, all ? -1 : stream_.below(e.num_labels), true);
      }
    }
    if (schedule_.steps() == 0 && settings_.epoch > 0) throw std::invalid_argument("no line of the text has both a label and a word");
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
    RowIds rows;
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
    while (any && !schedule_.over()) {
      any = false;
      examples_.rewind();
      while (!schedule_.over() && examples_.next(e)) {
        any = any || e.tokens > 0;
        schedule_.count(e.tokens, interrupt_, watch_);
        words_.clear();
        for (Index i = 0; i < e.num_rows; ++i)
          if (stream_.uniform() <= keep_[static_cast<std::size_t>(e.rows[i])]) words_.push_back(e.rows[i]);
        if (dictionary_.settings().model == ModelName::cbow)
          cbow();
        else
          skipgram();
      }
      schedule_.flush();
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
  Schedule schedule_;
  // unsupervised
  std::vector<double> keep_;
  std::vector<Index> word_starts_;
  std::vector<std::int32_t> word_rows_, words_, bag_;
};

void check_targets(const Dictionary& dictionary) {
  if (dictionary.targets() > 0) return;
  if (!dictionary.settings().supervised()) throw std::invalid_argument("the text has no words but labels");
  throw std::invalid_argument("the text has no labels: none of its words begins with \"" + dictionary.settings().label + "\"");
}

Trained train_rows(std::string_view text, const DictionaryPtr& dictionary, const TrainSettings& settings, Rows& input, Rows& output,
                   Interrupt& interrupt, const Watch& watch) {
  const double loss = Run(text, dictionary, settings, input, output, interrupt, watch).run();
  if (!std::isfinite(loss)) throw Diverged();
  TablePtr in = input.finish();
  TablePtr out = output.finish();
  return {std::make_shared<Model>(dictionary, std::move(in), std::move(out), false, false), loss};
}

}  // namespace

Trained train(std::string_view text, const DictionaryPtr& dictionary, WordStream stream, const TrainSettings& settings,
              Interrupt& interrupt, const Watch& watch) {
  const Settings& s = dictionary->settings();
  check_targets(*dictionary);
  // Words begin at random, all else at zero: a row that no text of the training has then adds nothing to a text that has it.
  const auto start = [&](auto&& row) {
    const auto& kernels = dispatch::kernels<float>();
    const float scale = 1.0f / static_cast<float>(s.dim);
    const std::uint64_t key = random::key(settings.seed, 0, random::kInitialTable);
    const Index words = dictionary->words();
    const int threads = threads::threads_for(4 * static_cast<double>(words) * s.dim);
    threads::parallel_for(words, threads, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        kernels.uniform(row(i), s.dim, scale, key, static_cast<std::uint64_t>(i) * static_cast<std::uint64_t>(s.dim));
    });
    for (std::size_t i = 0; i < settings.words.size(); ++i) {
      const std::int32_t word = dictionary->find(settings.words[i]);
      if (word < 0 || word >= dictionary->words()) continue;
      std::memcpy(row(word), settings.vectors + static_cast<Index>(i) * s.dim, static_cast<std::size_t>(s.dim) * sizeof(float));
    }
  };
  Rows output(dictionary->targets(), s.dim);
  if (s.supervised()) {
    Bags bags(*dictionary, text, stream, kMostRows, interrupt);
    stream = {};
    if (bags.complete()) {
      Rows input(bags.rows(), s.dim);
      start([&](Index word) { return input.row(bags.places().of(static_cast<std::int32_t>(word))); });
      const double loss = descend(bags, *dictionary, settings, input, output, interrupt, watch);
      input.check();
      auto table = std::make_shared<SharedTable>(dictionary->words(), s.dim, input.ld, input.numbers, input.numbers->data(), bags.places(),
                                                 bags.take_row_of_hash());
      return {std::make_shared<Model>(dictionary, std::move(table), output.finish(), false, false), loss};
    }
  }
  Rows input(dictionary->words() + s.bucket, s.dim);
  start([&](Index word) { return input.row(word); });
  return train_rows(text, dictionary, settings, input, output, interrupt, watch);
}

Trained train_on(std::string_view text, const Model& model, const TrainSettings& settings, Interrupt& interrupt, const Watch& watch) {
  check_targets(model.dictionary());
  const Index dim = model.input().dim();
  Rows input(model.input().rows(), dim), output(model.output().rows(), dim);
  for (Index i = 0; i < input.rows; ++i) model.input().copy(i, input.row(i));
  for (Index i = 0; i < output.rows; ++i) model.output().copy(i, output.row(i));
  return train_rows(text, model.dictionary_ptr(), settings, input, output, interrupt, watch);
}

}  // namespace pyffnn::fasttext
