#include "ops/dense.h"

#include <algorithm>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"

namespace pyffnn::ops {
namespace {

Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }

// Block sizes from the caches found at run time.
//   kc: one B panel (kc x nr) and one A panel (mr x kc) are streamed together; half of L2 would hold far more, but a longer chain only
//       saves loads and stores of C, whose cost is 1/kc: at 512 it is under 1 %.
//   mc: the packed A block (mc x kc) takes half of L2, the rest is for the B panel and C.
//   nc: the packed B block (kc x nc) takes a quarter of L3 shared by the threads.
struct Blocks {
  Index mc, nc, kc;
};

template <class T>
Blocks blocks(const GemmGeometry& tile, int threads) {
  const cpu::Caches& cache = cpu::caches();
  const Index size = sizeof(T), kc = 512;
  Blocks b;
  b.kc = kc;
  b.mc = std::max(tile.mr, cache.l2 / 2 / (kc * size) / tile.mr * tile.mr);
  b.nc = std::max(tile.nr, cache.l3 / 4 / threads / (kc * size) / tile.nr * tile.nr);
  return b;
}

template <class T>
struct Problem {
  Index m, n, k;
  ConstMat<T> a, b;
  T* c;
  Index ldc;
  Fuse<T> fuse;
  bool accumulate;
};

// The part of a problem with rows [r0, r1) and columns [c0, c1).
template <class T>
Problem<T> part_of(Problem<T> p, Index r0, Index r1, Index c0, Index c1) {
  p.a.p += r0 * p.a.rs;
  p.b.p += c0 * p.b.cs;
  p.c += r0 * p.ldc + c0;
  if (p.fuse.bias != nullptr) p.fuse.bias += c0;
  if (p.fuse.y != nullptr) p.fuse.y += r0 * p.fuse.ldy + c0;
  if (p.fuse.s1 != nullptr) p.fuse.s1 += r0 * p.ldc + c0;
  if (p.fuse.s2 != nullptr) p.fuse.s2 += r0 * p.ldc + c0;
  p.m = r1 - r0;
  p.n = c1 - c0;
  return p;
}

template <class T>
GemmArgs<T> args_of(const Problem<T>& p, Index mr, Index nr) {
  GemmArgs<T> g{};
  g.m = p.m;
  g.n = p.n;
  g.k = p.k;
  g.a = p.a.p;
  g.a_panel = mr * p.a.rs;
  g.a_rs = p.a.rs;
  g.a_cs = p.a.cs;
  g.b = p.b.p;
  g.b_panel = nr;
  g.b_rs = p.b.rs;
  g.load_c = p.accumulate;
  g.c = p.c;
  g.ldc = p.ldc;
  g.epilogue = p.fuse.epilogue;
  g.act = p.fuse.act;
  g.bias = p.fuse.bias;
  g.y = p.fuse.y;
  g.ldy = p.fuse.ldy;
  g.opt = p.fuse.opt;
  g.s1 = p.fuse.s1;
  g.s2 = p.fuse.s2;
  return g;
}

// Packing pays when a panel is used by several row panels and does not sit in L1 anyway.
template <class T>
bool direct(const Problem<T>& p, const GemmGeometry& tile) {
  if (p.b.cs != 1) return false;
  if (p.m <= tile.mr) return true;
  const Index bytes = p.k * p.n * static_cast<Index>(sizeof(T));
  return bytes <= cpu::caches().l1d || (p.m <= 4 * tile.mr && bytes <= cpu::caches().l2 / 4);
}

template <class T>
void gemm_serial(const Problem<T>& p, const Kernels<T>& kernels, int threads) {
  const GemmGeometry tile = kernels.tile;
  if (direct(p, tile)) {
    kernels.gemm(args_of(p, tile.mr, tile.nr));
    return;
  }
  Blocks bl = blocks<T>(tile, threads);
  // A weight update needs the whole sum in registers: one block of k, however long.
  if (p.fuse.epilogue == Epilogue::update || p.k <= bl.kc + bl.kc / 2) bl.kc = p.k;
  bl.kc = std::max<Index>(bl.kc, 1);
  bl.mc = std::min(bl.mc, round_up(p.m, tile.mr));
  bl.nc = std::min(bl.nc, round_up(p.n, tile.nr));
  // A that runs along m is read in whole vectors as it is; one that runs along k is packed where the panels of B are many.
  const bool pack_a = p.n > 2 * tile.nr;
  T* const pb = scratch(Scratch::pack_b).reserve_of<T>(bl.kc * bl.nc);
  T* const pa = pack_a ? scratch(Scratch::pack_a).reserve_of<T>(bl.kc * bl.mc) : nullptr;
  for (Index jc = 0; jc < p.n; jc += bl.nc) {
    const Index n = std::min(bl.nc, p.n - jc);
    for (Index pc = 0; pc == 0 || pc < p.k; pc += bl.kc) {
      const Index k = std::min(bl.kc, p.k - pc);
      const bool last = pc + bl.kc >= p.k;
      kernels.pack_b(p.b.p + pc * p.b.rs + jc * p.b.cs, p.b.rs, p.b.cs, k, n, pb);
      for (Index ic = 0; ic < p.m; ic += bl.mc) {
        const Index m = std::min(bl.mc, p.m - ic);
        Problem<T> block = part_of(p, ic, ic + m, jc, jc + n);
        GemmArgs<T> g = args_of(block, tile.mr, tile.nr);
        g.k = k;
        g.a = p.a.p + ic * p.a.rs + pc * p.a.cs;
        g.b = pb;
        g.b_panel = k * tile.nr;
        g.b_rs = tile.nr;
        g.b_padded = true;
        if (pack_a) {
          kernels.pack_a(g.a, p.a.rs, p.a.cs, m, k, pa);
          g.a = pa;
          g.a_panel = k * tile.mr;
          g.a_rs = 1;
          g.a_cs = tile.mr;
        }
        g.load_c = p.accumulate || pc > 0;
        if (!last) g.epilogue = Epilogue::store;
        kernels.gemm(g);
      }
    }
  }
}

}  // namespace

template <class T>
void gemm(Index m, Index n, Index k, ConstMat<T> a, ConstMat<T> b, T* c, Index ldc, const Fuse<T>& fuse, bool accumulate) {
  if (m <= 0 || n <= 0) return;
  const Kernels<T>& kernels = dispatch::kernels<T>();
  const Problem<T> p{m, n, k, a, b, c, ldc, fuse, accumulate};
  const int parts = threads::threads_for(2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k));
  if (parts <= 1) return gemm_serial(p, kernels, 1);
  if (m / kernels.tile.mr >= n / kernels.tile.nr) {
    threads::parallel_for(
        m, parts, [&](Index begin, Index end) { gemm_serial(part_of(p, begin, end, 0, n), kernels, parts); }, kernels.tile.mr);
  } else {
    threads::parallel_for(
        n, parts, [&](Index begin, Index end) { gemm_serial(part_of(p, 0, m, begin, end), kernels, parts); }, kernels.tile.nr);
  }
}

template <class T>
void col_sum(const T* x, Index ldx, Index m, Index n, T* out) {
  const Kernels<T>& kernels = dispatch::kernels<T>();
  const int parts = threads::threads_for(static_cast<double>(m) * static_cast<double>(n) * 4);
  threads::parallel_for(n, parts, [&](Index begin, Index end) { kernels.col_sum(x + begin, ldx, m, end - begin, false, out + begin); }, 64);
}

template <class T>
void linear_backward(Index m, Index n, Index k, const T* x, Index ldx, const T* w, Index ldw, const T* dz, Index lddz, T* dx, Index lddx,
                     T* dw, Index lddw, T* db) {
  if (dx != nullptr) gemm<T>(m, k, n, {dz, lddz, 1}, {w, 1, ldw}, dx, lddx);
  if (dw != nullptr) gemm<T>(k, n, m, {x, 1, ldx}, {dz, lddz, 1}, dw, lddw);
  if (db != nullptr) col_sum(dz, lddz, m, n, db);
}

#define PYFFNN_INSTANTIATE(T)                                                                         \
  template void gemm(Index, Index, Index, ConstMat<T>, ConstMat<T>, T*, Index, const Fuse<T>&, bool); \
  template void col_sum(const T*, Index, Index, Index, T*);                                           \
  template void linear_backward(Index, Index, Index, const T*, Index, const T*, Index, const T*, Index, T*, Index, T*, Index, T*);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
