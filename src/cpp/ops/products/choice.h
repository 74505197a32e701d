// How a product is taken: pure functions of shapes, layouts and a machine, so that tests can ask about machines other than this one
// (tests/cpp/test_choice.cpp). Dense products have a file of their own, dense_plan.h. None of them changes a bit of a float32 or float64
// result; choose() decides between precisions.
#pragma once
#include "core/cpu.h"
#include "core/kernel_table.h"

namespace pyffnn::ops {

// ---- precision

// The precision in which a product of these sizes runs on the active ISA: never `automatic`, and float32 where it has no tiles. It depends
// on nothing but the machine and the sizes, which must therefore be those of the whole product, whatever threads share it. kept_b: B meets
// many left operands and its packed copy is kept as a rule (whether it is there this time must not matter, since the bits would differ).
Precision choose(Precision wanted, Index m, Index n, Index k, bool kept_b = false);
// The same where `has_tiles` is known.
Precision choose(Precision wanted, Index m, Index n, Index k, bool kept_b, bool has_tiles);

// The mode on tiles that `automatic` may choose: its largest and its mean error are no larger than those of the float32 kernels, measured
// from k = kExactFrom on (docs/kernels.md; tests/kernels/test_gemm_amx.py measures it again).
constexpr Precision kAutomaticTiles = Precision::bfloat16x6;
constexpr Index kExactFrom = 8;

// How many times the flops of an FMA kernel a product on tiles does in the same time, by the parts of a number.
constexpr double tile_gain(int parts) { return parts == 1 ? 8 : parts == 2 ? 4 : 2; }

// ---- what the blockings share

// A row distance that maps a column of the matrix to one or two cache sets: lines are evicted before their other elements are used.
inline bool aliased(Index distance_bytes, Index rows) { return rows > 8 && distance_bytes % 4096 == 0; }

// Rows of B that a tile takes before its sums return to C. A longer chain only saves loads and stores of C, whose cost is 1/k: at 512 it is
// under 1 %. A rest of less than half a block is part of the block before.
constexpr Index block_of_k(Index k) {
  constexpr Index kBlock = 512;
  return k <= kBlock + kBlock / 2 ? (k > 0 ? k : 1) : kBlock;
}

struct Strides {
  Index rs, cs;  // one of them is 1
};

// ---- products with strips (packed.h)

// A block of rows of A, `panels` register tiles of a_rows, stays in L2 while all strips pass, and of each strip a block of k while those
// rows pass.
struct StripsPlan {
  bool pack_a;
  Index panels, a_rows;
};
// Of m rows, at most strips_rows() of them, and n columns in strips of `width`.
StripsPlan strips_plan(Index m, Index n, Strides a, Index k, Index width, Index size, const GemmGeometry& tile);
Index strips_rows(Index k, Index size, const GemmGeometry& tile, const cpu::Caches& cache);

// Whether a product of m rows is faster with strips than with B_kn in place, so that they are worth keeping.
//
// Measured on Zen 4 with a network's weights, which lie on huge pages as the strips do (float32, one thread; predictions of 784-512-512-10,
// 256-256-100 and 300-500-10000: time in place / time with strips):
//   rows                  1       2           3           4           5 - 8       16      32      128
//   AVX2                  1.0     1.2 - 1.4   1.1 - 1.4   1.1 - 1.4   1.1 - 1.4   1.3     1.2     1.1
//   AVX-512               1.0     1.1         1.1 - 1.2   1.0         1.0         1.0     1.0     1.0
//   AVX-512, 1 to 2 MB            .95         1.2
//   AVX2, 20 MB                   .9          .8          .4          .7          .8      1.1
//   AVX-512, 20 MB                1.1         1.1         1.1         1.2 - 2.7   1.6     1.4
// Tall tiles read rows in place without loss, until B leaves L2; tiles of few rows wait for them, but a B far beyond L2 is better fetched
// along its own long rows than half a short one at a time.
bool strips_pay(Index m, Index n, Index k, Index size, const GemmGeometry& tile, const cpu::Caches& cache);

// ---- products on tiles (tile_gemm.h)

constexpr Index kTileBlock = 2 * kTileSide;  // rows and columns of the sums that the kernel keeps in tiles

// Block sizes, in numbers of k, rows of A and columns of B:
//   kc: the panel of B that meets every row (32 columns) takes two thirds of the first-level cache: of 48 kB, 512 in bf16, 256 of two
//       parts and 160 of three. A
//       block of k costs a load and a store of C, 8 kB for the 32 x 32 sums that took 32 kB of loads a part at kc = 256.
//   mc: packed A (mc x kc) takes half of L2.   nc: packed B (kc x nc) takes a quarter of it, so that it is used while it is there; all of
//       a B that was packed before.
// A longer k that leaves a rest of less than half a block is one block; so is that of an update, which needs the whole sum at once.
struct TileBlocks {
  Index mc, nc, kc;
};
struct TileShape {
  Index m, n, k;
  int parts;
  bool update, packed_b;
};
TileBlocks tile_blocks(const TileShape& s, const cpu::Caches& cache);

// Whether threads share the packing of both operands: packed operands that overfill the last cache would come back from memory.
bool packed_together(const TileShape& s, const cpu::Caches& cache);

// Whether keeping `bytes` of bf16 copies of weights pays where `threads` work on a step.
//   Packed where it is used, W is packed twice a step by each thread, for its own examples, and read twice: 8 bytes a number. Kept, it is
//   packed twice by all threads together, out of L2; each reads 4 bytes a number in bf16, 8 of two parts, and as many are written. So one
//   thread packs no less and moves as many bytes (bf16) or twice as many (two parts): nothing is gained. Two spare each other half of the
//   packing. On Zen 4, in ns a number of W: packing 0.15 (bf16) or 0.26 (two parts) a thread and step, half of that kept, and 0.05 or 0.10
//   to read the copies. Where they take more than a quarter of the last cache, reading and writing them costs what is spared.
bool copies_pay(Index bytes, int threads, const cpu::Caches& cache);

// ---- threads

// Rows are dealt out rather than columns, so that each part has as many register tiles as it can.
constexpr bool by_rows(Index m, Index n, const GemmGeometry& tile) { return m / tile.mr >= n / tile.nr; }

}  // namespace pyffnn::ops
