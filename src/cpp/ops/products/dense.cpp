#include "ops/products/dense.h"

#include <algorithm>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/math.h"
#include "core/thread_pool.h"
#include "core/workspace.h"
#include "ops/products/args.h"
#include "ops/products/choice.h"
#include "ops/products/core_trait.h"
#include "ops/products/dense_plan.h"
#include "ops/products/tile_gemm.h"

namespace pyffnn::ops {
namespace {

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

// Operands in place.
template <class T>
void set_operands(GemmArgs<T>& g, Index k, const ConstMat<T>& a, const ConstMat<T>& b, Index a_rows, Index nr) {
  g.k = k;
  g.a = a.p;
  g.a_panel = a_rows * a.rs;
  g.a_rows = a_rows;
  g.a_rs = a.rs;
  g.a_cs = a.cs;
  g.b = b.p;
  g.b_panel = nr;
  g.b_rs = b.rs;
}
template <class T>
GemmArgs<T> args_of(const Problem<T>& p, Index a_rows, Index nr) {
  GemmArgs<T> g = output_args(p.m, p.n, p.c, p.ldc, p.fuse, p.accumulate);
  set_operands(g, p.k, p.a, p.b, a_rows, nr);
  return g;
}

// Row panel by row panel: rows, ahead.
template <class T>
void walk_rows(const Problem<T>& p, const DensePlan& plan, const Kernels<T>& kernels) {
  const GemmGeometry tile = kernels.tile;
  if (plan.whole) {
    kernels.gemm(args_of(p, plan.a_rows, tile.nr));
    return;
  }
  const Index nc = plan.nc, kc = plan.kc, m_up = round_up(p.m, plan.a_rows);
  T* const pb = plan.pack_b ? scratch(Scratch::pack_b).reserve_of<T>(kc * round_up(nc, tile.nr)) : nullptr;
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

// Column panel by column panel: down, copy.
template <class T>
void walk_columns(const Problem<T>& p, const DensePlan& plan, const Kernels<T>& kernels) {
  const Index kc = std::min(plan.kc, p.k), blocks = ceil_div(p.m, plan.mc);
  TallGemm<T> t{};
  t.b_cs = p.b.cs;
  t.copy_b = plan.way == Way::copy;
  t.b_room = scratch(Scratch::pack_b).reserve_of<T>(kc * kernels.tile.nr);
  t.a_room = plan.pack_a ? scratch(Scratch::pack_a).reserve_of<T>(kc * plan.mc) : nullptr;
  for (Index pc = 0; pc < p.k; pc += kc) {
    for (Index q = 0; q < blocks; ++q) {
      t.out = args_of(part_of(p, p.m * q / blocks, p.m * (q + 1) / blocks, 0, p.n), kernels.tile.mr, kernels.tile.nr);
      t.out.k = std::min(kc, p.k - pc);
      t.out.a += pc * p.a.cs;
      t.out.b += pc * p.b.rs;
      t.out.load_c = p.accumulate || pc > 0;
      if (pc + kc < p.k) t.out.epilogue = Epilogue::store;
      kernels.gemm_tall(t);
    }
  }
}

template <class T>
void planned(const Problem<T>& p, const DensePlan& plan, const Kernels<T>& kernels) {
  switch (plan.way) {
    case Way::shallow:
      return kernels.gemm_shallow(args_of(p, kernels.tile.mr, kernels.tile.nr));
    case Way::turned:
      return kernels.gemm_turned(args_of(p, 1, kernels.tile.nr), p.b.cs);
    case Way::down:
    case Way::copy:
      return walk_columns(p, plan, kernels);
    case Way::rows:
    case Way::ahead:
      return walk_rows(p, plan, kernels);
  }
}

template <class T>
void gemm_serial(const Problem<T>& p, const Kernels<T>& kernels) {
  const DenseShape shape{p.m, p.n, p.k, {p.a.rs, p.a.cs}, {p.b.rs, p.b.cs}, sizeof(T), p.fuse.epilogue == Epilogue::update};
  const std::optional<Way> forced = forced_way();
  planned(p,
          forced ? plan_of_way(*forced, shape, kernels.tile, cpu::caches())
                 : dense_plan(shape, kernels.tile, cpu::caches(), core_kind_for(p.m, p.n, p.k)),
          kernels);
}

}  // namespace

template <class T>
void gemm(Index m, Index n, Index k, ConstMat<T> a, ConstMat<T> b, T* c, Index ldc, const Fuse<T>& fuse, bool accumulate,
          Precision precision) {
  if (m <= 0 || n <= 0) return;
  if constexpr (sizeof(T) == sizeof(float)) {
    if (const Precision chosen = choose(precision, m, n, k); chosen != Precision::float32)
      return tile_gemm(m, n, k, a, b, c, ldc, fuse, accumulate, parts_of(chosen));
  }
  const Kernels<T>& kernels = dispatch::kernels<T>();
  const int parts = threads::threads_for(2.0 * static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k));
  // Field by field: copied as a whole, a struct just written is read in wider pieces than it was written in, and each waits for the stores.
  if (parts <= 1 &&
      is_short({m, n, k, {a.rs, a.cs}, {b.rs, b.cs}, sizeof(T), fuse.epilogue == Epilogue::update}, kernels.tile, cpu::caches()) &&
      !any_way_forced()) {
    GemmArgs<T> g = output_args(m, n, c, ldc, fuse, accumulate);
    set_operands(g, k, a, b, rows_of_tile(m, kernels.tile), kernels.tile.nr);
    kernels.gemm(g);
    return;
  }
  const Problem<T> p{m, n, k, a, b, c, ldc, fuse, accumulate};
  if (parts <= 1) return gemm_serial(p, kernels);
  if (by_rows(m, n, kernels.tile)) {
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
