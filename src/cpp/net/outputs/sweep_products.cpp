#include "net/outputs/sweep_products.h"

#include <algorithm>

#include "core/dispatch.h"
#include "ops/products/core_trait.h"
#include "ops/products/dense.h"
#include "ops/products/tile_gemm.h"

namespace pyffnn::net {
namespace {

// Whole register tiles of 14, 6 and 3 rows; half of a block product of so many examples stays in L2.
constexpr Index kFmaWords = 126, kFmaExamples = KeptColumns::kBlock;
// Packing a tile of U costs as much as its product with a hundred examples.
constexpr Index kTileWords = 256, kTileExamples = 512;
// Longest run of k in one block product; a longer k is cut, the sums run on.
constexpr Index kDepth = 512;

Index depth_of(Index k) { return k <= kDepth + kDepth / 2 ? k : kDepth; }

// bf16 numbers of a packed operand: `outer` rows of A or columns of B.
Index packed_size(Index outer, Index k, int parts) { return round_up(outer, kTileSide) * round_up(k, kTileDepth) * parts; }

// The product of A, element (i, p) at a[i * rs + p * cs], and a packed B; m, n, k and the rest are in g.
void multiply_on_tiles(const GemmArgs<float>& g, const float* a, Index rs, Index cs, const std::uint16_t* b, int parts) {
  const TileKernels& tiles = dispatch::active().tiles;
  auto* const packed = scratch(Scratch::pack_a).reserve_of<std::uint16_t>(packed_size(g.m, g.k, parts));
  tiles.pack_a(a, rs, cs, g.m, g.k, parts, packed);
  tiles.gemm({packed, b, parts, g});
}
void pack_for_tiles(const float* b, Index rs, Index cs, Index k, Index n, int parts, std::uint16_t* out) {
  dispatch::active().tiles.pack_b(b, rs, cs, k, n, parts, out);
}
// float64 never comes to the tiles.
void multiply_on_tiles(const GemmArgs<double>&, const double*, Index, Index, const std::uint16_t*, bool) {}
void pack_for_tiles(const double*, Index, Index, Index, Index, bool, std::uint16_t*) {}

}  // namespace

template <class T>
void SweepProducts<T>::plan(const SweepShape<T>& shape, Precision wanted, bool gradient) {
  s_ = shape;
  kept_ = nullptr;
  precision_ = sizeof(T) == sizeof(float) ? ops::choose(wanted, s_.m, s_.vocab, s_.k) : Precision::float32;
  tile_ = on_tiles() ? kTileWords : kFmaWords;
  block_ = on_tiles() ? kTileExamples : kFmaExamples;
  ldp_ = padded_lines<T>(s_.m);
  // Columns that are taken or put back come in whole vectors.
  lddh_ = padded_lines<T>(s_.k + kRowUnit);
  if (on_tiles()) {
    panel_block_ = packed_size(std::min(block_, s_.m), s_.k, parts());
    packed_.template reserve_of<std::uint16_t>(blocks() * panel_block_);
    if (gradient) packed_scaled_.template reserve_of<std::uint16_t>(packed_size(s_.k, s_.m, parts()));
    return;
  }
  const Index nr = dispatch::kernels<T>().tile.nr;
  panel_block_ = round_up(block_, nr) * s_.k;
  packed_.reserve_of<T>(blocks() * panel_block_);
  if (gradient) packed_scaled_.reserve_of<T>(s_.m * round_up(s_.k, nr));
}

// Copying a tile of U, and the way back of its gradient, cost a few percent of the three products.
template <class T>
bool SweepProducts<T>::worth_taking(const KeptColumns& kept) const {
  if (on_tiles()) return false;
  Index total = 0;
  for (Index block = 0; block < blocks(); ++block) {
    if (kept.count(block) == 0) return false;
    total += kept.count(block);
  }
  return total * 8 <= blocks() * s_.k * 7;
}

template <class T>
typename SweepProducts<T>::Table SweepProducts<T>::table(Index word, Index words, Index block, T* room) const {
  const T* const u = s_.u + word * s_.ld;
  if (kept_ == nullptr) return {u, s_.ld};
  dispatch::kernels<T>().take_columns(u, s_.ld, words, s_.k, kept_->of(block), depth(block), room, lddh_);
  return {room, lddh_};
}

// H^T in column panels: for each block of examples, for each block of k, panels of nr examples.
template <class T>
void SweepProducts<T>::pack_h(const threads::Crew& crew, const T* h, Index ldh) {
  const double work = static_cast<double>(s_.m) * static_cast<double>(s_.k) * 4;
  const auto& kernels = dispatch::kernels<T>();
  const Index nr = kernels.tile.nr;
  crew.each(blocks(), work, [&](Index begin, Index end) {
    for (Index b = begin; b < end; ++b) {
      const T* rows = h + b * block_ * ldh;
      if (on_tiles()) {
        pack_for_tiles(rows, 1, ldh, s_.k, examples(b), parts(), static_cast<std::uint16_t*>(packed_.data()) + b * panel_block_);
        continue;
      }
      Index ld = ldh;
      if (kept_ != nullptr) {
        T* const room = scratch(Scratch::op).reserve_of<T>(block_ * lddh_);
        kernels.take_columns(rows, ldh, examples(b), s_.k, kept_->of(b), depth(b), room, lddh_);
        rows = room;
        ld = lddh_;
      }
      const Index k = depth(b), run = depth_of(k);
      T* const out = static_cast<T*>(packed_.data()) + b * panel_block_;
      for (Index p = 0; p < k; p += run)
        kernels.pack_b(rows + p, 1, ld, std::min(run, k - p), examples(b), out + p * round_up(examples(b), nr));
    }
  });
}

template <class T>
void SweepProducts<T>::logits(const Table& u, Index words, Index block, T* out) const {
  const auto& kernels = dispatch::kernels<T>();
  const Index nr = kernels.tile.nr, k = depth(block), run = depth_of(k);
  GemmArgs<T> g{};
  g.m = words;
  g.n = examples(block);
  g.c = out;
  g.ldc = ldp_;
  if (on_tiles()) {
    g.k = s_.k;
    return multiply_on_tiles(g, u.p, u.ld, 1, static_cast<const std::uint16_t*>(packed_.data()) + block * panel_block_, parts());
  }
  g.a_panel = kernels.tile.mr * u.ld;
  g.a_rs = u.ld;
  g.a_cs = 1;
  g.b_rs = nr;
  for (Index p = 0; p < k; p += run) {
    g.k = std::min(run, k - p);
    g.a = u.p + p;
    g.b = static_cast<const T*>(packed_.data()) + block * panel_block_ + p * round_up(g.n, nr);
    g.b_panel = g.k * nr;
    g.load_c = p > 0;
    kernels.gemm(g);
  }
}

template <class T>
void SweepProducts<T>::add_dh(const Table& u, Index word, Index words, Index block, const T* p, bool accumulate, Index next, T* dh) const {
  const auto& kernels = dispatch::kernels<T>();
  GemmArgs<T> g{};
  g.m = examples(block);
  g.n = depth(block);
  g.k = words;
  g.load_c = accumulate;
  g.c = dh;
  g.ldc = lddh_;
  if (on_tiles()) {
    auto* const rows = scratch(Scratch::pack_b).reserve_of<std::uint16_t>(packed_size(s_.k, words, parts()));
    pack_for_tiles(u.p, u.ld, 1, words, s_.k, parts(), rows);
    return multiply_on_tiles(g, p, 1, ldp_, rows, parts());
  }
  // A core that wants tall tiles finds them in the dense products; the others fetch the next rows of U from memory meanwhile.
  if (ops::core_kind_for(g.m, g.n, g.k) != ops::CoreKind::rows)
    return ops::gemm<T>(g.m, g.n, g.k, {p, 1, ldp_}, {u.p, u.ld, 1}, dh, lddh_, {}, accumulate);
  const T* const following = s_.u + (word + words) * s_.ld;
  Ahead ahead{reinterpret_cast<const char*>(following), reinterpret_cast<const char*>(following + next * s_.ld)};
  g.ahead = &ahead;
  g.aheads = 1;
  g.a = p;
  g.a_panel = kernels.tile.mr;
  g.a_rs = 1;
  g.a_cs = ldp_;
  g.b = u.p;
  g.b_panel = kernels.tile.nr;
  g.b_rs = u.ld;
  kernels.gemm(g);
}

template <class T>
void SweepProducts<T>::pack_scaled(const threads::Crew& crew, const T* scaled) {
  const auto& kernels = dispatch::kernels<T>();
  const Index m = s_.m, k = s_.k, nr = kernels.tile.nr;
  const double work = static_cast<double>(m * k) * 2;
  T* const panels = static_cast<T*>(packed_scaled_.data());
  if (kept_ != nullptr) {
    crew.each(blocks(), work, [&](Index begin, Index end) {
      for (Index b = begin; b < end; ++b)
        kernels.pack_b(scaled + b * block_ * lddh_, lddh_, 1, examples(b), depth(b), panels + b * block_ * round_up(k, nr));
    });
    return;
  }
  crew.each(
      k, work,
      [&](Index begin, Index end) {
        if (on_tiles())
          pack_for_tiles(scaled + begin, lddh_, 1, m, end - begin, parts(),
                         static_cast<std::uint16_t*>(packed_scaled_.data()) + packed_size(begin, m, parts()));
        else
          kernels.pack_b(scaled + begin, lddh_, 1, m, end - begin, panels + begin * m);
      },
      on_tiles() ? kTileSide : nr);
}

template <class T>
void SweepProducts<T>::gradient(GemmArgs<T>& g, const T* p, T* room) const {
  const auto& kernels = dispatch::kernels<T>();
  const Index nr = kernels.tile.nr;
  const T* const panels = static_cast<const T*>(packed_scaled_.data());
  g.n = s_.k;
  g.k = s_.m;
  if (on_tiles()) return multiply_on_tiles(g, p, ldp_, 1, static_cast<const std::uint16_t*>(packed_scaled_.data()), parts());
  g.a = p;
  g.a_panel = kernels.tile.mr * ldp_;
  g.a_rs = ldp_;
  g.a_cs = 1;
  g.b = panels;
  g.b_panel = s_.m * nr;
  g.b_rs = nr;
  if (kept_ == nullptr) return kernels.gemm(g);
  T* const out = g.c;
  const Index ld_out = g.ldc;
  g.c = room;
  g.ldc = lddh_;
  for (Index b = 0; b < blocks(); ++b) {
    const Index i = b * block_;
    g.n = depth(b);
    g.k = examples(b);
    g.a = p + i;
    g.b = panels + i * round_up(s_.k, nr);
    g.b_panel = g.k * nr;
    kernels.gemm(g);
    kernels.put_columns(g.c, lddh_, g.m, s_.k, kept_->of(b), g.n, b > 0, out, ld_out);
  }
}

template class SweepProducts<float>;
template class SweepProducts<double>;

}  // namespace pyffnn::net
