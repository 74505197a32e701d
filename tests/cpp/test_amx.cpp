// The compiled AMX kernels against the same kernels on emulated tiles: the same bits, from the same packed operands, for every kind of
// block, edge and epilogue, with special numbers among them. On a processor without AMX the tile instructions are trapped and carried out
// (amx_trap.h); AVX-512-BF16 is needed, for the packing is run as it is. Exits with 77 where that is missing, after
// the self-test of the emulated tiles.
#include <cmath>
#include <limits>
#include <vector>

#include "amx_trap.h"
#include "check.h"
#include "core/kernel_table.h"

namespace pyffnn {
namespace amx {
const TileKernels& tile_kernels();
}
namespace amx_emulated {
const TileKernels& tile_kernels();
}
}  // namespace pyffnn

using namespace pyffnn;

namespace {

std::uint32_t g_state = 1;
std::uint32_t draw() {
  g_state = g_state * 1664525u + 1013904223u;
  return g_state >> 8;
}

float special() {
  static const float kSpecials[] = {0.0f,       -0.0f,    1e-45f,    -1e-39f, 1.1754944e-38f, 3.4028235e38f, -3.3961e38f,
                                    3.3895e38f, INFINITY, -INFINITY, NAN,     1.00390625f,    1.01171875f};
  return kSpecials[draw() % (sizeof kSpecials / sizeof *kSpecials)];
}

std::vector<float> numbers(Index n, bool specials) {
  std::vector<float> x(static_cast<std::size_t>(n));
  for (float& v : x) v = specials && draw() % 7 == 0 ? special() : static_cast<float>(draw()) / 8388608.0f - 1.0f;
  return x;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::memcmp(&a[i], &b[i], 4) != 0 && !(a[i] != a[i] && b[i] != b[i])) return false;
  return true;
}

void packing(Index outer, Index k, int parts, bool along, bool specials) {
  const auto x = numbers(outer * k, specials);
  const Index os = along ? k : 1, ps = along ? 1 : outer;
  const auto room = static_cast<std::size_t>((outer + 15) / 16 * ((k + 31) / 32) * kTileNumbers * parts);
  std::vector<std::uint16_t> a(room), b(room);
  amx::tile_kernels().pack_a(x.data(), os, ps, outer, k, parts, a.data());
  amx_emulated::tile_kernels().pack_a(x.data(), os, ps, outer, k, parts, b.data());
  CHECK(a == b);
  amx::tile_kernels().pack_b(x.data(), ps, os, k, outer, parts, a.data());
  amx_emulated::tile_kernels().pack_b(x.data(), ps, os, k, outer, parts, b.data());
  CHECK(a == b);
}

// Both forms of a weight matrix, packed by blocks of rows, are those that pack_b makes of it and of its transpose.
void weights(Index rows, Index n, Index at_a_time, int parts) {
  const auto w = numbers(rows * n, true);
  const auto panel = [parts](Index k) { return (k + 31) / 32 * kTileNumbers * parts; };
  const auto room = [&](Index outer, Index k) { return static_cast<std::size_t>((outer + 15) / 16 * panel(k)); };
  std::vector<std::uint16_t> down(room(n, rows)), across(room(rows, n));
  amx_emulated::tile_kernels().pack_b(w.data(), n, 1, rows, n, parts, down.data());
  amx_emulated::tile_kernels().pack_b(w.data(), 1, n, n, rows, parts, across.data());
  for (const TileKernels* const kernels : {&amx::tile_kernels(), &amx_emulated::tile_kernels()}) {
    for (const bool both : {true, false}) {
      std::vector<std::uint16_t> d(down.size()), a(across.size());
      for (Index r = 0; r < rows; r += at_a_time)
        kernels->pack_weights(w.data() + r * n, n, at_a_time < rows - r ? at_a_time : rows - r, n, parts,
                              d.data() + r / 32 * kTileNumbers * parts, panel(rows), both ? a.data() + r / 16 * panel(n) : nullptr,
                              panel(n));
      CHECK(d == down);
      CHECK(!both || a == across);
    }
  }
}

void product(Index m, Index n, Index k, int parts, bool load_c, Epilogue epilogue, Act act, bool specials) {
  const auto a = numbers(m * k, specials), b = numbers(k * n, specials), bias = numbers(n, false), y = numbers(m * n, false);
  const Index ldc = n + draw() % 3;
  std::vector<float> c[2], s1[2], s2[2];
  c[0] = numbers(m * ldc, false);
  s1[0] = numbers(m * ldc, false);
  s2[0] = numbers(m * ldc, false);
  for (float& v : s2[0]) v = std::fabs(v);
  for (float& v : s1[0]) v = epilogue == Epilogue::update ? std::fabs(v) : v;
  c[1] = c[0];
  s1[1] = s1[0];
  s2[1] = s2[0];
  OptimStep<float> step{};
  step.kind = static_cast<Optim>(draw() % 4);
  step.lr = 0.1f;
  step.beta1 = 0.9f;
  step.beta2 = 0.99f;
  step.eps = 1e-6f;
  step.lr_over_c1 = 0.2f;
  step.rsqrt_c2 = 3.0f;
  step.scale = 1.0f;
  const bool has_bias = draw() % 4 != 0;
  const TileKernels* const kernels[] = {&amx::tile_kernels(), &amx_emulated::tile_kernels()};
  for (int which = 0; which < 2; ++which) {
    const auto room = [&](Index outer) { return static_cast<std::size_t>((outer + 15) / 16 * ((k + 31) / 32) * kTileNumbers * parts); };
    std::vector<std::uint16_t> pa(room(m)), pb(room(n));
    kernels[which]->pack_a(a.data(), k, 1, m, k, parts, pa.data());
    kernels[which]->pack_b(b.data(), n, 1, k, n, parts, pb.data());
    TileProduct p{};
    p.a = pa.data();
    p.b = pb.data();
    p.parts = parts;
    p.out.m = m;
    p.out.n = n;
    p.out.k = k;
    p.out.load_c = load_c;
    p.out.c = c[which].data();
    p.out.ldc = ldc;
    p.out.epilogue = epilogue;
    p.out.act = act;
    p.out.bias = has_bias ? bias.data() : nullptr;
    p.out.y = y.data();
    p.out.ldy = n;
    p.out.opt = &step;
    p.out.s1 = s1[which].data();
    p.out.s2 = s2[which].data();
    kernels[which]->gemm(p);
  }
  CHECK(same(c[0], c[1]));
  CHECK(same(s1[0], s1[1]));
  CHECK(same(s2[0], s2[1]));
}

}  // namespace

int main() {
  CHECK(amx_emulated::tile_kernels().self_test());
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512bw"))
    return g_failures == 0 ? 77 : 1;
  amx_trap::install();
  for (int parts = 1; parts <= kMostParts; ++parts)
    for (const bool along : {false, true})
      for (const Index outer : {1, 15, 16, 17, 40})
        for (const Index k : {1, 2, 31, 32, 33, 70})
          for (const bool specials : {false, true}) packing(outer, k, parts, along, specials);
  for (int parts = 1; parts <= kMostParts; ++parts)
    for (const Index rows : {1, 16, 17, 32, 33, 100})
      for (const Index n : {1, 16, 17, 32, 33, 70})
        for (const Index at_a_time : {32, 64}) weights(rows, n, at_a_time, parts);
  CHECK(amx::tile_kernels().self_test());
  const Index sides[] = {1, 15, 16, 17, 32, 33, 48, 64, 70};
  for (int parts = 1; parts <= kMostParts; ++parts) {
    for (const Index m : sides)
      for (const Index n : sides)
        product(m, n, static_cast<Index>(draw() % 70), parts, draw() % 2 == 0, static_cast<Epilogue>(draw() % 2),
                static_cast<Act>(draw() % 4), draw() % 2 == 0);
    for (const Index m : {5, 32, 33}) {
      for (int act = 0; act < 4; ++act) {
        product(m, 33, 40, parts, false, Epilogue::bias_act, static_cast<Act>(act), false);
        product(m, 32, 40, parts, true, Epilogue::times_dact, static_cast<Act>(act), false);
        product(m, 31, 64, parts, false, Epilogue::update, Act::identity, false);
      }
      // as many rows as stream by the first-level cache
      product(m, 40, 1100, parts, true, Epilogue::store, Act::identity, false);
    }
  }
  const amx_trap::Counts& n = amx_trap::g_counts;
  if (n.configure > 0) {  // no AMX here
    CHECK(n.configure == n.release);
    CHECK(!amx_trap::g_configured);
    CHECK(n.load > 0 && n.stream_load > 0 && n.store > 0 && n.zero > 0 && n.multiply_add > 1000);
    std::printf("trapped: %ld configure, %ld release, %ld zero, %ld load, %ld stream load, %ld store, %ld products\n", n.configure,
                n.release, n.zero, n.load, n.stream_load, n.store, n.multiply_add);
  }
  return g_failures != 0;
}
