// A right operand that meets many left ones, copied once into the layout in which products read it fastest. A copy knows nothing of the
// matrix that it was made from: whoever keeps one sees to it that the matrix has not changed (train/kept_weights.h does so for models).
#pragma once
#include <optional>

#include "core/workspace.h"
#include "ops/products/dense.h"
#include "ops/products/tile_gemm.h"

namespace pyffnn::ops {

// B_kn as strips of a few columns, each k rows of `width`, one after the other: a product reads memory end to end. A strip is an ordinary
// matrix with a short row, so the kernels of every ISA can read it, whichever it was made for.
//
// width: the two register tiles' worth of columns that a tile of few rows takes at a time (4 vectors). Measured on Zen 4, against B in
// place, 2 to 32 rows: one tile's worth is up to 8 % slower than in place on AVX-512, three or four's up to 30 % slower than two's.
template <class T>
class PackedStrips {
 public:
  PackedStrips(Index k, Index n, ConstMat<T> b);

  Index k() const { return k_; }
  Index n() const { return n_; }
  Index width() const { return width_; }
  // Row `row` of the strip that begins at column `col`, a multiple of width().
  const T* at(Index row, Index col) const { return static_cast<const T*>(memory_.data()) + col * k_ + row * width_; }
  Index bytes() const { return memory_.capacity(); }

 private:
  Index k_, n_, width_;
  Buffer memory_;
};

// What products with B_kn of one precision need. float32: strips; bf16 modes: tiles; automatic: both, since it is settled by the number of
// rows. Where the active ISA has no tiles, every precision is float32.
template <class T>
class PackedMatrix {
 public:
  PackedMatrix(Index k, Index n, ConstMat<T> b, Precision precision);

  Index k() const { return k_; }
  Index n() const { return n_; }
  Precision precision() const { return precision_; }
  const char* isa() const { return isa_; }  // that it was made for
  Index bytes() const { return (strips_ ? strips_->bytes() : 0) + tile_memory_.capacity(); }
  // False where it holds tiles alone and the active ISA has none.
  bool usable() const;

  const PackedStrips<T>* strips() const { return strips_ ? &*strips_ : nullptr; }
  TileOperand tiles() const { return tiles_; }  // null where there are none

 private:
  Index k_, n_;
  Precision precision_;
  const char* isa_;
  std::optional<PackedStrips<T>> strips_;
  Buffer tile_memory_;
  TileOperand tiles_;
};

// As gemm() with the matrix that b was made from, in b's precision: the same bits. b is usable(); fuse is no update.
template <class T>
void gemm(Index m, ConstMat<T> a, const PackedMatrix<T>& b, T* c, Index ldc, const Fuse<T>& fuse = {});

// Whether strips of B_kn are worth keeping for products of m rows on the active ISA; see choice.h.
template <class T>
bool strips_pay(Index m, Index n, Index k);

}  // namespace pyffnn::ops
