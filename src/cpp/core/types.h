// Plain data shared by every layer: index type, enums, views. POD only, so that per-ISA kernel objects may include it.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pyffnn {

// Every size, stride and id is 64-bit: element counts beyond 2^31 are ordinary (vocabulary x dimension).
using Index = std::int64_t;

// a / b of sizes of at least 0, which seldom leave 32 bits: many cores take twice to four times as long to divide 64. Inlined everywhere,
// since kernels are compiled for CPUs that others are not.
__attribute__((always_inline)) constexpr Index div_sizes(Index a, Index b) {
  return (a | b) >> 32 == 0 ? static_cast<Index>(static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b)) : a / b;
}

enum class Act : int { identity = 0, sigmoid = 1, tanh = 2, relu = 3 };
constexpr int kActs = 4;

// Further activations of one number, as kernels/curves.cpp writes them out.
enum class Curve : int { clipped = 0, swish = 1, hard_swish = 2, hard_swish_mobilenet = 3, dish = 4, gelu = 5, mish = 6 };
constexpr int kCurves = 7;
//   clipped: min(max(slope x + offset, low), high).   mish: x itself from `high` on.   The others have no settings.
template <class T>
struct CurveArgs {
  Curve kind;
  T slope, offset, low, high;
};

// How a product of float32 matrices is taken; float64 products take no notice.
//   bfloat16, bfloat16x3, bfloat16x6: each number is the sum of one, two or three bf16 parts (8, 17, 24 bits), of which 1, 3 or 6
//   products are taken; sums are float32.
//   automatic: the fastest of those that are no less exact than float32 (float32 and bfloat16x6), a function of the machine and the shape.
enum class Precision : int { float32 = 0, bfloat16x6 = 1, bfloat16x3 = 2, bfloat16 = 3, automatic = 4 };

constexpr int kMostParts = 3;
// bf16 parts of a number; 0: none are made. Not of `automatic`.
constexpr int parts_of(Precision p) {
  return p == Precision::bfloat16 ? 1 : p == Precision::bfloat16x3 ? 2 : p == Precision::bfloat16x6 ? 3 : 0;
}

enum class Optim : int { sgd = 0, momentum = 1, adagrad = 2, adam = 3 };
constexpr int kOptims = 4;

// Settings of one optimizer step, constant over the step. `scale` multiplies the gradient first, then l2 * w is added;
// decay is decoupled (AdamW): w *= 1 - decay. Updates, with g the scaled gradient and s1, s2 the state arrays:
//   sgd:      w -= lr g
//   momentum: s1 = beta1 s1 + g;  w -= lr s1
//   adagrad:  s1 += g^2;  w -= lr g / (sqrt(s1) + eps)
//   adam:     s1 = beta1 s1 + (1-beta1) g;  s2 = beta2 s2 + (1-beta2) g^2;  w -= lr (s1/c1) / (sqrt(s2/c2) + eps)
// where c1 = 1 - beta1^t, c2 = 1 - beta2^t (t = step, from 1), given as `lr_over_c1` and `rsqrt_c2`.
template <class T>
struct OptimStep {
  Optim kind;
  T lr, beta1, beta2, eps;
  T lr_over_c1, rsqrt_c2;
  T scale, l2, decay;
};

// What happens to a finished m x n tile of sums.
enum class Epilogue : int {
  store = 0,       // c = sum (never reads c unless load_c)
  bias_act = 1,    // c = act(sum + bias_n); bias may be null
  times_dact = 2,  // c = sum * act'(y_mn), derivative from the saved output y
  update = 3,      // c is a weight matrix: one optimizer step with gradient = sum; states s1, s2 laid out as c
};

// Memory wanted soon after a product: its lines come into the second-level cache while the sums are formed, one a step of k. `at` moves
// on with what has been asked for.
struct Ahead {
  const char* at;
  const char* end;
};

// One macro-kernel call: C_mn (+)= A_mk B_kn, then the epilogue.
//   A: element (i, p) of row panel q (panels of `a_rows` rows, at most and by default mr) is a[q * a_panel + i * a_rs + p * a_cs];
//      a_rs or a_cs is 1.
//   B: element (p, j) of column panel q (panels of `nr` columns) is b[q * b_panel + p * b_rs + j].
//   load_c: the FMA chain continues from C instead of 0 (second and later blocks of k).
// The kernel handles edges in m and n. One FMA chain an output, in the order of p, on every ISA; so a split into
// blocks or threads does not change a bit. No alignment is promised; c must not alias a or b.
template <class T>
struct GemmArgs {
  Index m, n, k;
  const T* a;
  Index a_panel, a_rs, a_cs;
  Index a_rows;  // 0 means mr
  const T* b;
  Index b_panel, b_rs;
  bool load_c;
  T* c;
  Index ldc;
  Epilogue epilogue;
  Act act;
  const T* bias;
  const T* y;
  Index ldy;
  const OptimStep<T>* opt;
  T* s1;
  T* s2;
  Ahead* ahead;  // `aheads` of them, in this order; may be null
  Index aheads;
};

// A product column panel by column panel (kernels/gemm_tall.h): as GemmArgs says, but that no operand is packed (a_panel, a_rows, b_panel
// and `ahead` are not looked at) and m is more than mr.
//   b_cs: element (p, j) of B is b[p * b_rs + j * b_cs]; b_rs or b_cs is 1.
//   copy_b: the first row tile of a panel writes it to b_room for the others.   b_room: k * nr numbers.
//   a_room: null, or room for m * k numbers: row tiles of A are transposed there before they are used.
template <class T>
struct TallGemm {
  GemmArgs<T> out;
  Index b_cs;
  bool copy_b;
  T* b_room;
  T* a_room;
};

// Most rows of B in a product whose columns of B stay in registers (kernels/gemm_shallow.h).
constexpr Index kMostShallow = 8;

// One macro-kernel call on bf16 tiles: as GemmArgs says of m, n, k, load_c, c and the epilogue; the operands are packed ones
// (out.a and out.b are not looked at). parts: of each number, in both; 1, 2 or 3, and 1, 3 or 6 products are taken.
//   a_panel, b_panel: numbers from one panel of 16 to the next, where k is a part of what was packed; 0: panels of this k, end to end.
struct TileProduct {
  const std::uint16_t* a;
  const std::uint16_t* b;
  int parts;
  GemmArgs<float> out;
  Index a_panel = 0, b_panel = 0;
};

// Bags of a batch: out_b = scale_b * sum_i weight_i row(ids_i) over i in [offsets[b], offsets[b + 1]), in the order of i.
//   Rows lie at table[row * ld]; ld is a multiple of kRowUnit and whole rows are readable, so there is no tail. out: `bags` rows of ldo,
//   as readable; columns from d to the next multiple of kRowUnit are written too. weight and scale may be null (1); ids are already
//   checked; rows are prefetched across the ends of bags.
constexpr Index kRowUnit = 16;
template <class T>
struct PoolBags {
  const T* table;
  Index ld, d;
  const std::int32_t* ids;
  const std::int64_t* offsets;
  const T* weight;
  const T* scale;
  Index bags;
  T* out;
  Index ldo;
};

// Number of an entry within its bag, as wide as the numbers that it stands beside.
template <class T>
struct EntryOf;
template <>
struct EntryOf<float> {
  using Int = std::int32_t;
};
template <>
struct EntryOf<double> {
  using Int = std::int64_t;
};
template <class T>
using Entry = typename EntryOf<T>::Int;

// Column by column the largest and the smallest number, and the sum, of the rows of each bag: top, low and sum, `bags` rows of ldo; null
// where not wanted. Rows lie at table[row * ld], need no padding, and are ids[i] (already checked) or, without ids, i.
//   top_entry, low_entry (rows of lde; may be null): the number within the bag of the entry that the extreme comes from: the first of
//   equals, and before all the first NaN. An empty bag gives zeros.
template <class T, class I>
struct PoolExtremes {
  const T* table;
  Index ld, d;
  const I* ids;
  const Index* offsets;
  Index bags;
  T *top, *low, *sum;
  Index ldo;
  Entry<T>*top_entry, *low_entry;
  Index lde;
};

// The gradients of the above by each entry's row: out_i (rows of ldo) = sum_b + [i is top_entry_b] top_b + [i is low_entry_b] low_b in each
// column, for the entries i of bag b. sum, top, low: rows of ldg, null where there is none.
template <class T>
struct SpreadExtremes {
  const Index* offsets;
  Index bags, d;
  const T *sum, *top, *low;
  Index ldg;
  const Entry<T>*top_entry, *low_entry;
  Index lde;
  T* out;
  Index ldo;
};

// Gradients on their way to the rows of a table. Entry i of a batch adds weight_i grad[source_i] (d columns, rows of ldg) to row ids_i.
// With offsets, entries [offsets[b], offsets[b + 1]) have source b; without, there are `bags` entries and entry i has source i. weight may
// be null (1). Entries of row `skip` count for nothing, nor do rows that another part owns: part p of `parts` owns blocks of kOwnerBlock
// rows in turn, so frequent rows (small ids) are dealt out, and no two threads write to one cache line of a number a row.
constexpr Index kOwnerBlock = 16;
template <class T>
struct RowGrads {
  const std::int32_t* ids;
  const std::int64_t* offsets;
  Index bags;
  const T* weight;
  const T* grad;
  Index ldg, d;
  std::int32_t skip;
  int part, parts;
};

// Sums of gradients by row: `rows` lists the distinct rows in order of appearance, sums [rows, lds] their gradients added up in the order
// of the entries, padded with zeros to lds, a multiple of kRowUnit. zeros: lds of them. slots [rows of the table] holds the number that a
// row last had in `rows`: a number out of date is noticed, so slots are never cleared, but they must be below the capacity of `rows`.
template <class T>
struct RowSums {
  std::uint32_t* slots;
  std::int32_t* rows;
  T* sums;
  const T* zeros;
  Index lds;
};

// One optimizer step on table rows rows[0..count) (distinct) with gradients sums[u].
//   table, s1, s2: rows of ld (a multiple of kRowUnit; padding is zero and stays so).
//   by_row: row-wise Adagrad as in kernel adagrad_row, s1 holds one number a row (opt.kind is not looked at); s2, where not null, the
//   factor on the rate of each row.
template <class T>
struct RowStep {
  const OptimStep<T>* opt;
  bool by_row;
  T* table;
  T* s1;
  T* s2;
  Index ld, d;
  const std::int32_t* rows;
  Index count;
  const T* sums;
  Index lds;
};

// A bag of table rows as the descent of a linear model visits it: rows[0..weighted) count weights[i] times, `plain` more behind them once.
//   Rows lie at table[row * ld]; ld is a multiple of kRowUnit, padding is zero and stays so. A row occurs once. coming: rows that the next
//   visits have, to be fetched ahead.
template <class T>
struct BagRows {
  T* table;
  Index ld, d;
  const std::int32_t* rows;
  const T* weights;
  Index weighted, plain;
  const std::int32_t* coming;
  Index num_coming;
};

// One step of descent of a softmax over few classes: p = softmax(W x), then gradient = sum_c a_c w_c and w_c += a_c x with
// a_c = lr (1 where c is the target, else 0, less p_c).
//   Rows of w are ld apart; x and gradient are of ld, too. Padding is zero and stays so.
constexpr Index kFewClasses = 16;
template <class T>
struct SoftmaxStep {
  T* w;
  Index ld, d, classes, target;
  const T* x;
  T lr;
  T* gradient;
};

// 64 bytes of text, byte i at bit i of each mask.
struct ByteMasks {
  std::uint64_t blank;    // at most 0x20: ASCII white space and control characters
  std::uint64_t control;  // below 0x20
  std::uint64_t lead;     // C2, E1, E2 or E3: may begin white space beyond ASCII
};

}  // namespace pyffnn
