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

// The two passes of one call.
class Passes {
 public:
  Passes(const Sizes& s, const float* x, const float* w, const float* b, float* dx, float* dw, float* db, XentRows<float>& rows)
      : s_(s),
        plan_(plan_of(s)),
        tiles_(dispatch::active().tiles),
        x_(x),
        w_(w),
        b_(b),
        dx_(dx),
        dw_(dw),
        db_(db),
        rows_(rows),
        stash_(dw, s.m, s.n, s.k, plan_.tile) {}

  // Exponentials into the stash, dx summed over them.
  void first() {
    const bool in_dw = plan_.first_in_dw(s_);
    char* const below = reinterpret_cast<char*>(dw_ + (in_dw ? s_.m * s_.n : 0));
    Pieces pieces(in_dw ? below + (64 - reinterpret_cast<std::uintptr_t>(below) % 64) % 64
                        : scratch(Scratch::op).reserve(plan_.first_pass(s_)));
    const Number* const packed_x = plan_.keep_x ? pack_rows(s_.m, s_.k, x_, s_.k, 1, pieces) : nullptr;
    auto* const plain = pieces.take<Number>(s_.bytes(s_.k, plan_.tile));
    auto* const transposed = pieces.take<Number>(s_.bytes(plan_.tile, s_.k));
    auto* const packed_z = pieces.take<Number>(s_.bytes(plan_.tile, s_.m));
    float* const beside = s_.in_place() ? nullptr : pieces.take<float>(s_.floats(s_.m, plan_.tile));
    for (Index number = 0; number * plan_.tile < s_.n; ++number) {
      const Index word = number * plan_.tile, width = std::min(plan_.tile, s_.n - word), panel = TileOperand::panel(width, s_.split);
      float* const z = logits_of(word, beside).p;
      const Index ldz = logits_of(word, beside).ld;
      pack_w(word, width, plain, transposed);
      over_rows(s_.m, s_.k, x_, s_.k, 1, packed_x, [&](Index i, Index few, TileOperand x) {
        ops::tile_gemm(few, width, s_.k, x, TileOperand{plain, s_.split}, z + i * ldz, ldz, bias(word));
        for (Index r = i; r < i + few; ++r) {
          rows_.take(r, number, word, width, z + r * ldz, dx_ + r * s_.k, s_.k);
          if (!s_.in_place() && stash_.holds(number))
            std::memcpy(stash_.row(number, r), z + r * ldz, static_cast<std::size_t>(width) * sizeof(float));
        }
        Number* const own = packed_z + i / kTileSide * panel;
        tiles_.pack_a(z + i * ldz, ldz, 1, few, width, s_.split, own);
        ops::tile_gemm(few, s_.k, width, TileOperand{own, s_.split}, TileOperand{transposed, s_.split}, dx_ + i * s_.k, s_.k, {}, true);
      });
    }
  }

  // From the stash, or from logits taken again, to dw and db.
  void second() {
    Pieces pieces(scratch(Scratch::op).reserve(plan_.second_pass(s_)));
    const Number* const packed_xt = plan_.keep_xt ? pack_rows(s_.k, s_.m, x_, 1, s_.k, pieces) : nullptr;
    auto* const packed_dz = pieces.take<Number>(s_.bytes(s_.m, plan_.tile));
    const bool again = !s_.in_place();
    const Number* const packed_x = again && plan_.keep_x ? pack_rows(s_.m, s_.k, x_, s_.k, 1, pieces) : nullptr;
    auto* const plain = again ? pieces.take<Number>(s_.bytes(s_.k, plan_.tile)) : nullptr;
    float* const beside = again ? pieces.take<float>(s_.floats(s_.m, plan_.tile)) : nullptr;
    for (Index number = 0; number * plan_.tile < s_.n; ++number) {
      const Index word = number * plan_.tile, width = std::min(plan_.tile, s_.n - word), panel = TileOperand::panel(s_.m, s_.split);
      const bool held = s_.in_place() || stash_.holds(number);
      float* const z = logits_of(word, beside).p;
      const Index ldz = logits_of(word, beside).ld;
      if (!held) {
        pack_w(word, width, plain, nullptr);
        over_rows(s_.m, s_.k, x_, s_.k, 1, packed_x, [&](Index i, Index few, TileOperand x) {
          ops::tile_gemm(few, width, s_.k, x, TileOperand{plain, s_.split}, z + i * ldz, ldz, bias(word));
        });
      }
      threads::parallel_for(
          width, worth(s_.m, width, 20),
          [&](Index begin, Index end) {
            for (Index i = 0; i < s_.m; ++i) {
              float* const row = z + i * ldz + begin;
              if (held && !s_.in_place())
                std::memcpy(row, stash_.row(number, i) + begin, static_cast<std::size_t>(end - begin) * sizeof(float));
              rows_.gradient(i, number, word + begin, end - begin, held, row);
            }
            dispatch::kernels<float>().col_sum(z + begin, ldz, s_.m, end - begin, false, db_ + word + begin);
            tiles_.pack_b(z + begin, ldz, 1, s_.m, end - begin, s_.split, packed_dz + begin / kTileSide * panel);
          },
          kTileSide);
      over_rows(s_.k, s_.m, x_, 1, s_.k, packed_xt, [&](Index i, Index few, TileOperand xt) {
        ops::tile_gemm(few, width, s_.m, xt, TileOperand{packed_dz, s_.split}, dw_ + i * s_.n + word, s_.n);
      });
    }
  }

 private:
  struct Place {
    float* p;
    Index ld;
  };
  Place logits_of(Index word, float* beside) const { return s_.in_place() ? Place{dw_ + word, s_.n} : Place{beside, plan_.tile}; }
  ops::Fuse<float> bias(Index word) const { return ops::Fuse<float>::linear(b_ == nullptr ? nullptr : b_ + word, Act::identity); }
  static int worth(Index rows, Index cols, double cost) {
    return threads::threads_for(static_cast<double>(rows) * static_cast<double>(cols) * cost);
  }

  // A whole operand A: element (i, p) at from[i * rs + p * cs].
  const Number* pack_rows(Index outer, Index depth, const float* from, Index rs, Index cs, Pieces& pieces) const {
    auto* const out = pieces.take<Number>(s_.bytes(depth, outer));
    const Index panel = TileOperand::panel(depth, s_.split);
    threads::parallel_for(
        outer, worth(outer, depth, 16),
        [&](Index begin, Index end) {
          tiles_.pack_a(from + begin * rs, rs, cs, end - begin, depth, s_.split, out + begin / kTileSide * panel);
        },
        kTileSide);
    return out;
  }

  // The tile of W as B of X W, and of P W^T if wanted.
  void pack_w(Index word, Index width, Number* plain, Number* transposed) const {
    const Index plain_panel = TileOperand::panel(s_.k, s_.split), panel = TileOperand::panel(width, s_.split);
    const Index step = kTileNumbers * (s_.split ? 2 : 1);
    threads::parallel_for(
        width, worth(s_.k, width, 32),
        [&](Index begin, Index end) {
          tiles_.pack_weights(w_ + word + begin, s_.n, s_.k, end - begin, s_.split, plain + begin / kTileSide * plain_panel, plain_panel,
                              transposed == nullptr ? nullptr : transposed + begin / kTileDepth * step, panel);
        },
        kTileDepth);
  }

  // f(first row, rows, those rows of an operand A): of `packed` if there is one, or packed here a few at a time. outer: rows in all.
  template <class F>
  void over_rows(Index outer, Index depth, const float* from, Index rs, Index cs, const Number* packed, F f) const {
    const Index panel = TileOperand::panel(depth, s_.split);
    const double flops = 4 * static_cast<double>(plan_.tile) * static_cast<double>(depth) / (s_.split ? 4 : 8);  // a row's, in those of FMA
    threads::parallel_for(
        outer, threads::threads_for(static_cast<double>(outer) * flops),
        [&](Index begin, Index end) {
          if (packed != nullptr) return f(begin, end - begin, TileOperand{packed + begin / kTileSide * panel, s_.split});
          auto* const own = scratch(Scratch::pack_a).reserve_of<Number>(TileOperand::numbers(depth, kFewRows, s_.split));
          for (Index i = begin; i < end; i += kFewRows) {
            const Index few = std::min(kFewRows, end - i);
            tiles_.pack_a(from + i * rs, rs, cs, few, depth, s_.split, own);
            f(i, few, TileOperand{own, s_.split});
          }
        },
        kUnit);
  }

  const Sizes s_;
  const Plan plan_;
  const TileKernels& tiles_;
  const float *x_, *w_, *b_;
  float *dx_, *dw_, *db_;
  XentRows<float>& rows_;
  const Stash<float> stash_;
};

}  // namespace

Index linear_xent_tiles_bytes(Index m, Index n, Index k, bool split) {
  const Sizes s{m, n, k, split};
  return plan_of(s).bytes(s);
}

double linear_xent_tiles(Index m, Index n, Index k, const float* x, const float* w, const float* b, const std::int64_t* target,
                         const float* sample_weight, float* dx, float* dw, float* db, bool split) {
  std::memset(dx, 0, static_cast<std::size_t>(m * k) * sizeof(float));
  XentRows<float> rows(m, target, sample_weight);
  if (m == 0 || n == 0 || rows.total() == 0) {
    std::memset(dw, 0, static_cast<std::size_t>(k * n) * sizeof(float));
    std::memset(db, 0, static_cast<std::size_t>(n) * sizeof(float));
    return 0;
  }
  Passes passes({m, n, k, split}, x, w, b, dx, dw, db, rows);
  passes.first();
  const double loss = rows.loss();
  rows.finish(w, n, dx, k);
  passes.second();
  return loss;
}

}  // namespace pyffnn::train
