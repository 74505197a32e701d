// How products are cut up, asked about machines other than this one.
#include <initializer_list>

#include "check.h"
#include "core/math.h"
#include "ops/linear_xent/tile_plan.h"
#include "ops/products/choice.h"

using namespace pyffnn;
using namespace pyffnn::ops;

namespace {

constexpr cpu::Caches kSmall{16 << 10, 128 << 10, 1 << 20}, kZen{32 << 10, 512 << 10, 8 << 20}, kXeon{48 << 10, 2 << 20, 100 << 20};
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
  for (const cpu::Caches& cache : {kSmall, kZen, kXeon})
    for (const GemmGeometry& tile : {kSquat, kAvx2, kAvx512}) f(tile, cache);
}

void test_strips() {
  over_machines([](const GemmGeometry& tile, const cpu::Caches& cache) {
    for (const Index k : kSizes) {
      const Index most = strips_rows(k, 4, tile, cache);
      CHECK(most % tile.mr == 0 && (most == tile.mr || most * k * 4 <= cache.l2 / 2));
      for (const Index m : kSizes) {
        const StripsPlan p = strips_plan(m, 1000, {k, 1}, k, 2 * tile.nr, 4, tile);
        CHECK(p.panels * p.a_rows >= m && (p.panels - 1) * p.a_rows < m && p.a_rows <= tile.mr);
      }
    }
  });
  // The table in choice.h.
  for (const Index m : {2, 4, 8, 32}) CHECK(strips_pay(m, 256, 256, 4, kAvx2, kZen));
  for (const Index m : {1}) CHECK(!strips_pay(m, 256, 256, 4, kAvx2, kZen));
  for (const Index m : {1, 4, 8, 32}) CHECK(!strips_pay(m, 256, 256, 4, kAvx512, kZen));
  CHECK(strips_pay(2, 256, 256, 4, kAvx512, kZen) && strips_pay(3, 256, 256, 4, kAvx512, kZen));
  CHECK(strips_pay(2, 1000, 500, 4, kAvx512, kXeon) && !strips_pay(2, 1000, 600, 4, kAvx512, kXeon));
  CHECK(!strips_pay(8, 10000, 500, 4, kAvx2, kZen) && strips_pay(8, 10000, 500, 4, kAvx512, kZen));
}

void test_precision() {
  using P = Precision;
  over_shapes([](Index m, Index n, Index k) {
    for (const P wanted : {P::float32, P::bfloat16x6, P::bfloat16x3, P::bfloat16, P::automatic}) {
      for (const bool kept : {false, true}) {
        CHECK(choose(wanted, m, n, k, kept, false) == P::float32);
        const P chosen = choose(wanted, m, n, k, kept, true);
        CHECK(wanted == P::automatic ? chosen == P::float32 || (chosen == kAutomaticTiles && k >= kExactFrom) : chosen == wanted);
      }
    }
  });
  CHECK(choose(P::automatic, 512, 512, 512, false, true) == P::bfloat16x6 && choose(P::automatic, 4, 64, 64, false, true) == P::float32);
  // One row is padded to sixteen.
  CHECK(choose(P::automatic, 1, 1024, 1024, true, true) == P::float32);
}

void test_tiles() {
  for (const cpu::Caches& cache : {kSmall, kZen, kXeon}) {
    over_shapes([&](Index m, Index n, Index k) {
      for (int parts = 1; parts <= kMostParts; ++parts) {
        for (const bool packed_b : {false, true}) {
          for (const bool update : {false, true}) {
            const TileBlocks b = tile_blocks({m, n, k, parts, update, packed_b}, cache);
            const Index bytes = 2 * parts;
            CHECK(b.kc % kTileDepth == 0 && b.mc % kTileBlock == 0 && b.kc > 0 && b.mc > 0 && b.nc > 0);
            CHECK(!update || b.kc >= k);
            CHECK(packed_b ? b.nc >= n : b.nc % kTileBlock == 0);
            CHECK(b.mc == kTileBlock || b.mc * b.kc * bytes <= cache.l2 / 2);
            CHECK(packed_b || b.nc == kTileBlock || b.nc * b.kc * bytes <= cache.l2 / 4);
          }
        }
      }
    });
  }
  CHECK(tile_blocks({512, 512, 4096, 1, false, false}, kXeon).kc == 512);
  CHECK(tile_blocks({512, 512, 4096, 2, false, false}, kXeon).kc == 256);
  CHECK(tile_blocks({512, 512, 4096, 3, false, false}, kXeon).kc == 160);
  CHECK(packed_together({512, 512, 512, 2, false, false}, kZen) && !packed_together({512, 5000, 512, 2, false, false}, kZen));
  CHECK(!copies_pay(1 << 20, 1, kZen) && copies_pay(1 << 20, 2, kZen) && !copies_pay(3 << 20, 2, kZen));
}

void test_plans_of_linear_xent() {
  over_shapes([](Index m, Index n, Index k) {
    for (int parts = 1; parts <= kMostParts; ++parts) {
      const xent::Sizes s{m, n, k, parts};
      const xent::TilePlan p = xent::tile_plan(s);
      CHECK(p.tile >= 1 && p.tile <= 256 && (p.tile % 32 == 0));
      // Where 4 % of the logits hold anything at all, they do.
      CHECK(p.bytes(s) <= s.floats(m, n) / 25 || p.tile <= 64);
      CHECK(!p.first_in_dw(s) || p.first_pass(s) <= s.floats(k - m, n));
    }
  });
}

void test_sizes() {
  CHECK(ceil_div(0, 4) == 0 && ceil_div(1, 4) == 1 && ceil_div(8, 4) == 2 && round_up(9, 4) == 12);
  CHECK(padded_row(1) == kRowUnit && padded_row(17) == 2 * kRowUnit);
  CHECK(padded_lines<float>(1) == 16 && padded_lines<float>(17) == 48 && padded_lines<double>(9) == 24 && padded_lines<double>(17) == 24);
  CHECK(checked_product({}) == 1 && checked_product({3, 4, 5}) == 60 && checked_product({Index{1} << 62, 0}) == 0);
  for (const Index big : {Index{1} << 32, Index{1} << 62}) {
    bool thrown = false;
    try {
      checked_product({big, big});
    } catch (const std::overflow_error&) {
      thrown = true;
    }
    CHECK(thrown);
  }
}

}  // namespace

int main() {
  test_strips();
  test_precision();
  test_tiles();
  test_plans_of_linear_xent();
  test_sizes();
  return g_failures;
}
