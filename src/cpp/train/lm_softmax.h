// Softmax and cross-entropy over a large vocabulary, a tile of words at a time: no buffer of batch x vocabulary exists.
//
// Words are the rows of a tile and examples its columns, so U is read as it lies and sums over words are lane by lane.
// Sweep 1: P~ = exp(z - ref), unnormalised (ref: the example's greatest logit among the first words), and at once dh += P~ U.
//          If the sum S of an example grows too large for T, the sweep is done again with its true greatest logit.
// Sweep 2: dU = P~^T (H / S) with P~ - S at the target, an optimizer step on the tile. P~ is kept from sweep 1 for as many words as
//          kKeepBytes hold and computed again for the others: the same bits either way.
// Where each block of examples keeps some columns of H alone (dropout), the products take those columns: a tile of U is copied without
// the others for each block, and what comes back of U's gradient is added to its columns. On bf16 tiles H is taken with its zeros.
// On bf16 tiles (precision) the products take wider tiles and blocks, whose operands are packed as they are needed: U twice in sweep 1, P~
// once in each. Each output has one order of summation, whatever the threads: dh is summed over fixed chunks of the vocabulary, then chunk
// by chunk.
#pragma once
#include <cstdint>
#include <vector>

#include "core/workspace.h"
#include "train/lm_columns.h"
#include "train/lm_params.h"
#include "train/lm_windows.h"

namespace pyffnn::train::lm {

template <class T>
class TiledSoftmax {
 public:
  struct Sizes {
    Index tile;   // words
    Index block;  // examples; their half of a block product stays in L2
  };
  static constexpr Sizes kFma{126, KeptColumns::kBlock};  // whole register tiles of 14, 6 and 3 rows
  static constexpr Sizes kTiles{256, 512};                // packing a tile of U costs as much as its product with a hundred examples
  static constexpr Index kRefWords = 42;
  static constexpr Index kChunks = 8;
  static constexpr Index kKeepBytes = Index{52} << 20;  // of P~: 256 examples of 50,000 words

  explicit TiledSoftmax(Precision precision = Precision::float32) : wanted_(precision) {}

  // Sweep 1 over u [vocab, k] (row stride ld), bias [vocab], h [m, k], targets in [0, vocab).
  // log_prob_m: natural log of the target's probability. dh [m, k], or null: d/dh of -weight * sum of log_prob.
  // target_bias [m] (or null): the bias of example i's target in its own sum, in place of bias[target_i].
  // kept (or null; must last until backward): the columns of h that are not zero. Elsewhere dh is the target's share alone.
  void forward(Index vocab, Index k, const T* u, Index ld, const T* bias, const T* h, Index ldh, const std::int32_t* target, Index m,
               double weight, T* dh, Index lddh, double* log_prob, const T* target_bias = nullptr, const KeptColumns* kept = nullptr);

  // Sweep 2 for the batch of the last forward: u and bias [1, vocab] step. `extra` (or null): gradient rows to add to the first extra_cols
  // columns.
  void backward(Param<T>& u, Param<T>& bias, const T* h, Index ldh, const Update<T>& update, const SparseRows<T>* extra, Index extra_cols);

  Index workspace_bytes() const;

 private:
  struct Batch {
    Index vocab, k, ld, m;
    const T *u, *bias, *target_bias;
    const std::int32_t* target;
    const KeptColumns* kept;
  };
  // Rows of U as a block of examples meets them.
  struct Table {
    const T* p;
    Index ld;
  };
  Index blocks() const { return (b_.m + size_.block - 1) / size_.block; }
  bool on_tiles() const { return precision_ != Precision::float32; }
  bool split() const { return precision_ == Precision::bfloat16x3; }
  Index depth(Index block) const { return b_.kept == nullptr ? b_.k : b_.kept->count(block); }
  Index examples(Index block) const { return b_.m - block * size_.block < size_.block ? b_.m - block * size_.block : size_.block; }
  bool worth_taking(const KeptColumns& kept) const;
  void pack(const T* h, Index ldh);
  T* taking_room() const;
  Table table(Index word, Index words, Index block, T* room) const;
  void logits(const Table& u, Index words, Index block, T* out) const;
  // f(example) for those whose target is in [word, word + words), in order of (target, example)
  template <class F>
  void for_targets(Index word, Index words, F f) const;
  void own_bias(Index word, Index words, Index block, T* z) const;
  void pick_reference(bool all_words);
  bool sweep(bool gradient);
  void rebuild(Index word, Index words, T* out) const;

  Precision wanted_, precision_ = Precision::float32;  // asked for; of the last forward and its backward
  Sizes size_ = kFma;
  Batch b_{};
  double weight_ = 0;
  Index ldp_ = 0, lddh_ = 0, ldt_ = 0, keep_words_ = 0, chunks_ = 0, panel_block_ = 0;
  std::vector<std::int32_t> by_target_;  // examples in order of (target, example)
  std::vector<double> target_logit_, chunk_sum_, sum_;
  std::vector<T> ref_;
  Buffer packed_, kept_, dh_parts_, scaled_, packed_scaled_;
};

}  // namespace pyffnn::train::lm
