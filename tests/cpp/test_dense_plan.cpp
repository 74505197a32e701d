// How dense products are walked, asked about machines other than this one: shape to plan.
#include <initializer_list>

#include "check.h"
#include "core/math.h"
#include "ops/products/dense_plan.h"

using namespace pyffnn;
using namespace pyffnn::ops;

namespace {

constexpr cpu::Caches kSmall{16 << 10, 128 << 10, 1 << 20}, kZen{32 << 10, 512 << 10, 8 << 20}, kSkylake{32 << 10, 1 << 20, 33 << 20},
    kXeon{48 << 10, 2 << 20, 100 << 20};
constexpr GemmGeometry kSquat{4, 8}, kAvx2{6, 16}, kAvx512{14, 32};
constexpr std::initializer_list<Index> kSizes = {1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 64, 100, 512, 513, 768, 769, 1024, 5000, 100000};

template <class F>
void over_shapes(F f) {
  for (const Index m : kSizes)
    for (const Index n : kSizes)
      for (const Index k : kSizes) f(m, n, k);
}
template <class F>
void over_machines(F f) {
  for (const cpu::Caches& cache : {kSmall, kZen, kSkylake, kXeon})
    for (const GemmGeometry& tile : {kSquat, kAvx2, kAvx512}) f(tile, cache);
}

DenseShape dense(Index m, Index n, Index k, Index size = 4) { return {m, n, k, {k, 1}, {n, 1}, size, false}; }

void test_dense_plans() {
  over_machines([](const GemmGeometry& tile, const cpu::Caches& cache) {
    over_shapes([&](Index m, Index n, Index k) {
      for (const Index size : {4, 8}) {
        for (const bool update : {false, true}) {
          for (const bool along_k : {false, true}) {
            DenseShape s = dense(m, n, k, size);
            s.update = update;
            if (along_k) s.b = {1, k};
            const DensePlan p = dense_plan(s, tile, cache, CoreKind::rows);
            if (p.way == Way::shallow) {
              CHECK(k <= kMostShallow && m > tile.mr && !update && s.b.cs == 1 && p.mc == m);
              continue;
            }
            CHECK((p.way == Way::turned) == (m == 1 && k >= 1 && s.b.rs == 1 && s.b.cs != 1 && !update));
            if (p.way == Way::turned) continue;
            CHECK(p.way == Way::rows);
            // Register tiles are no fewer for being of one height.
            CHECK(p.a_rows >= 1 && p.a_rows <= tile.mr && ceil_div(m, p.a_rows) == ceil_div(m, tile.mr));
            if (p.whole) {
              CHECK(s.b.cs == 1 && k * n * size <= cache.l1d);
              continue;
            }
            CHECK(p.kc >= 1 && p.nc >= 1 && (p.nc % tile.nr == 0 || p.nc == n));
            CHECK(!update || p.kc >= k);
            CHECK(s.b.cs == 1 || p.pack_b);
            // What is packed stays in half of L2, or is one panel.
            CHECK(!p.pack_b || p.nc == tile.nr || p.kc * p.nc * size <= cache.l2 / 2);
          }
        }
      }
    });
  });
  CHECK(dense_plan(dense(16, 1000, 1000), kAvx512, kZen, CoreKind::rows).a_rows == 8);
  CHECK(dense_plan(dense(28, 1000, 1000), kAvx512, kZen, CoreKind::rows).a_rows == 14);
  // Rows of B that lie 4096 bytes apart share their cache sets; a few more bytes and they do not.
  CHECK(dense_plan(dense(100, 1024, 500), kAvx512, kZen, CoreKind::rows).pack_b &&
        !dense_plan(dense(100, 1040, 500), kAvx512, kZen, CoreKind::rows).pack_b);
  // Two panels of rows do not repay the packing.
  CHECK(!dense_plan(dense(12, 1024, 500), kAvx2, kZen, CoreKind::rows).pack_b);
  // Few rows over long rows of a B beyond L2: they stream.
  const DensePlan few = dense_plan(dense(3, 100000, 500), kAvx2, kZen, CoreKind::rows);
  CHECK(!few.pack_b && few.kc == 8 && few.nc == 100000);
  CHECK(dense_plan(dense(100, 1000, 600), kAvx2, kZen, CoreKind::rows).kc == 600 &&
        dense_plan(dense(100, 1000, 800), kAvx2, kZen, CoreKind::rows).kc == 512);
  // A transposed A whose columns overfill sets is packed where enough columns of B use it.
  DenseShape s = dense(100, 1000, 500);
  s.a = {1, 1024};
  CHECK(dense_plan(s, kAvx2, kZen, CoreKind::rows).pack_a);
  s.n = 100;
  CHECK(!dense_plan(s, kAvx2, kZen, CoreKind::rows).pack_a);
}

// What every plan promises its driver and kernel.
void check_blocks(const DensePlan& p, const DenseShape& s, const GemmGeometry& tile, const cpu::Caches& cache) {
  if (p.whole) return;
  const bool whole = p.way == Way::shallow || p.way == Way::turned;  // all of k in one call
  CHECK(whole || (p.kc >= 1 && p.nc >= 1));
  CHECK(!s.update || p.kc >= s.k);
  if (p.way != Way::down && p.way != Way::copy) return;
  // Blocks of equal height are at least a tile high, so each of their tiles is more than half of one.
  CHECK(s.m > tile.mr && p.mc >= 1 && s.m / ceil_div(s.m, p.mc) >= tile.mr);
  CHECK(p.mc <= 2 * tile.mr || p.mc * p.kc * s.size <= cache.l2 / 2 + p.kc * s.size);
}

void test_plans_of_other_cores() {
  over_machines([](const GemmGeometry& tile, const cpu::Caches& cache) {
    over_shapes([&](Index m, Index n, Index k) {
      for (const Strides a : {Strides{k, 1}, Strides{1, m}}) {
        for (const Strides b : {Strides{n, 1}, Strides{1, k}}) {
          for (const bool update : {false, true}) {
            const DenseShape s{m, n, k, a, b, 4, update};
            for (const CoreKind core : {CoreKind::rows, CoreKind::either, CoreKind::columns}) {
              const DensePlan p = dense_plan(s, tile, cache, core);
              check_blocks(p, s, tile, cache);
              // The short call goes as its plan would have it.
              if (is_short(s, tile, cache)) CHECK(p.way == Way::rows && p.whole && p.a_rows == rows_of_tile(m, tile));
            }
            for (int w = 0; w < kWays; ++w) {
              const DensePlan p = plan_of_way(static_cast<Way>(w), s, tile, cache);
              CHECK(p.way == static_cast<Way>(w) || p.way == Way::rows);
              check_blocks(p, s, tile, cache);
            }
          }
        }
      }
    });
  });
  const auto way = [](Index m, Index k, Index n, CoreKind core) { return dense_plan(dense(m, n, k), kAvx512, kSkylake, core).way; };
  // The shapes of `pyffnn bench` on each kind of core.
  for (const CoreKind core : {CoreKind::rows, CoreKind::either, CoreKind::columns}) {
    const bool rows = core == CoreKind::rows, columns = core == CoreKind::columns;
    CHECK(way(1, 300, 100, core) == Way::rows && way(16, 16, 16, core) == Way::rows && way(64, 64, 64, core) == Way::rows);
    CHECK(way(1000, 6, 64, core) == Way::shallow && way(64, 6, 16, core) == Way::shallow);
    CHECK(way(32, 100, 50, core) == Way::rows);
    CHECK(way(32, 300, 500, core) == (columns ? Way::down : Way::rows));
    CHECK(way(128, 300, 100, core) == (columns ? Way::copy : Way::rows));
    CHECK(way(128, 300, 500, core) == (columns ? Way::copy : Way::rows));
    CHECK(way(256, 500, 10000, core) == (rows ? Way::rows : Way::copy));
    CHECK(way(512, 512, 512, core) == (columns ? Way::copy : Way::rows));
    // So many rows that they and their results pass through L2.
    CHECK(way(10000, 300, 300, core) == (rows ? Way::rows : Way::copy));
    CHECK(way(10000, 100, 100, core) == (columns ? Way::copy : Way::rows));
    CHECK(way(1024, 1024, 1024, core) == (rows ? Way::rows : columns ? Way::ahead : Way::copy));
    // A B far beyond L2 goes by columns even for few rows, where they are even.
    CHECK(way(32, 500, 10000, core) == (rows ? Way::rows : columns ? Way::down : Way::copy));
  }
  // Tiles that are not tall have no wide ones beside them: even, they go by columns.
  CHECK(dense_plan(dense(32, 500, 300), kAvx2, kZen, CoreKind::either).way == Way::copy);
  // A^T B: transposed where enough panels use it, else read as it lies.
  DenseShape s = dense(300, 500, 128);
  s.a = {1, 300};
  CHECK(dense_plan(s, kAvx512, kSkylake, CoreKind::columns).way == Way::copy &&
        !dense_plan(s, kAvx512, kSkylake, CoreKind::columns).pack_a);
  s.n = 512;
  CHECK(dense_plan(s, kAvx512, kSkylake, CoreKind::columns).way == Way::copy && dense_plan(s, kAvx512, kSkylake, CoreKind::columns).pack_a);
  // 256 rows of 500 stay one block of A; rows of A 2048 bytes apart crowd their sets, and are transposed.
  CHECK(dense_plan(dense(256, 10000, 500), kAvx512, kSkylake, CoreKind::columns).mc == 256);
  CHECK(dense_plan(dense(512, 512, 512), kAvx512, kSkylake, CoreKind::columns).pack_a &&
        !dense_plan(dense(256, 500, 400), kAvx512, kSkylake, CoreKind::columns).pack_a);
  CHECK(crowded(2048, 14, kSkylake) && crowded(4096, 14, kSkylake) && !crowded(2000, 14, kSkylake) && !crowded(64, 14, kSkylake));
}

}  // namespace

int main() {
  test_dense_plans();
  test_plans_of_other_cores();
  return g_failures;
}
