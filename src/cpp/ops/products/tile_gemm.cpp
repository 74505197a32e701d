#include "ops/products/tile_gemm.h"

#include <algorithm>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "ops/products/args.h"

namespace pyffnn::ops {
namespace {

struct Problem {
  Index m, n, k;
  ConstMat<float> a, b;
  const std::uint16_t* packed_b;  // in place of b
  GemmArgs<float> out;
  int parts;
};

Problem part_of(Problem p, Index r0, Index r1, Index c0, Index c1) {
  p.out = output_part(p.out, r0, r1, c0, c1);
  p.a.p += r0 * p.a.rs;
  if (p.packed_b != nullptr)
    p.packed_b += c0 / kTileSide * TileOperand::panel(p.k, p.parts);
  else
    p.b.p += c0 * p.b.cs;
  p.m = r1 - r0;
  p.n = c1 - c0;
  return p;
}

TileShape shape_of(const Problem& p) { return {p.m, p.n, p.k, p.parts, p.out.epilogue == Epilogue::update, p.packed_b != nullptr}; }

// A block of A is packed once and meets all of B, packed block by block as it is needed (B is packed again for every mc rows), or packed
// before.
void serial(const Problem& p, const TileKernels& kernels) {
  const TileBlocks bl = tile_blocks(shape_of(p), cpu::caches());
  const Index parts = p.parts, b_panel = TileOperand::panel(p.k, p.parts);
  auto* const pa = scratch(Scratch::pack_a).reserve_of<std::uint16_t>(bl.mc * bl.kc * parts);
  auto* const pb = p.packed_b != nullptr ? nullptr : scratch(Scratch::pack_b).reserve_of<std::uint16_t>(bl.nc * bl.kc * parts);
  for (Index ic = 0; ic < p.m; ic += bl.mc) {
    const Index m = std::min(bl.mc, p.m - ic);
    for (Index pc = 0; pc == 0 || pc < p.k; pc += bl.kc) {
      const Index k = std::min(bl.kc, p.k - pc);
      kernels.pack_a(p.a.p + ic * p.a.rs + pc * p.a.cs, p.a.rs, p.a.cs, m, k, p.parts, pa);
      for (Index jc = 0; jc < p.n; jc += bl.nc) {
        const Index n = std::min(bl.nc, p.n - jc);
        TileProduct t{pa, pb, p.parts, output_part(p.out, ic, ic + m, jc, jc + n)};
        if (p.packed_b != nullptr) {
          t.b = p.packed_b + jc / kTileSide * b_panel + pc / kTileDepth * kTileNumbers * parts;
          t.b_panel = b_panel;
        } else {
          kernels.pack_b(p.b.p + pc * p.b.rs + jc * p.b.cs, p.b.rs, p.b.cs, k, n, p.parts, pb);
        }
        t.out.k = k;
        if (pc > 0) t.out.load_c = true;
        if (pc + bl.kc < p.k) t.out.epilogue = Epilogue::store;
        kernels.gemm(t);
      }
    }
  }
}

// Both operands packed, on this thread.
void packed_product(const GemmArgs<float>& out, Index k, Index kc, TileOperand a, TileOperand b, const TileKernels& kernels) {
  const Index panel = TileOperand::panel(k, b.parts);
  for (Index pc = 0; pc == 0 || pc < k; pc += kc) {
    const Index at = pc / kTileDepth * kTileNumbers * b.parts;
    TileProduct t{a.p + at, b.p + at, b.parts, out, panel, panel};
    t.out.k = std::min(kc, k - pc);
    if (pc > 0) t.out.load_c = true;
    if (pc + kc < k) t.out.epilogue = Epilogue::store;
    kernels.gemm(t);
  }
}

// Threads share the packing of both operands, then the product: of which each would else pack one whole for itself.
void together(const Problem& p, int members, const TileKernels& kernels) {
  const Index panel = TileOperand::panel(p.k, p.parts), a_panels = ceil_div(p.m, kTileSide);
  const Index b_panels = p.packed_b != nullptr ? 0 : ceil_div(p.n, kTileSide);
  auto* const pa = scratch(Scratch::pack_a).reserve_of<std::uint16_t>(a_panels * panel);
  auto* const pb = b_panels > 0 ? scratch(Scratch::pack_b).reserve_of<std::uint16_t>(b_panels * panel) : nullptr;
  threads::parallel_for(a_panels + b_panels, members, [&](Index begin, Index end) {
    const Index row = begin * kTileSide, rows = std::min(end * kTileSide, p.m) - row;
    if (rows > 0) kernels.pack_a(p.a.p + row * p.a.rs, p.a.rs, p.a.cs, rows, p.k, p.parts, pa + begin * panel);
    const Index first = std::max<Index>(begin - a_panels, 0), col = first * kTileSide;
    const Index cols = std::min((end - a_panels) * kTileSide, p.n) - col;
    if (b_panels > 0 && cols > 0) kernels.pack_b(p.b.p + col * p.b.cs, p.b.rs, p.b.cs, p.k, cols, p.parts, pb + first * panel);
  });
  const TileOperand a{pa, p.parts}, b{p.packed_b != nullptr ? p.packed_b : pb, p.parts};
  const Index kc = tile_blocks(shape_of(p), cpu::caches()).kc;
  const auto part = [&](Index r0, Index r1, Index c0, Index c1) {
    packed_product(output_part(p.out, r0, r1, c0, c1), p.k, kc, {a.p + r0 / kTileSide * panel, p.parts},
                   {b.p + c0 / kTileSide * panel, p.parts}, kernels);
  };
  if (p.m >= p.n)
    threads::parallel_for(p.m, members, [&](Index r0, Index r1) { part(r0, r1, 0, p.n); }, kTileBlock);
  else
    threads::parallel_for(p.n, members, [&](Index c0, Index c1) { part(0, p.m, c0, c1); }, kTileBlock);
}

void in_parts(const Problem& p) {
  const TileKernels& kernels = dispatch::active().tiles;
  const Index m = p.m, n = p.n;
  const double work = 2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(p.k);
  const double packed = static_cast<double>(p.k) * static_cast<double>(p.packed_b != nullptr ? m : m + n);
  const int members = threads::threads_for(work / tile_gain(p.parts) + packed * 16);
  if (members <= 1) return serial(p, kernels);
  if (packed_together(shape_of(p), cpu::caches())) return together(p, members, kernels);
  if (m >= n)
    threads::parallel_for(m, members, [&](Index r0, Index r1) { serial(part_of(p, r0, r1, 0, n), kernels); }, kTileBlock);
  else
    threads::parallel_for(n, members, [&](Index c0, Index c1) { serial(part_of(p, 0, m, c0, c1), kernels); }, kTileBlock);
}

}  // namespace

TileOperand pack_operand(Index k, Index n, ConstMat<float> b, int parts, std::uint16_t* out) {
  const TileKernels& kernels = dispatch::active().tiles;
  const Index panel = TileOperand::panel(k, parts);
  const int members = threads::threads_for(static_cast<double>(k) * static_cast<double>(n) * 16);
  threads::parallel_for(
      n, members,
      [&](Index begin, Index end) {
        kernels.pack_b(b.p + begin * b.cs, b.rs, b.cs, k, end - begin, parts, out + begin / kTileSide * panel);
      },
      kTileSide);
  return {out, parts};
}

void tile_gemm(Index m, Index n, Index k, ConstMat<float> a, ConstMat<float> b, float* c, Index ldc, const Fuse<float>& fuse,
               bool accumulate, int parts) {
  in_parts({m, n, k, a, b, nullptr, output_args(m, n, c, ldc, fuse, accumulate), parts});
}

void tile_gemm(Index m, Index n, Index k, ConstMat<float> a, TileOperand b, float* c, Index ldc, const Fuse<float>& fuse, bool accumulate) {
  in_parts({m, n, k, a, {}, b.p, output_args(m, n, c, ldc, fuse, accumulate), b.parts});
}

void tile_gemm(Index m, Index n, Index k, TileOperand a, TileOperand b, float* c, Index ldc, const Fuse<float>& fuse, bool accumulate) {
  const Problem p{m, n, k, {}, {}, b.p, output_args(m, n, c, ldc, fuse, accumulate), b.parts};
  packed_product(p.out, k, tile_blocks(shape_of(p), cpu::caches()).kc, a, b, dispatch::active().tiles);
}

}  // namespace pyffnn::ops
