#include "ops/linear_xent/panels_tiles.h"

#include <cstring>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"

namespace pyffnn::ops::xent {
namespace {

int worth(Index rows, Index cols, double cost) {
  return threads::threads_for(static_cast<double>(rows) * static_cast<double>(cols) * cost);
}

}  // namespace

// Pieces of one block of memory.
class TilePanels::Pieces {
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

TilePanels::TilePanels(const Problem<float>& p, int parts)
    : p_(p), s_{p.m, p.n, p.k, parts}, plan_(tile_plan(s_)), tiles_(dispatch::active().tiles) {}

TilePanels::Place TilePanels::logits_of(Index word, float* beside) const {
  return s_.in_place() ? Place{p_.dw + word, s_.n} : Place{beside, plan_.tile};
}

// A whole operand A: element (i, p) at from[i * rs + p * cs].
const TilePanels::Number* TilePanels::pack_rows(Index outer, Index depth, const float* from, Index rs, Index cs, Pieces& pieces) const {
  auto* const out = pieces.take<Number>(s_.bytes(depth, outer));
  const Index panel = TileOperand::panel(depth, s_.parts);
  threads::parallel_for(
      outer, worth(outer, depth, 16),
      [&](Index begin, Index end) {
        tiles_.pack_a(from + begin * rs, rs, cs, end - begin, depth, s_.parts, out + begin / kTileSide * panel);
      },
      kTileSide);
  return out;
}

// The tile of W as B of X W, and of P W^T if wanted.
void TilePanels::pack_w(Index word, Index words, Number* plain, Number* transposed) const {
  const Index plain_panel = TileOperand::panel(s_.k, s_.parts), panel = TileOperand::panel(words, s_.parts);
  const Index step = kTileNumbers * s_.parts;
  threads::parallel_for(
      words, worth(s_.k, words, 32),
      [&](Index begin, Index end) {
        tiles_.pack_weights(p_.w + word + begin, s_.n, s_.k, end - begin, s_.parts, plain + begin / kTileSide * plain_panel, plain_panel,
                            transposed == nullptr ? nullptr : transposed + begin / kTileDepth * step, panel);
      },
      kTileDepth);
}

// f(first row, rows, those rows of an operand A): of `packed` if there is one, or packed here a few at a time. outer: rows in all.
template <class F>
void TilePanels::over_rows(Index outer, Index depth, const float* from, Index rs, Index cs, const Number* packed, F f) const {
  const Index panel = TileOperand::panel(depth, s_.parts);
  const double flops = 4 * static_cast<double>(plan_.tile) * static_cast<double>(depth) / tile_gain(s_.parts);  // a row's, in those of FMA
  threads::parallel_for(
      outer, threads::threads_for(static_cast<double>(outer) * flops),
      [&](Index begin, Index end) {
        if (packed != nullptr) return f(begin, end - begin, TileOperand{packed + begin / kTileSide * panel, s_.parts});
        auto* const own = scratch(Scratch::pack_a).reserve_of<Number>(TileOperand::numbers(depth, kFewRows, s_.parts));
        for (Index i = begin; i < end; i += kFewRows) {
          const Index few = std::min(kFewRows, end - i);
          tiles_.pack_a(from + i * rs, rs, cs, few, depth, s_.parts, own);
          f(i, few, TileOperand{own, s_.parts});
        }
      },
      2 * kTileSide);
}

void TilePanels::first(Walk<float>& walk) const {
  const bool in_dw = plan_.first_in_dw(s_);
  char* const below = reinterpret_cast<char*>(p_.dw + (in_dw ? s_.m * s_.n : 0));
  Pieces pieces(in_dw ? below + (64 - reinterpret_cast<std::uintptr_t>(below) % 64) % 64
                      : scratch(Scratch::op).reserve(plan_.first_pass(s_)));
  const Number* const packed_x = plan_.keep_x ? pack_rows(s_.m, s_.k, p_.x, s_.k, 1, pieces) : nullptr;
  auto* const plain = pieces.take<Number>(s_.bytes(s_.k, plan_.tile));
  auto* const transposed = pieces.take<Number>(s_.bytes(plan_.tile, s_.k));
  auto* const packed_z = pieces.take<Number>(s_.bytes(plan_.tile, s_.m));
  float* const beside = s_.in_place() ? nullptr : pieces.take<float>(s_.floats(s_.m, plan_.tile));
  for (Index number = 0; number < walk.tiles(); ++number) {
    const Index word = number * plan_.tile, words = walk.width(number), panel = TileOperand::panel(words, s_.parts);
    const auto [z, ldz] = logits_of(word, beside);
    pack_w(word, words, plain, transposed);
    over_rows(s_.m, s_.k, p_.x, s_.k, 1, packed_x, [&, z = z, ldz = ldz](Index i, Index few, TileOperand x) {
      float* const rows = z + i * ldz;
      tile_gemm(few, words, s_.k, x, TileOperand{plain, s_.parts}, rows, ldz, p_.bias(word));
      walk.absorb(number, i, i + few, rows, ldz, s_.in_place());
      Number* const own = packed_z + i / kTileSide * panel;
      tiles_.pack_a(rows, ldz, 1, few, words, s_.parts, own);
      tile_gemm(few, s_.k, words, TileOperand{own, s_.parts}, TileOperand{transposed, s_.parts}, p_.dx + i * s_.k, s_.k, {}, true);
    });
  }
}

void TilePanels::second(const Walk<float>& walk) const {
  using Source = Walk<float>::Source;
  Pieces pieces(scratch(Scratch::op).reserve(plan_.second_pass(s_)));
  const Number* const packed_xt = plan_.keep_xt ? pack_rows(s_.k, s_.m, p_.x, 1, s_.k, pieces) : nullptr;
  auto* const packed_dz = pieces.take<Number>(s_.bytes(s_.m, plan_.tile));
  const bool again = !s_.in_place();
  const Number* const packed_x = again && plan_.keep_x ? pack_rows(s_.m, s_.k, p_.x, s_.k, 1, pieces) : nullptr;
  auto* const plain = again ? pieces.take<Number>(s_.bytes(s_.k, plan_.tile)) : nullptr;
  float* const beside = again ? pieces.take<float>(s_.floats(s_.m, plan_.tile)) : nullptr;
  for (Index number = 0; number < walk.tiles(); ++number) {
    const Index word = number * plan_.tile, words = walk.width(number), panel = TileOperand::panel(s_.m, s_.parts);
    const Source source = s_.in_place() ? Source::exponentials : walk.stash.holds(number) ? Source::stash : Source::logits;
    const auto [z, ldz] = logits_of(word, beside);
    if (source == Source::logits) {
      pack_w(word, words, plain, nullptr);
      over_rows(s_.m, s_.k, p_.x, s_.k, 1, packed_x, [&, z = z, ldz = ldz](Index i, Index few, TileOperand x) {
        tile_gemm(few, words, s_.k, x, TileOperand{plain, s_.parts}, z + i * ldz, ldz, p_.bias(word));
      });
    }
    threads::parallel_for(
        words, worth(s_.m, words, 20),
        [&, z = z, ldz = ldz](Index begin, Index end) {
          walk.gradients(number, word + begin, end - begin, z + begin, ldz, source);
          tiles_.pack_b(z + begin, ldz, 1, s_.m, end - begin, s_.parts, packed_dz + begin / kTileSide * panel);
        },
        kTileSide);
    over_rows(s_.k, s_.m, p_.x, 1, s_.k, packed_xt, [&](Index i, Index few, TileOperand xt) {
      tile_gemm(few, words, s_.m, xt, TileOperand{packed_dz, s_.parts}, p_.dw + i * s_.n + word, s_.n);
    });
  }
}

}  // namespace pyffnn::ops::xent
