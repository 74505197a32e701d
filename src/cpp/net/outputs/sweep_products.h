// The three products of a sweep over a vocabulary, on FMA or on bf16 tiles: logits Z^T = U H^T, the gradient of H, and that of U.
//
// Words are the rows of a tile of the vocabulary and examples its columns, so U is read as it lies and sums over words are lane by lane.
// Where each block of examples keeps some columns of H alone (dropout), the products take those columns: a tile of U is copied without the
// others for each block, and what comes back of U's gradient is added to its columns. On bf16 tiles H is taken with its zeros, the tiles of
// words and the blocks are wider, and operands are packed as they are needed: U twice for logits and H's gradient, P~ once in each.
#pragma once
#include "net/layers/column_dropout.h"
#include "net/space.h"

namespace pyffnn::net {

// What a sweep is over: u [vocab, k] (row distance ld), h [m, k].
template <class T>
struct SweepShape {
  Index vocab = 0, k = 0, ld = 0, m = 0;
  const T* u = nullptr;
};

template <class T>
class SweepProducts {
 public:
  // Words of a tile, examples of a block.
  static constexpr Index kMostWords = 256, kMostExamples = 512;

  // Room for sweeps of these sizes in `wanted` precision. Throws std::bad_alloc.
  void plan(const SweepShape<T>& shape, Precision wanted, bool gradient);
  // kept: null, or the columns of h that are not zero in the batch at hand.
  void begin(const KeptColumns* kept) { kept_ = kept != nullptr && worth_taking(*kept) ? kept : nullptr; }

  Index tile() const { return tile_; }
  Index block() const { return block_; }
  Index blocks() const { return ceil_div(s_.m, block_); }
  Index tiles() const { return ceil_div(s_.vocab, tile_); }
  Index examples(Index block) const { return std::min(block_, s_.m - block * block_); }
  Index depth(Index block) const { return kept_ == nullptr ? s_.k : kept_->count(block); }
  const KeptColumns* kept() const { return kept_; }
  bool on_tiles() const { return precision_ != Precision::float32; }
  Index ldp() const { return ldp_; }    // of P~^T [words, m]
  Index lddh() const { return lddh_; }  // of the gradient of H and of H / S

  // Rows of U as a block of examples meets them; `room` is the caller's, of room_size().
  struct Table {
    const T* p;
    Index ld;
  };
  Index room_size() const { return kept_ == nullptr ? 0 : tile_ * lddh_; }
  Table table(Index word, Index words, Index block, T* room) const;

  void pack_h(const threads::Crew& crew, const T* h, Index ldh);
  // z^T without bias: rows are words, columns the examples of one block; rows of ldp.
  void logits(const Table& u, Index words, Index block, T* out) const;
  // dh [examples of the block, depth] (+)= P~ U. next: words whose rows of U come in meanwhile.
  void add_dh(const Table& u, Index word, Index words, Index block, const T* p, bool accumulate, Index next, T* dh) const;
  // H / S in the layout that U's gradient reads; scaled: rows of lddh, its columns taken already.
  void pack_scaled(const threads::Crew& crew, const T* scaled);
  // The gradient of `words` rows of U: g says where to and what becomes of it (c, ldc, epilogue, states, ahead). room: of room_size().
  void gradient(GemmArgs<T>& g, const T* p, T* room) const;
  // Whether a product's epilogue may step U: not where columns are put back.
  bool steps_in_epilogue() const { return on_tiles(); }

  Index bytes() const { return packed_.capacity() + packed_scaled_.capacity(); }

 private:
  int parts() const { return parts_of(precision_); }
  bool worth_taking(const KeptColumns& kept) const;

  SweepShape<T> s_{};
  Precision precision_ = Precision::float32;
  const KeptColumns* kept_ = nullptr;
  Index tile_ = 0, block_ = 0, ldp_ = 0, lddh_ = 0, panel_block_ = 0;
  Buffer packed_, packed_scaled_;
};

}  // namespace pyffnn::net
