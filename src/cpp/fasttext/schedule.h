// The rate of learning, which falls to zero with the words read, and the mean loss so far.
#pragma once
#include <algorithm>
#include <utility>

#include "core/interrupt.h"
#include "fasttext/trainer.h"

namespace pyffnn::fasttext {

class Schedule {
 public:
  Schedule(const TrainSettings& settings, const Dictionary& dictionary)
      : lr_(settings.lr),
        rate_(static_cast<float>(settings.lr)),
        wanted_(static_cast<double>(settings.epoch) * static_cast<double>(dictionary.tokens())),
        update_rate_(dictionary.settings().lr_update_rate) {}

  float rate() const { return rate_; }
  Index steps() const { return steps_; }
  double loss() const { return steps_ > 0 ? loss_sum_ / static_cast<double>(steps_) : 0.0; }
  bool over() const { return counted_ >= wanted_; }

  void learned(double loss) {
    loss_sum_ += loss;
    ++steps_;
  }
  // `tokens` more have been read. True now and then: it is time for tell().
  bool count(Index tokens) {
    uncounted_ += tokens;
    if (uncounted_ <= update_rate_) return false;
    flush();
    rate_ = static_cast<float>(lr_ * (1 - done()));
    return ++ticks_ % 16 == 0;
  }
  void count(Index tokens, Interrupt& interrupt, const Watch& watch) {
    if (count(tokens)) tell(interrupt, watch);
  }
  // Throws Stopped.
  void tell(Interrupt& interrupt, const Watch& watch) const {
    interrupt.poll();
    if (watch && !watch({done(), rate_, loss()})) throw Stopped{};
  }
  void flush() { counted_ += static_cast<double>(std::exchange(uncounted_, 0)); }

 private:
  double done() const { return std::min(counted_ / wanted_, 1.0); }

  double lr_;
  float rate_;
  double wanted_, counted_ = 0, loss_sum_ = 0;
  Index update_rate_, uncounted_ = 0, ticks_ = 0, steps_ = 0;
};

}  // namespace pyffnn::fasttext
