#include "ops/dense.h"

#include <algorithm>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "ops/gemm_args.h"
#include "ops/tile_gemm.h"

namespace pyffnn::ops {
namespace {

Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }

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
GemmArgs<T> args_of(const Problem<T>& p, Index a_rows, Index nr) {
  GemmArgs<T> g = output_args(p.m, p.n, p.c, p.ldc, p.fuse, p.accumulate);
  g.k = p.k;
  g.a = p.a.p;
  g.a_panel = a_rows * p.a.rs;
  g.a_rows = a_rows;
  g.a_rs = p.a.rs;
  g.a_cs = p.a.cs;
  g.b = p.b.p;
  g.b_panel = nr;
  g.b_rs = p.b.rs;
  return g;
}

constexpr Index kFewRows = 8, kPage = 4096;

// How a product is cut up, from its shape and the caches found at run time: a block of B, kc x nc, stays in L2 while all rows of A pass
// over it, a row panel (which stays in L1) at a time.
//
//   a_rows: rows of a register tile, the same for every panel: 16 rows are 8 + 8, not 14 + 2, whose last tile has too few sums.
//   kc: a tile of two vectors takes 5 bytes a cycle from L2, whatever kc; see block_of_k().
//   nc: the block of B takes a quarter of L2; the rest is for C, A, and lines that come in ahead.
//   pack_b: the micro-kernel reads rows of B in place as fast. So B is packed only where it runs along k, where its rows overfill cache
//       sets, where it is far larger than L2 (pages beyond the reach of the TLB) and enough row panels use it, or where a panel of it,
//       whose unaligned rows take a line more, leaves L1 and few rows share each load.
//   Few rows of A over rows of B that are longer than pages, in a B beyond L2: a tile's strip would meet a new page at every row. So kc is
//       kFewRows, whose rows stream in one after another along their whole length, while the sums wait in C.
//   pack_a: likewise only where rows or columns of A overfill cache sets and enough panels of B use it.
struct Plan {
  bool pack_a, pack_b;
  Index a_rows, nc, kc;
};

template <class T>
Plan plan(const Problem<T>& p, const GemmGeometry& tile) {
  const cpu::Caches& cache = cpu::caches();
  const Index size = sizeof(T), panels = std::max<Index>(1, (p.m + tile.mr - 1) / tile.mr);
  Plan r{};
  r.a_rows = std::max<Index>(1, (p.m + panels - 1) / panels);
  // A weight update needs the whole sum in registers: one block of k, however long.
  r.kc = p.fuse.epilogue == Epilogue::update ? std::max<Index>(p.k, 1) : block_of_k(p.k);
  r.nc = std::min(std::max(tile.nr, cache.l2 / 4 / (r.kc * size) / tile.nr * tile.nr), round_up(p.n, tile.nr));
  r.pack_b = p.b.cs != 1 || (panels > 2 && aliased<T>(p.b.rs, p.k)) || (panels > 24 && p.k * p.n * size > cache.l2) ||
             (tile.mr < 8 && panels >= 4 && p.k * (tile.nr * size + 64) > cache.l1d);
  r.pack_a = p.n > 8 * tile.nr && aliased<T>(p.a.cs == 1 ? p.a.rs : p.a.cs, p.a.cs == 1 ? r.a_rows : p.k);
  if (p.m <= 4 && !r.pack_b && p.fuse.epilogue != Epilogue::update && p.n * size > 2 * kPage && p.k * p.n * size > cache.l2) {
    r.kc = kFewRows;
    r.nc = p.n;
  }
  return r;
}

template <class T>
void gemm_serial(const Problem<T>& p, const Kernels<T>& kernels) {
  const GemmGeometry tile = kernels.tile;
  if (p.b.cs == 1 && p.k <= block_of_k(p.k) && p.k * p.n * static_cast<Index>(sizeof(T)) <= cpu::caches().l1d) {
    const Index panels = (p.m + tile.mr - 1) / tile.mr;
    kernels.gemm(args_of(p, (p.m + panels - 1) / panels, tile.nr));
    return;
  }
  const Plan plan = ops::plan(p, tile);
  const Index nc = plan.nc, kc = plan.kc, m_up = round_up(p.m, plan.a_rows);
  T* const pb = plan.pack_b ? scratch(Scratch::pack_b).reserve_of<T>(kc * nc) : nullptr;
  T* const pa = plan.pack_a ? scratch(Scratch::pack_a).reserve_of<T>(kc * m_up) : nullptr;
  for (Index pc = 0; pc == 0 || pc < p.k; pc += kc) {
    const Index k = std::min(kc, p.k - pc);
    const bool last = pc + kc >= p.k;
    if (plan.pack_a) kernels.pack_a(p.a.p + pc * p.a.cs, p.a.rs, p.a.cs, p.m, k, plan.a_rows, pa);
    for (Index jc = 0; jc < p.n; jc += nc) {
      const Index n = std::min(nc, p.n - jc);
      GemmArgs<T> g = args_of(part_of(p, 0, p.m, jc, jc + n), plan.a_rows, tile.nr);
      g.k = k;
      g.a += pc * p.a.cs;
      g.b += pc * p.b.rs;
      if (plan.pack_b) {
        kernels.pack_b(g.b, p.b.rs, p.b.cs, k, n, pb);
        g.b = pb;
        g.b_panel = k * tile.nr;
        g.b_rs = tile.nr;
      }
      if (plan.pack_a) {
        g.a = pa;
        g.a_panel = k * plan.a_rows;
        g.a_rs = 1;
        g.a_cs = plan.a_rows;
      }
      g.load_c = p.accumulate || pc > 0;
      if (!last) g.epilogue = Epilogue::store;
      kernels.gemm(g);
    }
  }
}

}  // namespace

template <class T>
void gemm(Index m, Index n, Index k, ConstMat<T> a, ConstMat<T> b, T* c, Index ldc, const Fuse<T>& fuse, bool accumulate,
          Precision precision) {
  if (m <= 0 || n <= 0) return;
  if constexpr (sizeof(T) == sizeof(float)) {
    if (const Precision chosen = choose(precision, m, n, k); chosen != Precision::float32)
      return tile_gemm(m, n, k, a, b, c, ldc, fuse, accumulate, chosen == Precision::bfloat16x3);
  }
  const Kernels<T>& kernels = dispatch::kernels<T>();
  const Problem<T> p{m, n, k, a, b, c, ldc, fuse, accumulate};
  const int parts = threads::threads_for(2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k));
  if (parts <= 1) return gemm_serial(p, kernels);
  if (m / kernels.tile.mr >= n / kernels.tile.nr) {
    threads::parallel_for(m, parts, [&](Index begin, Index end) { gemm_serial(part_of(p, begin, end, 0, n), kernels); }, kernels.tile.mr);
  } else {
    threads::parallel_for(n, parts, [&](Index begin, Index end) { gemm_serial(part_of(p, 0, m, begin, end), kernels); }, kernels.tile.nr);
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
                     T* dw, Index lddw, T* db, Precision precision) {
  if (dx != nullptr) gemm<T>(m, k, n, {dz, lddz, 1}, {w, 1, ldw}, dx, lddx, {}, false, precision);
  if (dw != nullptr) gemm<T>(k, n, m, {x, 1, ldx}, {dz, lddz, 1}, dw, lddw, {}, false, precision);
  if (db != nullptr) col_sum(dz, lddz, m, n, db);
}

#define PYFFNN_INSTANTIATE(T)                                                                                                     \
  template void gemm(Index, Index, Index, ConstMat<T>, ConstMat<T>, T*, Index, const Fuse<T>&, bool, Precision);                  \
  template void col_sum(const T*, Index, Index, Index, T*);                                                                       \
  template void linear_backward(Index, Index, Index, const T*, Index, const T*, Index, const T*, Index, T*, Index, T*, Index, T*, \
                                Precision);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
