#include "ops/tile_gemm.h"

#include <algorithm>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "ops/gemm_args.h"

namespace pyffnn::ops {
namespace {

constexpr Index kBlock = 2 * kTileSide;  // rows and columns of the sums that the kernel keeps in tiles

Index ceil_div(Index x, Index unit) { return (x + unit - 1) / unit; }
Index round_up(Index x, Index unit) { return ceil_div(x, unit) * unit; }

struct Problem {
  Index m, n, k;
  ConstMat<float> a, b;
  const std::uint16_t* packed_b;  // in place of b
  GemmArgs<float> out;
  bool split;
};

Problem part_of(Problem p, Index r0, Index r1, Index c0, Index c1) {
  p.out = output_part(p.out, r0, r1, c0, c1);
  p.a.p += r0 * p.a.rs;
  if (p.packed_b != nullptr)
    p.packed_b += c0 / kTileSide * TileOperand::panel(p.k, p.split);
  else
    p.b.p += c0 * p.b.cs;
  p.m = r1 - r0;
  p.n = c1 - c0;
  return p;
}

// Block sizes, in numbers of k, rows of A and columns of B:
//   kc: the panel of B that meets every row (32 columns) takes two thirds of the first-level cache: of 48 kB, 512 in bf16 and 256 split. A
//       block of k costs a load and a store of C, 8 kB for the 32 x 32 sums that took 32 kB of loads in bf16, 64 kB split, at kc = 256.
//   mc: packed A (mc x kc) takes half of L2.   nc: packed B (kc x nc) takes a quarter of it, so that it is used while it is there.
// A longer k that leaves a rest of less than half a block is one block; so is that of an update, which needs the whole sum at once.
struct Blocks {
  Index mc, nc, kc;
};
Blocks blocks(const Problem& p) {
  const Index bytes = p.split ? 4 : 2, l2 = cpu::caches().l2;
  Blocks b;
  b.kc = std::max(4 * kTileDepth, cpu::caches().l1d * 2 / 3 / (kBlock * bytes) / kTileDepth * kTileDepth);
  if (p.out.epilogue == Epilogue::update || p.k <= b.kc + b.kc / 2) b.kc = std::max<Index>(round_up(p.k, kTileDepth), kTileDepth);
  b.mc = std::min(std::max(kBlock, l2 / 2 / (b.kc * bytes) / kBlock * kBlock), round_up(p.m, kBlock));
  b.nc = p.packed_b != nullptr ? std::max<Index>(p.n, 1)
                               : std::min(std::max(kBlock, l2 / 4 / (b.kc * bytes) / kBlock * kBlock), round_up(p.n, kBlock));
  return b;
}

// A block of A is packed once and meets all of B, packed block by block as it is needed (B is packed again for every mc rows), or packed
// before.
void serial(const Problem& p, const TileKernels& kernels) {
  const Blocks bl = blocks(p);
  const Index parts = p.split ? 2 : 1, b_panel = TileOperand::panel(p.k, p.split);
  auto* const pa = scratch(Scratch::pack_a).reserve_of<std::uint16_t>(bl.mc * bl.kc * parts);
  auto* const pb = p.packed_b != nullptr ? nullptr : scratch(Scratch::pack_b).reserve_of<std::uint16_t>(bl.nc * bl.kc * parts);
  for (Index ic = 0; ic < p.m; ic += bl.mc) {
    const Index m = std::min(bl.mc, p.m - ic);
    for (Index pc = 0; pc == 0 || pc < p.k; pc += bl.kc) {
      const Index k = std::min(bl.kc, p.k - pc);
      kernels.pack_a(p.a.p + ic * p.a.rs + pc * p.a.cs, p.a.rs, p.a.cs, m, k, p.split, pa);
      for (Index jc = 0; jc < p.n; jc += bl.nc) {
        const Index n = std::min(bl.nc, p.n - jc);
        TileProduct t{pa, pb, p.split, output_part(p.out, ic, ic + m, jc, jc + n)};
        if (p.packed_b != nullptr) {
          t.b = p.packed_b + jc / kTileSide * b_panel + pc / kTileDepth * kTileNumbers * parts;
          t.b_panel = b_panel;
        } else {
          kernels.pack_b(p.b.p + pc * p.b.rs + jc * p.b.cs, p.b.rs, p.b.cs, k, n, p.split, pb);
        }
        t.out.k = k;
        if (pc > 0) t.out.load_c = true;
        if (pc + bl.kc < p.k) t.out.epilogue = Epilogue::store;
        kernels.gemm(t);
      }
    }
  }
}

// Estimated cycles of one core, from the figures of prototypes on a Sapphire Rapids core (not measured on this code): FMA kernels at 51
// flops a cycle; a tile product issues every 16 cycles, three quarters of the time; packing costs 0.5 cycles a number (0.1 to 0.2 ns,
// measured on Zen 4); configuring and releasing the tiles, and the edges, about 2000.
bool split_pays(Index m, Index n, Index k, bool kept_b) {
  const double dm = static_cast<double>(m), dn = static_cast<double>(n), dk = static_cast<double>(k);
  const double fma = 2 * dm * dn * dk / 51;
  const double tiles = static_cast<double>(ceil_div(m, kTileSide)) * static_cast<double>(ceil_div(n, kTileSide)) *
                       static_cast<double>(ceil_div(k, kTileDepth)) * 3 * 16 / 0.75;
  // Where B is kept, the first products after a change of it pack it all the same: twice as fast is asked for.
  if (kept_b) return tiles + 0.7 * dm * dk + 2000 < 0.5 * fma;
  return tiles + 0.5 * (dm * dk + dk * dn) + 2000 < 0.9 * fma;
}

// Both operands packed, on this thread.
void packed_product(const GemmArgs<float>& out, Index k, Index kc, TileOperand a, TileOperand b, const TileKernels& kernels) {
  const Index panel = TileOperand::panel(k, b.split);
  for (Index pc = 0; pc == 0 || pc < k; pc += kc) {
    const Index at = pc / kTileDepth * kTileNumbers * (b.split ? 2 : 1);
    TileProduct t{a.p + at, b.p + at, b.split, out, panel, panel};
    t.out.k = std::min(kc, k - pc);
    if (pc > 0) t.out.load_c = true;
    if (pc + kc < k) t.out.epilogue = Epilogue::store;
    kernels.gemm(t);
  }
}

// Threads share the packing of both operands, then the product: of which each would else pack one whole for itself.
void together(const Problem& p, int parts, const TileKernels& kernels) {
  const Index panel = TileOperand::panel(p.k, p.split), a_panels = ceil_div(p.m, kTileSide);
  const Index b_panels = p.packed_b != nullptr ? 0 : ceil_div(p.n, kTileSide);
  auto* const pa = scratch(Scratch::pack_a).reserve_of<std::uint16_t>(a_panels * panel);
  auto* const pb = b_panels > 0 ? scratch(Scratch::pack_b).reserve_of<std::uint16_t>(b_panels * panel) : nullptr;
  threads::parallel_for(a_panels + b_panels, parts, [&](Index begin, Index end) {
    const Index row = begin * kTileSide, rows = std::min(end * kTileSide, p.m) - row;
    if (rows > 0) kernels.pack_a(p.a.p + row * p.a.rs, p.a.rs, p.a.cs, rows, p.k, p.split, pa + begin * panel);
    const Index first = std::max<Index>(begin - a_panels, 0), col = first * kTileSide;
    const Index cols = std::min((end - a_panels) * kTileSide, p.n) - col;
    if (b_panels > 0 && cols > 0) kernels.pack_b(p.b.p + col * p.b.cs, p.b.rs, p.b.cs, p.k, cols, p.split, pb + first * panel);
  });
  const TileOperand a{pa, p.split}, b{p.packed_b != nullptr ? p.packed_b : pb, p.split};
  const Index kc = blocks(p).kc;
  const auto part = [&](Index r0, Index r1, Index c0, Index c1) {
    packed_product(output_part(p.out, r0, r1, c0, c1), p.k, kc, {a.p + r0 / kTileSide * panel, p.split},
                   {b.p + c0 / kTileSide * panel, p.split}, kernels);
  };
  if (p.m >= p.n)
    threads::parallel_for(p.m, parts, [&](Index r0, Index r1) { part(r0, r1, 0, p.n); }, kBlock);
  else
    threads::parallel_for(p.n, parts, [&](Index c0, Index c1) { part(0, p.m, c0, c1); }, kBlock);
}

void in_parts(const Problem& p) {
  const TileKernels& kernels = dispatch::active().tiles;
  const Index m = p.m, n = p.n;
  // A flop on tiles takes an eighth of the time of one by FMA, or a quarter split.
  const double work = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(p.k);
  const double packed = static_cast<double>(p.k) * static_cast<double>(p.packed_b != nullptr ? m : m + n);
  const int parts = threads::threads_for(work / (p.split ? 4 : 8) + packed * 16);
  if (parts <= 1) return serial(p, kernels);
  // Packed operands that overfill the last cache would come back from memory.
  const double bytes = packed * (p.split ? 4 : 2);
  if (bytes <= static_cast<double>(cpu::caches().l3) / 4) return together(p, parts, kernels);
  if (m >= n)
    threads::parallel_for(m, parts, [&](Index r0, Index r1) { serial(part_of(p, r0, r1, 0, n), kernels); }, kBlock);
  else
    threads::parallel_for(n, parts, [&](Index c0, Index c1) { serial(part_of(p, 0, m, c0, c1), kernels); }, kBlock);
}

}  // namespace

Precision choose(Precision wanted, Index m, Index n, Index k, bool kept_b) {
  if (wanted == Precision::float32 || !dispatch::active().has_tiles()) return Precision::float32;
  if (wanted != Precision::automatic) return wanted;
  return split_pays(m, n, k, kept_b) ? Precision::bfloat16x3 : Precision::float32;
}

TileOperand pack_operand(Index k, Index n, ConstMat<float> b, bool split, std::uint16_t* out) {
  const TileKernels& kernels = dispatch::active().tiles;
  const Index panel = TileOperand::panel(k, split);
  const int parts = threads::threads_for(static_cast<double>(k) * static_cast<double>(n) * 16);
  threads::parallel_for(
      n, parts,
      [&](Index begin, Index end) {
        kernels.pack_b(b.p + begin * b.cs, b.rs, b.cs, k, end - begin, split, out + begin / kTileSide * panel);
      },
      kTileSide);
  return {out, split};
}

void tile_gemm(Index m, Index n, Index k, ConstMat<float> a, ConstMat<float> b, float* c, Index ldc, const Fuse<float>& fuse,
               bool accumulate, bool split) {
  in_parts({m, n, k, a, b, nullptr, output_args(m, n, c, ldc, fuse, accumulate), split});
}

void tile_gemm(Index m, Index n, Index k, ConstMat<float> a, TileOperand b, float* c, Index ldc, const Fuse<float>& fuse, bool accumulate) {
  in_parts({m, n, k, a, {}, b.p, output_args(m, n, c, ldc, fuse, accumulate), b.split});
}

void tile_gemm(Index m, Index n, Index k, TileOperand a, TileOperand b, float* c, Index ldc, const Fuse<float>& fuse, bool accumulate) {
  const Problem p{m, n, k, {}, {}, b.p, output_args(m, n, c, ldc, fuse, accumulate), b.split};
  packed_product(p.out, k, blocks(p).kc, a, b, dispatch::active().tiles);
}

}  // namespace pyffnn::ops
