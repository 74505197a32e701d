// linear_xent on bf16 tiles: the same two passes over the vocabulary. All products of a tile of words share its packed operands.
#include <algorithm>
#include <cstring>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "ops/tile_gemm.h"
#include "train/linear_xent.h"
#include "train/linear_xent_rows.h"

namespace pyffnn::train {
namespace {

using ops::TileOperand;
using Number = std::uint16_t;  // in bf16

constexpr Index kUnit = 2 * kTileSide;  // rows and columns of the sums that the kernel keeps in tiles
constexpr Index kFewRows = 64;          // of an operand that is packed where it is used

struct Sizes {
  Index m, n, k;
  bool split;

  Index bytes(Index depth, Index outer) const { return TileOperand::numbers(depth, outer, split) * Index{sizeof(Number)}; }
  bool in_place() const { return m <= k; }  // the stash holds whole tiles as they are
  Index floats(Index rows, Index cols) const { return rows * cols * Index{sizeof(float)}; }
};

// How many words are taken at a time, and whether X and X^T are packed once, before each pass, rather than some rows of them again for each
// tile. Pass 1 has X, both forms of W's tile and the tile of exponentials, packed, and beside it in full where it does not lie in the
// stash; pass 2 has X^T and the gradient by the logits, packed, and what it takes to compute exponentials again.
struct Plan {
  Index tile;
  bool keep_x, keep_xt;

  Index first_pass(const Sizes& s) const {
    return (keep_x ? s.bytes(s.k, s.m) : 0) + s.bytes(s.k, tile) + s.bytes(tile, s.k) + s.bytes(tile, s.m) +
           (s.in_place() ? 0 : s.floats(s.m, tile));
  }
  // The rows of dw below the exponentials are free in pass 1.
  bool first_in_dw(const Sizes& s) const { return s.in_place() && first_pass(s) + 64 <= s.floats(s.k - s.m, s.n); }
  Index second_pass(const Sizes& s) const {
    const Index again = s.in_place() ? 0 : (keep_x ? s.bytes(s.k, s.m) : 0) + s.bytes(s.k, tile) + s.floats(s.m, tile);
    return (keep_xt ? s.bytes(s.m, s.k) : 0) + s.bytes(s.m, tile) + again;
  }
  Index few_rows(const Sizes& s) const { return std::max(keep_x ? 0 : s.bytes(s.k, kFewRows), keep_xt ? 0 : s.bytes(s.m, kFewRows)); }
  // With two threads; so the plan, and with it every bit, does not depend on their number.
  Index bytes(const Sizes& s) const { return std::max(first_in_dw(s) ? 0 : first_pass(s), second_pass(s)) + 2 * few_rows(s); }
};

// As wide as 4 % of the logits' memory allows: packing X again for each tile costs less the wider it is, and packing the tile of W nothing
// more.
Plan plan_of(const Sizes& s) {
  const Index budget = s.floats(s.m, s.n) / 25;
  Plan plan{};
  for (const Index tile : {256, 192, 128, 64}) {
    for (const bool keep : {true, false}) {
      plan = {std::min(tile, (s.n + kUnit - 1) / kUnit * kUnit), true, keep};
      plan.keep_x = keep || plan.first_in_dw(s);
      if (plan.bytes(s) <= budget) return plan;
    }
  }
  return plan;
}

// Pieces of one block of memory.
class Pieces {
 public:
  explicit Pieces(void* p) : p_(static_cast<char*>(p)) {}
  template <class T>
  T* take(Index bytes) {
    T* const piece = reinterpret_cast<T*>(p_);
    p_ += bytes;
    return piece;
  }

 private:
  char* p_;
};

}  // namespace

Index linear_xent_tiles_bytes(Index m, Index n, Index k, bool split) {
  const Sizes s{m, n, k, split};
  return plan_of(s).bytes(s);
}

double linear_xent_tiles(Index m, Index n, Index k, const float* x, const float* w, const float* b, const std::int64_t* target,
                         const float* sample_weight, float* dx, float* dw, float* db, bool split) {
  const TileKernels& tiles = dispatch::active().tiles;
  std::memset(dx, 0, static_cast<std::size_t>(m * k) * sizeof(float));
  XentRows<float> rows(m, target, sample_weight);
  if (m == 0 || n == 0 || rows.total() == 0) {
    std::memset(dw, 0, static_cast<std::size_t>(k * n) * sizeof(float));
    std::memset(db, 0, static_cast<std::size_t>(n) * sizeof(float));
    return 0;
  }
  const Sizes s{m, n, k, split};
  const Plan plan = plan_of(s);
  const Index tile = plan.tile, count = (n + tile - 1) / tile;
  const Stash<float> stash(dw, m, n, k, tile);
  const bool in_place = s.in_place();
  const auto width_of = [&](Index number) { return std::min(tile, n - number * tile); };
  const auto threads_for = [](Index a, Index b, double cost) {
    return threads::threads_for(static_cast<double>(a) * static_cast<double>(b) * cost);
  };
  const Index x_panel = TileOperand::panel(k, split), xt_panel = TileOperand::panel(m, split);

  // f(first row, rows, those rows of an operand A): of `packed` if there is one, or packed here a few at a time. outer: rows in all.
  const auto over_rows = [&](Index outer, Index depth, const float* from, Index rs, Index cs, const Number* packed, Index cost, auto f) {
    const Index panel = TileOperand::panel(depth, split);
    threads::parallel_for(
        outer, threads_for(outer, cost, 1),
        [&](Index begin, Index end) {
          if (packed != nullptr) return f(begin, end - begin, TileOperand{packed + begin / kTileSide * panel, split});
          auto* const own = scratch(Scratch::pack_a).reserve_of<Number>(TileOperand::numbers(depth, kFewRows, split));
          for (Index i = begin; i < end; i += kFewRows) {
            const Index few = std::min(kFewRows, end - i);
            tiles.pack_a(from + i * rs, rs, cs, few, depth, split, own);
            f(i, few, TileOperand{own, split});
          }
        },
        kUnit);
  };
  const auto pack_rows = [&](Index outer, Index depth, const float* from, Index rs, Index cs, Number* out) {
    const Index panel = TileOperand::panel(depth, split);
    threads::parallel_for(
        outer, threads_for(outer, depth, 16),
        [&](Index begin, Index end) {
          tiles.pack_a(from + begin * rs, rs, cs, end - begin, depth, split, out + begin / kTileSide * panel);
        },
        kTileSide);
  };
  // The tile of W as B of X W, and of P W^T if wanted.
  const auto pack_w = [&](Index word, Index width, Number* plain, Number* transposed) {
    const Index panel = TileOperand::panel(width, split), step = kTileNumbers * (split ? 2 : 1);
    threads::parallel_for(
        width, threads_for(k, width, 32),
        [&](Index begin, Index end) {
          tiles.pack_weights(w + word + begin, n, k, end - begin, split, plain + begin / kTileSide * x_panel, x_panel,
                             transposed == nullptr ? nullptr : transposed + begin / kTileDepth * step, panel);
        },
        kTileDepth);
  };
  const auto bias = [&](Index word) { return ops::Fuse<float>::linear(b == nullptr ? nullptr : b + word, Act::identity); };
  // Flops of one row of a product on tiles, in those of FMA.
  const Index row_cost = 2 * tile * k / (split ? 4 : 8);

  {
    const bool in_dw = plan.first_in_dw(s);
    char* const below = reinterpret_cast<char*>(dw + (in_dw ? m * n : 0));
    Pieces pieces(in_dw ? below + (64 - reinterpret_cast<std::uintptr_t>(below) % 64) % 64
                        : scratch(Scratch::op).reserve(plan.first_pass(s)));
    auto* const packed_x = plan.keep_x ? pieces.take<Number>(s.bytes(k, m)) : nullptr;
    auto* const plain = pieces.take<Number>(s.bytes(k, tile));
    auto* const transposed = pieces.take<Number>(s.bytes(tile, k));
    auto* const packed_z = pieces.take<Number>(s.bytes(tile, m));
    float* const beside = in_place ? nullptr : pieces.take<float>(s.floats(m, tile));
    if (packed_x != nullptr) pack_rows(m, k, x, k, 1, packed_x);
    for (Index number = 0; number < count; ++number) {
      const Index word = number * tile, width = width_of(number), z_panel = TileOperand::panel(width, split);
      pack_w(word, width, plain, transposed);
      float* const z = in_place ? dw + word : beside;
      const Index ldz = in_place ? n : tile;
      over_rows(m, k, x, k, 1, packed_x, 2 * row_cost + 20 * width, [&](Index i, Index few, TileOperand own_x) {
        ops::tile_gemm(few, width, k, own_x, TileOperand{plain, split}, z + i * ldz, ldz, bias(word));
        for (Index r = i; r < i + few; ++r) {
          rows.take(r, number, word, width, z + r * ldz, dx + r * k, k);
          if (!in_place && stash.holds(number))
            std::memcpy(stash.row(number, r), z + r * ldz, static_cast<std::size_t>(width) * sizeof(float));
        }
        Number* const own_z = packed_z + i / kTileSide * z_panel;
        tiles.pack_a(z + i * ldz, ldz, 1, few, width, split, own_z);
        ops::tile_gemm(few, k, width, TileOperand{own_z, split}, TileOperand{transposed, split}, dx + i * k, k, {}, true);
      });
    }
  }
  const double loss = rows.loss();
  rows.finish(w, n, dx, k);

  Pieces pieces(scratch(Scratch::op).reserve(plan.second_pass(s)));
  auto* const packed_xt = plan.keep_xt ? pieces.take<Number>(s.bytes(m, k)) : nullptr;
  auto* const packed_dz = pieces.take<Number>(s.bytes(m, tile));
  auto* const packed_x = plan.keep_x && !in_place ? pieces.take<Number>(s.bytes(k, m)) : nullptr;
  auto* const plain = in_place ? nullptr : pieces.take<Number>(s.bytes(k, tile));
  float* const beside = in_place ? nullptr : pieces.take<float>(s.floats(m, tile));
  if (packed_xt != nullptr) pack_rows(k, m, x, 1, k, packed_xt);
  if (packed_x != nullptr) pack_rows(m, k, x, k, 1, packed_x);
  for (Index number = 0; number < count; ++number) {
    const Index word = number * tile, width = width_of(number);
    const bool held = in_place || stash.holds(number);
    float* const z = in_place ? dw + word : beside;
    const Index ldz = in_place ? n : tile;
    if (!held) {
      pack_w(word, width, plain, nullptr);
      over_rows(m, k, x, k, 1, packed_x, row_cost, [&](Index i, Index few, TileOperand own_x) {
        ops::tile_gemm(few, width, k, own_x, TileOperand{plain, split}, z + i * ldz, ldz, bias(word));
      });
    }
    threads::parallel_for(
        width, threads_for(m, width, 20),
        [&](Index begin, Index end) {
          for (Index i = 0; i < m; ++i) {
            float* const row = z + i * ldz + begin;
            if (held && !in_place) std::memcpy(row, stash.row(number, i) + begin, static_cast<std::size_t>(end - begin) * sizeof(float));
            rows.gradient(i, number, word + begin, end - begin, held, row);
          }
          dispatch::kernels<float>().col_sum(z + begin, ldz, m, end - begin, false, db + word + begin);
          tiles.pack_b(z + begin, ldz, 1, m, end - begin, split, packed_dz + begin / kTileSide * xt_panel);
        },
        kTileSide);
    over_rows(k, m, x, 1, k, packed_xt, 2 * tile * m / (split ? 4 : 8), [&](Index i, Index few, TileOperand own_xt) {
      ops::tile_gemm(few, width, m, own_xt, TileOperand{packed_dz, split}, dw + i * n + word, n);
    });
  }
  return loss;
}

}  // namespace pyffnn::train
