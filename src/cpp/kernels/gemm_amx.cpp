// Products of float32 matrices on bf16 tiles: the macro-kernel, and the small product that tells whether this machine does it right.
//
// A tile product adds 32 products to each of 16 x 16 sums. Two tiles of A and two of B in registers make 2 x 2 tiles of sums, so each load
// serves two products: bf16 needs one load a product, bf16x3 two loads for three products, bf16x6 seven for twelve.
//
// Order of summation, the same for every blocking: for each 32 numbers of k, one after the other, bf16x3 adds A0 B1, A0 B0, A1 B0;
// bf16x6 adds A0 B2, A0 B1, A1 B1, A1 B0, A2 B0, A0 B0 (part 0 is the largest).
#include "core/kernel_table.h"
#include "kernels/gemm_epilogue.h"
#include "kernels/tile_pack.h"
#include "simd/amx_tile.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

constexpr Index kBlock = 2 * kSide;
constexpr Index kRow = kTileBytes;  // packed tiles lie row after row

template <int kCount>
struct PartsTag {
  static constexpr int value = kCount;
};
template <class F>
void with_parts(int parts, F f) {
  parts == 1 ? f(PartsTag<1>{}) : parts == 2 ? f(PartsTag<2>{}) : f(PartsTag<3>{});
}

void pack_tiles_a(const float* a, Index rs, Index cs, Index m, Index k, int parts, std::uint16_t* out) {
  with_parts(parts, [&](auto tag) { pack_panels<decltype(tag)::value, true>(a, rs, cs, m, k, out); });
}
void pack_tiles_b(const float* b, Index rs, Index cs, Index k, Index n, int parts, std::uint16_t* out) {
  with_parts(parts, [&](auto tag) { pack_panels<decltype(tag)::value, false>(b, cs, rs, n, k, out); });
}

void pack_weights(const float* w, Index ld, Index rows, Index n, int parts, std::uint16_t* down, Index down_panel, std::uint16_t* across,
                  Index across_panel) {
  with_parts(parts, [&](auto tag) { pack_weight_rows<decltype(tag)::value>(w, ld, rows, n, down, down_panel, across, across_panel); });
}

// The panels of a block's operands: where they begin, numbers from one to the next, tiles of k.
struct Panels {
  const std::uint16_t *a, *b;
  Index a_panel, b_panel, steps;
};

// M x N tiles of sums (1 or 2 each) over all tiles of k. Sums are tiles 0..3, A is in 4 and 5, B in 6 and 7. The panels of one operand
// stay in the first-level cache, those of the other stream by.
template <int M, int N, int Parts, bool kStreamA>
PYFFNN_INLINE void accumulate(TileUnit& t, const Panels& panels) {
  const std::uint16_t *a = panels.a, *b = panels.b;
  const auto load_a = [&](const std::uint16_t* p) PYFFNN_LAMBDA_INLINE {
    kStreamA ? t.template stream_load<4>(p, kRow) : t.template load<4>(p, kRow);
    if constexpr (M == 2) kStreamA ? t.template stream_load<5>(p + panels.a_panel, kRow) : t.template load<5>(p + panels.a_panel, kRow);
  };
  const auto load_b = [&](const std::uint16_t* p) PYFFNN_LAMBDA_INLINE {
    kStreamA ? t.template load<6>(p, kRow) : t.template stream_load<6>(p, kRow);
    if constexpr (N == 2) kStreamA ? t.template load<7>(p + panels.b_panel, kRow) : t.template stream_load<7>(p + panels.b_panel, kRow);
  };
  const auto products = [&]() PYFFNN_LAMBDA_INLINE {
    t.template multiply_add<0, 4, 6>();
    if constexpr (N == 2) t.template multiply_add<1, 4, 7>();
    if constexpr (M == 2) t.template multiply_add<2, 5, 6>();
    if constexpr (M == 2 && N == 2) t.template multiply_add<3, 5, 7>();
  };
  for (Index s = 0; s < panels.steps; ++s, a += Parts * kTile, b += Parts * kTile) {
    load_a(a);
    if constexpr (Parts == 3) {
      load_b(b + 2 * kTile);
      products();  // A0 B2
      load_b(b + kTile);
      products();  // A0 B1
      load_a(a + kTile);
      products();  // A1 B1
      load_b(b);
      products();  // A1 B0
      load_a(a + 2 * kTile);
      products();  // A2 B0
      load_a(a);
      products();  // A0 B0
    } else {
      if constexpr (Parts == 2) {
        load_b(b + kTile);
        products();  // A0 B1
      }
      load_b(b);
      products();  // A0 B0
      if constexpr (Parts == 2) {
        load_a(a + kTile);
        products();  // A1 B0
      }
    }
  }
}

// The sums from C (or zero), the products, the sums to C; c has whole tiles.
template <int M, int N, int Parts, bool kStreamA>
PYFFNN_INLINE void block(TileUnit& t, const Panels& panels, bool load_c, float* c, Index ldc) {
  const Index stride = ldc * static_cast<Index>(sizeof(float));
  float* const below_c = c + kSide * ldc;
  if (load_c) {
    t.template stream_load<0>(c, stride);
    if constexpr (N == 2) t.template stream_load<1>(c + kSide, stride);
    if constexpr (M == 2) t.template stream_load<2>(below_c, stride);
    if constexpr (M == 2 && N == 2) t.template stream_load<3>(below_c + kSide, stride);
  } else {
    t.template zero<0>();
    if constexpr (N == 2) t.template zero<1>();
    if constexpr (M == 2) t.template zero<2>();
    if constexpr (M == 2 && N == 2) t.template zero<3>();
  }
  accumulate<M, N, Parts, kStreamA>(t, panels);
  t.template store<0>(c, stride);
  if constexpr (N == 2) t.template store<1>(c + kSide, stride);
  if constexpr (M == 2) t.template store<2>(below_c, stride);
  if constexpr (M == 2 && N == 2) t.template store<3>(below_c + kSide, stride);
}

template <int Parts, bool kStreamA>
PYFFNN_INLINE void any_block(TileUnit& t, bool two_rows, bool two_cols, const Panels& panels, bool load_c, float* c, Index ldc) {
  if (two_rows)
    two_cols ? block<2, 2, Parts, kStreamA>(t, panels, load_c, c, ldc) : block<2, 1, Parts, kStreamA>(t, panels, load_c, c, ldc);
  else
    two_cols ? block<1, 2, Parts, kStreamA>(t, panels, load_c, c, ldc) : block<1, 1, Parts, kStreamA>(t, panels, load_c, c, ldc);
}

// The epilogue of a block. The sums are in C already, but for an update: they are the gradient then, in `sums`.
void finish(const GemmArgs<float>& g, const float* sums, Index row, Index col, Index rows, Index cols) {
  switch (g.epilogue) {
    case Epilogue::store:
      return;
    case Epilogue::bias_act:
      return finish_bias_act(g, row, col, rows, cols);
    case Epilogue::times_dact:
      return finish_times_dact(g, row, col, rows, cols);
    case Epilogue::update:
      return finish_update(g, sums, kBlock, row, col, rows, cols);
  }
}

template <int Parts, bool kStreamA>
void product(const TileProduct& p) {
  const GemmArgs<float>& g = p.out;
  const Index steps = (g.k + kDepth - 1) / kDepth, tight = steps * Parts * kTile;
  const Index a_panel = p.a_panel > 0 ? p.a_panel : tight, b_panel = p.b_panel > 0 ? p.b_panel : tight;
  alignas(64) float sums[kBlock * kBlock];
  TileUnit t;
  for (Index col = 0; col < g.n; col += kBlock) {
    const Index cols = g.n - col < kBlock ? g.n - col : kBlock;
    for (Index row = 0; row < g.m; row += kBlock) {
      const Index rows = g.m - row < kBlock ? g.m - row : kBlock;
      const Panels panels{p.a + row / kSide * a_panel, p.b + col / kSide * b_panel, a_panel, b_panel, steps};
      float* const c = g.c + row * g.ldc + col;
      const bool in_place = rows % kSide == 0 && cols % kSide == 0 && g.epilogue != Epilogue::update;
      const std::size_t bytes = static_cast<std::size_t>(cols) * sizeof(float);
      if (g.epilogue == Epilogue::update) prefetch_update(g, row, col, rows, cols);
      if (in_place) {
        any_block<Parts, kStreamA>(t, rows > kSide, cols > kSide, panels, g.load_c, c, g.ldc);
      } else {
        // Whole tiles beside C, so that nothing beyond its edge is touched.
        if (g.load_c) {
          std::memset(sums, 0, sizeof sums);
          for (Index i = 0; i < rows; ++i) std::memcpy(sums + i * kBlock, c + i * g.ldc, bytes);
        }
        any_block<Parts, kStreamA>(t, rows > kSide, cols > kSide, panels, g.load_c, sums, kBlock);
        if (g.epilogue != Epilogue::update)
          for (Index i = 0; i < rows; ++i) std::memcpy(c + i * g.ldc, sums + i * kBlock, bytes);
      }
      finish(g, sums, row, col, rows, cols);
    }
  }
}

void gemm_tiles(const TileProduct& p) {
  // Each panel of B meets every panel of A: A streams by, unless all of it stays in the first-level cache.
  constexpr Index kFirstLevel = 24 << 10;
  const bool stream_a = ((p.out.m + kSide - 1) / kSide) * ((p.out.k + kDepth - 1) / kDepth) * p.parts * kTile * 2 > kFirstLevel;
  with_parts(p.parts, [&](auto tag) {
    constexpr int kParts = decltype(tag)::value;
    stream_a ? product<kParts, true>(p) : product<kParts, false>(p);
  });
}

// What the numbers of the small product are made of: part `q` of number (i, p), so that the split finds these very parts and all sums are
// exact in float32. Of two parts: whole numbers in [64, 127], and eighths, which are below half a unit of bf16 there. Of three: plus or
// minus 3/2, 3/2 of 2^-9, and 2^-18, of which the last alone may be 0, or the split would find it as the second; the signs of the first
// change every two p's of A, so that no sum is large.
float known_part(bool is_a, int parts, Index i, Index p, int q) {
  const float vary = static_cast<float>((i * 7 + p * 5 + q * 11) % 3 - 1);
  if (parts == 3 && q == 0) return is_a && (i + p / 2) % 2 == 0 ? -1.5f : 1.5f;
  if (parts == 3 && q == 1) return (i * 3 + p * 5) % 7 < 3 ? -0x1.8p-9f : 0x1.8p-9f;
  if (parts == 3) return vary * 0x1p-18f;
  return q == 0 ? static_cast<float>(64 + (i * 31 + p * 17) % 64) : vary * 0.125f;
}

// 33 x 40 x 18, so that every kind of block and of edge runs.
bool self_test() {
  constexpr Index m = 33, k = 40, n = 18, kPadM = 48, kPadK = 64, kPadN = 32;
  float a[m * k], b[k * n], c[m * n];
  alignas(64) std::uint16_t pa[kPadM * kPadK * kMostParts], pb[kPadN * kPadK * kMostParts];
  for (int parts = 1; parts <= kMostParts; ++parts) {
    const auto part_a = [&](Index i, Index p, int q) { return known_part(true, parts, i, p, q); };
    const auto part_b = [&](Index p, Index j, int q) { return known_part(false, parts, j + 3, p + 1, q); };
    // numbers have no fewer than two parts, so that one alone is a rounding
    const int made = parts < 2 ? 2 : parts;
    const auto whole = [&](auto part, Index x, Index y) {
      float sum = 0;
      for (int q = 0; q < made; ++q) sum += part(x, y, q);
      return sum;
    };
    for (Index i = 0; i < m; ++i)
      for (Index p = 0; p < k; ++p) a[i * k + p] = whole(part_a, i, p);
    for (Index p = 0; p < k; ++p)
      for (Index j = 0; j < n; ++j) b[p * n + j] = whole(part_b, p, j);
    pack_tiles_a(a, k, 1, m, k, parts, pa);
    pack_tiles_b(b, n, 1, k, n, parts, pb);
    TileProduct t{};
    t.a = pa;
    t.b = pb;
    t.parts = parts;
    t.out.m = m;
    t.out.n = n;
    t.out.k = k;
    t.out.c = c;
    t.out.ldc = n;
    gemm_tiles(t);
    for (Index i = 0; i < m; ++i) {
      for (Index j = 0; j < n; ++j) {
        float sum = 0;
        for (Index p = 0; p < k; ++p)
          for (int q = 0; q < parts; ++q)
            for (int r = 0; q + r < parts; ++r) sum += part_a(i, p, q) * part_b(p, j, r);
        if (c[i * n + j] != sum) return false;
      }
    }
  }
  return true;
}

// Four chains of products on tiles that hold zeros: what the tiles can do at best.
void product_loop(Index rounds) {
  TileUnit t;
  t.zero<0>(), t.zero<1>(), t.zero<2>(), t.zero<3>(), t.zero<4>(), t.zero<5>(), t.zero<6>(), t.zero<7>();
  for (Index r = 0; r < rounds; ++r) {
    t.multiply_add<0, 4, 6>();
    t.multiply_add<1, 4, 7>();
    t.multiply_add<2, 5, 6>();
    t.multiply_add<3, 5, 7>();
  }
}

constexpr TileKernels kTiles = {&pack_tiles_a, &pack_tiles_b, &pack_weights, &gemm_tiles, &self_test, &product_loop};

}  // namespace

const TileKernels& tile_kernels() { return kTiles; }

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
