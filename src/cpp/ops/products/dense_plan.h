// How a dense product is taken: a pure function of shape, strides, cache sizes and a measured trait of the core, so that tests can ask
// about machines other than this one (tests/cpp/test_dense_plan.cpp). No plan changes a bit of a result.
#pragma once
#include <optional>

#include "core/math.h"
#include "ops/products/choice.h"

namespace pyffnn::ops {

// Who reads what from where:
//   rows: row panel by row panel; A's stays in L1 while all panels of B's block pass, in place or packed, out of L1 or L2. Each row of B is
//       read for the panels beside one another, of which the next is fetched.
//   shallow: some columns of B, all k rows of them, stay in registers while the rows of A pass.
//   down: column panel by column panel, tall tiles; B in place, fetched down the panel.
//   copy: so too, and the first tile of a panel copies it, for the others to read out of L1 or L2 while they fetch the next panel.
//   ahead: as rows, with blocks of both operands packed beforehand.
//   turned: one row by a B that runs along k, which is read once as it lies and transposed in registers.
enum class Way : int { rows = 0, shallow = 1, down = 2, copy = 3, ahead = 4, turned = 5 };
constexpr int kWays = 6;
constexpr const char* kWayNames[kWays] = {"rows", "shallow", "down", "copy", "ahead", "turned"};

struct DenseShape {
  Index m, n, k;
  Strides a, b;
  Index size;   // of an element, in bytes
  bool update;  // the epilogue is an optimizer step
};

// The loops: blocks of k; blocks of rows (mc) or of columns (nc); then the kernel of the way.
//
//   a_rows: rows of a register tile, the same for every panel (rows, ahead): 16 rows are 8 + 8, not 14 + 2, whose last tile has too few
//       sums.
//   kc: rows of B that a tile takes before its sums return to C; see block_of_k().
//   nc: a block of B takes a quarter of L2 (rows), or half of it (ahead): the rest is for C, A, and lines that come in ahead.
//   mc: a block of A takes half of L2 (down, copy), so that each of its tiles meets every panel there. Blocks are of equal height.
//   pack_b (rows): the kernel reads rows of B in place as fast. So B is packed only where it runs along k, where its rows overfill cache
//       sets, where it is far larger than L2 (pages beyond the reach of the TLB) and enough row panels use it, or where a panel of it,
//       whose unaligned rows take a line more, leaves L1 and few rows share each load.
//   pack_a: where rows or columns of A overfill cache sets and enough panels of B use it. In ways by columns also where A runs along m
//       and many panels use it, or very many do: a row tile is transposed when the first panel meets it.
//   whole (rows): B stays in L1; one call of the kernel takes everything in place, and the rest of the plan is not looked at but a_rows.
//   Few rows of A over rows of B that are longer than pages, in a B beyond L2 (rows): a tile's strip would meet a new page at every row.
//       So kc is 8, whose rows stream in one after another along their whole length, while the sums wait in C.
struct DensePlan {
  Way way;
  bool whole, pack_a, pack_b;
  Index a_rows, mc, nc, kc;
};

// Rows of a register tile of `rows`: the panels are equally high.
constexpr Index rows_of_tile(Index m, const GemmGeometry& tile) {
  return m <= tile.mr ? (m > 0 ? m : 1) : ceil_div(m, ceil_div(m, tile.mr));
}

// Whether B stays in L1, in place and in one block of k.
constexpr bool stays_in_l1(const DenseShape& s, const cpu::Caches& cache) {
  return s.b.cs == 1 && s.k <= block_of_k(s.k) && s.k * s.n * s.size <= cache.l1d;
}

// As many columns as stay in registers at once, or a few times that: more of them are a matter of writing C, whose rows want to be whole.
// An A that runs along m has a line for each number then, and goes by rows.
constexpr bool suits_shallow(const DenseShape& s, const GemmGeometry& tile) {
  return s.m > tile.mr && s.k <= kMostShallow && s.n <= 8 * tile.nr && s.a.cs == 1;
}

// Whether `whole` holds and no other way suits the shape better: the short call, which is told by the first look at it.
constexpr bool is_short(const DenseShape& s, const GemmGeometry& tile, const cpu::Caches& cache) {
  return stays_in_l1(s, cache) && !suits_shallow(s, tile);
}

// What suits a core, as measured (core_trait.h). One with two ports for 512-bit multiply-adds takes the tall tiles of the ways by columns,
// whose steps read fewer lines of B. One that splits those operations has the time to read more lines: both are even there, and the shape
// decides.
enum class CoreKind : int { rows = 0, either = 1, columns = 2 };
constexpr const char* kCoreKindNames[] = {"rows", "either", "columns"};

DensePlan dense_plan(const DenseShape& s, const GemmGeometry& tile, const cpu::Caches& cache, CoreKind core);

// The plan of one way, whatever suits the shape; that of `rows` where the way cannot take it.
DensePlan plan_of_way(Way way, const DenseShape& s, const GemmGeometry& tile, const cpu::Caches& cache);

// Whether rows of so many bytes' distance fill more than half of the lines of a set of the first-level cache.
bool crowded(Index distance_bytes, Index rows, const cpu::Caches& cache);

}  // namespace pyffnn::ops
