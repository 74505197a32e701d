// Softmax and cross-entropy over a large vocabulary, a tile of words at a time: no buffer of batch x vocabulary exists.
//
// Forward:  P~ = exp(z - ref), unnormalised (ref: the example's greatest logit among the first words), and at once dh += P~ U.
//           If the sum S of an example grows too large for T, it is done again with its true greatest logit.
// Backward: dU = P~^T (H / S) with P~ - S at the target, an optimizer step on the tile. P~ is kept from the forward sweep for as many words
//           as kKeepBytes hold and computed again for the others: the same bits either way.
// Each output has one order of summation, whoever works on it: dh is summed over fixed chunks of the vocabulary, then chunk by chunk.
#pragma once
#include "net/outputs/sweep_products.h"

namespace pyffnn::net {

// A batch: targets in [0, vocab), the weight of each example in the loss, biases of words.
template <class T>
struct SweepBatch {
  SweepShape<T> shape;
  const T* bias = nullptr;         // [vocab]
  const T* target_bias = nullptr;  // [m], or null: the bias of example i's target in its own sum, in place of bias[target_i]
  const T* h = nullptr;
  Index ldh = 0;
  const std::int32_t* target = nullptr;
  const double* weight = nullptr;  // [m]
  const KeptColumns* kept = nullptr;
};

// Where a gradient of rows goes: stored (g given, with its squares), or into an optimizer step.
template <class T>
struct SweepSink {
  T *w = nullptr, *s1 = nullptr, *s2 = nullptr, *g = nullptr;
  Index ld = 0;
  double* squares = nullptr;
  const OptimStep<T>* opt = nullptr;
};

template <class T>
class Sweep {
 public:
  explicit Sweep(Precision wanted) : wanted_(wanted) {}
  // Room for batches of this shape, and for smaller ones. Throws std::bad_alloc.
  void plan(const SweepShape<T>& shape, bool gradient);

  // log_prob [m]: natural log of the targets' probabilities. dh (or none): gradient of -sum of weight * log_prob; written for examples
  // [begin, end) by the caller of that slice. All members of the crew call the same; no barrier is needed before, and one before the
  // log_prob of others are read.
  void forward(const threads::Crew& crew, const SweepBatch<T>& batch, Index begin, Index end, View<T> dh, double* log_prob);

  // For the batch of the last forward with a gradient. extra (or null): rows to add to the first extra_cols columns of u's gradient.
  void backward(const threads::Crew& crew, const SweepSink<T>& u, const SweepSink<T>& bias, const TouchedRows<T>* extra, Index extra_cols);

  Index bytes() const { return products_.bytes() + kept_.capacity() + dh_parts_.capacity() + scaled_.capacity(); }

 private:
  static constexpr Index kRefWords = 42;
  static constexpr Index kChunks = 8;
  static constexpr Index kKeepBytes = Index{52} << 20;  // of P~: 256 examples of 50,000 words

  // f(example) for those whose target is in [word, word + words), in order of (target, example)
  template <class F>
  void for_targets(Index word, Index words, F f) const;
  void own_bias(Index word, Index words, Index block, T* z) const;
  void begin(const SweepBatch<T>& batch, bool gradient);
  void pick_reference(const threads::Crew& crew, bool all_words);
  void sweep(const threads::Crew& crew, bool gradient);
  void add_up();
  void finish(Index begin, Index end, View<T> dh, double* log_prob) const;
  void rebuild(Index word, Index words, T* out) const;
  void step(const SweepSink<T>& u, const SweepSink<T>& bias, const TouchedRows<T>* extra, Index extra_cols, Index word, Index words,
            const T* p, Index following, T* gradient) const;

  Precision wanted_;
  SweepProducts<T> products_;
  SweepBatch<T> b_{};
  Index keep_words_ = 0, chunks_ = 0, group_ = 0;
  bool in_range_ = true;                 // no sum went beyond what T holds well
  std::vector<std::int32_t> by_target_;  // examples in order of (target, example)
  std::vector<double> target_logit_, chunk_sum_, sum_;
  std::vector<T> ref_, share_;
  Buffer kept_, dh_parts_, scaled_;
};

// Natural log-softmax of u_v . h + bias_v over all rows v of u [rows, k], and the softmax itself.
template <class T>
void log_softmax_of(const Param<T>& u, const Param<T>& bias, const T* h, Index k, double* out);
template <class T>
void softmax_of(const Param<T>& u, const Param<T>& bias, const T* h, Index k, double* out);

}  // namespace pyffnn::net
