// Products of float32 matrices on bf16 tiles: packing, the macro-kernel, and the small product that tells whether this machine does it
// right.
//
// A tile product adds 32 products to each of 16 x 16 sums. Two tiles of A and two of B in registers make 2 x 2 tiles of sums, so each load
// serves two products: bf16 needs one load a product, bf16x3 two loads for three products.
//
// Order of summation, the same for every blocking: for each 32 numbers of k, one after the other, bf16x3 adds Ah Bl, then Ah Bh, then Al
// Bh.
#include "core/kernel_table.h"
#include "kernels/act_math.h"
#include "simd/amx_tile.h"
#include "simd/bf16.h"
#include "simd/optim_math.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

constexpr Index kSide = kTileSide, kDepth = kTileDepth, kTile = kTileNumbers;
constexpr Index kBlock = 2 * kSide;
constexpr Index kRow = kTileBytes;  // packed tiles lie row after row

// x element (o, p) at x[o * os + p * ps], o < outer, p < k: into panels of 16 o's, each [ceil(k / 32)] tiles of 16 rows of 16 pairs, padded
// with zeros; with Split each tile of hi is followed by its tile of lo. kRowsOuter: row o of a tile holds the pairs of o (A); otherwise row
// r holds pair r of each o (B).
template <bool Split, bool kRowsOuter>
void pack_panels(const float* x, Index os, Index ps, Index outer, Index k, std::uint16_t* out) {
  for (Index o = 0; o < outer; o += kSide) {
    const Index count = outer - o < kSide ? outer - o : kSide;
    for (Index p = 0; p < k; p += kDepth) {
      const float* const from = x + o * os + p * ps;
      const Index depth = k - p < kDepth ? k - p : kDepth;
      Pairs hi[kSide], lo[kSide];
      SplitPairs row;
      row.lo = Pairs{};
      const auto keep = [&](Index at) PYFFNN_LAMBDA_INLINE {
        hi[at] = row.hi;
        if constexpr (Split) lo[at] = row.lo;
      };
      const bool along = ps == 1;
      if (along && count == kSide && depth == kDepth) {
        for (Index i = 0; i < kSide; ++i) {
          pairs_along<Split>(pack_load(from + i * os), pack_load(from + i * os + kWide), row);
          keep(i);
        }
      } else if (along) {
        for (Index i = 0; i < kSide; ++i) {
          const Index left = i < count ? depth : 0;
          pairs_along<Split>(pack_load_tail(from + i * os, left, 0.0f), pack_load_tail(from + i * os + kWide, left - kWide, 0.0f), row);
          keep(i);
        }
      } else if (count == kSide && depth == kDepth) {
        for (Index r = 0; r < kSide; ++r) {
          pairs_across<Split>(pack_load(from + 2 * r * ps), pack_load(from + (2 * r + 1) * ps), row);
          keep(r);
        }
      } else {
        for (Index r = 0; r < kSide; ++r) {
          const Index first = 2 * r < depth ? count : 0, second = 2 * r + 1 < depth ? count : 0;
          pairs_across<Split>(pack_load_tail(from + 2 * r * ps, first, 0.0f), pack_load_tail(from + (2 * r + 1) * ps, second, 0.0f), row);
          keep(r);
        }
      }
      if (along != kRowsOuter) {
        transpose(hi);
        if constexpr (Split) transpose(lo);
      }
      std::memcpy(out, hi, sizeof hi);
      out += kTile;
      if constexpr (Split) {
        std::memcpy(out, lo, sizeof lo);
        out += kTile;
      }
    }
  }
}

void pack_tiles_a(const float* a, Index rs, Index cs, Index m, Index k, bool split, std::uint16_t* out) {
  split ? pack_panels<true, true>(a, rs, cs, m, k, out) : pack_panels<false, true>(a, rs, cs, m, k, out);
}
void pack_tiles_b(const float* b, Index rs, Index cs, Index k, Index n, bool split, std::uint16_t* out) {
  split ? pack_panels<true, false>(b, cs, rs, n, k, out) : pack_panels<false, false>(b, cs, rs, n, k, out);
}

// M x N tiles of sums (1 or 2 each) over `steps` tiles of k. Sums are tiles 0..3, A is in 4 and 5, B in 6 and 7. The panels of one operand
// stay in the first-level cache, those of the other stream by.
template <int M, int N, bool Split, bool kStreamA>
PYFFNN_INLINE void accumulate(Tiles& t, const std::uint16_t* a, const std::uint16_t* b, Index steps) {
  constexpr Index parts = Split ? 2 : 1;
  const Index panel = steps * parts * kTile;
  const auto load_a = [&](const std::uint16_t* p) PYFFNN_LAMBDA_INLINE {
    kStreamA ? t.template stream_load<4>(p, kRow) : t.template load<4>(p, kRow);
    if constexpr (M == 2) kStreamA ? t.template stream_load<5>(p + panel, kRow) : t.template load<5>(p + panel, kRow);
  };
  const auto load_b = [&](const std::uint16_t* p) PYFFNN_LAMBDA_INLINE {
    kStreamA ? t.template load<6>(p, kRow) : t.template stream_load<6>(p, kRow);
    if constexpr (N == 2) kStreamA ? t.template load<7>(p + panel, kRow) : t.template stream_load<7>(p + panel, kRow);
  };
  const auto products = [&]() PYFFNN_LAMBDA_INLINE {
    t.template multiply_add<0, 4, 6>();
    if constexpr (N == 2) t.template multiply_add<1, 4, 7>();
    if constexpr (M == 2) t.template multiply_add<2, 5, 6>();
    if constexpr (M == 2 && N == 2) t.template multiply_add<3, 5, 7>();
  };
  for (Index s = 0; s < steps; ++s, a += parts * kTile, b += parts * kTile) {
    if constexpr (Split) {
      load_a(a);
      load_b(b + kTile);
      products();  // Ah Bl
      load_b(b);
      products();  // Ah Bh
      load_a(a + kTile);
      products();  // Al Bh
    } else {
      load_a(a);
      load_b(b);
      products();
    }
  }
}

// The sums from C (or zero), the products, the sums to C; c has whole tiles.
template <int M, int N, bool Split, bool kStreamA>
PYFFNN_INLINE void block(Tiles& t, const std::uint16_t* a, const std::uint16_t* b, Index steps, bool load_c, float* c, Index ldc) {
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
  accumulate<M, N, Split, kStreamA>(t, a, b, steps);
  t.template store<0>(c, stride);
  if constexpr (N == 2) t.template store<1>(c + kSide, stride);
  if constexpr (M == 2) t.template store<2>(below_c, stride);
  if constexpr (M == 2 && N == 2) t.template store<3>(below_c + kSide, stride);
}

template <bool Split, bool kStreamA>
PYFFNN_INLINE void any_block(Tiles& t, bool two_rows, bool two_cols, const std::uint16_t* a, const std::uint16_t* b, Index steps,
                             bool load_c, float* c, Index ldc) {
  if (two_rows)
    two_cols ? block<2, 2, Split, kStreamA>(t, a, b, steps, load_c, c, ldc) : block<2, 1, Split, kStreamA>(t, a, b, steps, load_c, c, ldc);
  else
    two_cols ? block<1, 2, Split, kStreamA>(t, a, b, steps, load_c, c, ldc) : block<1, 1, Split, kStreamA>(t, a, b, steps, load_c, c, ldc);
}

// f(sums, row, column, lanes of the tail or 0) over the vectors of a finished block.
template <class F>
PYFFNN_INLINE void for_sums(const float* sums, Index rows, Index cols, F f) {
  constexpr Index L = kLanes<float>;
  for (Index i = 0; i < rows; ++i) {
    const float* const row = sums + i * kBlock;
    Index j = 0;
    for (; j + L <= cols; j += L) f(load(row + j), i, j, Index{0});
    if (j < cols) f(load(row + j), i, j, cols - j);
  }
}

PYFFNN_INLINE VecF load_some(const float* p, Index tail) { return tail == 0 ? load(p) : load_tail(p, tail); }
PYFFNN_INLINE void store_some(float* p, VecF v, Index tail) { tail == 0 ? store(p, v) : store_tail(p, v, tail); }

// The epilogue of a block of sums, into C.
void finish(const GemmArgs<float>& g, const float* sums, Index row, Index col, Index rows, Index cols) {
  const Index at0 = row * g.ldc + col;
  float* const c = g.c + at0;
  switch (g.epilogue) {
    case Epilogue::store:
      for_sums(sums, rows, cols,
               [&](VecF sum, Index i, Index j, Index tail) PYFFNN_LAMBDA_INLINE { store_some(c + i * g.ldc + j, sum, tail); });
      return;
    case Epilogue::bias_act:
      return with_act(g.act, [&](auto act) {
        for_sums(sums, rows, cols, [&](VecF sum, Index i, Index j, Index tail) PYFFNN_LAMBDA_INLINE {
          if (g.bias != nullptr) sum = sum + load_some(g.bias + col + j, tail);
          store_some(c + i * g.ldc + j, act_vec<float, decltype(act)::act>(sum), tail);
        });
      });
    case Epilogue::times_dact:
      return with_act(g.act, [&](auto act) {
        for_sums(sums, rows, cols, [&](VecF sum, Index i, Index j, Index tail) PYFFNN_LAMBDA_INLINE {
          const VecF y = load_some(g.y + (row + i) * g.ldy + col + j, tail);
          store_some(c + i * g.ldc + j, dact_vec<float, decltype(act)::act>(sum, y), tail);
        });
      });
    case Epilogue::update:
      return with_optim(g.opt->kind, [&](auto tag) {
        constexpr Optim kind = decltype(tag)::kind;
        for_sums(sums, rows, cols, [&](VecF sum, Index i, Index j, Index tail) PYFFNN_LAMBDA_INLINE {
          const Index at = at0 + i * g.ldc + j;
          VecF s1{}, s2{};
          if constexpr (uses_s1(kind)) s1 = load_some(g.s1 + at, tail);
          if constexpr (uses_s2(kind)) s2 = load_some(g.s2 + at, tail);
          store_some(g.c + at, optim_update<float, kind>(*g.opt, load_some(g.c + at, tail), sum, s1, s2), tail);
          if constexpr (uses_s1(kind)) store_some(g.s1 + at, s1, tail);
          if constexpr (uses_s2(kind)) store_some(g.s2 + at, s2, tail);
        });
      });
  }
}

template <bool Split, bool kStreamA>
void product(const TileProduct& p) {
  const GemmArgs<float>& g = p.out;
  const Index steps = (g.k + kDepth - 1) / kDepth, panel = steps * (Split ? 2 : 1) * kTile;
  alignas(64) float sums[kBlock * kBlock];
  Tiles t;
  for (Index col = 0; col < g.n; col += kBlock) {
    const Index cols = g.n - col < kBlock ? g.n - col : kBlock;
    for (Index row = 0; row < g.m; row += kBlock) {
      const Index rows = g.m - row < kBlock ? g.m - row : kBlock;
      const std::uint16_t *const a = p.a + row / kSide * panel, *const b = p.b + col / kSide * panel;
      float* const c = g.c + row * g.ldc + col;
      const bool whole = rows % kSide == 0 && cols % kSide == 0;
      if (whole && g.epilogue == Epilogue::store) {
        any_block<Split, kStreamA>(t, rows > kSide, cols > kSide, a, b, steps, g.load_c, c, g.ldc);
        continue;
      }
      if (g.load_c) {
        std::memset(sums, 0, sizeof sums);
        for (Index i = 0; i < rows; ++i) std::memcpy(sums + i * kBlock, c + i * g.ldc, static_cast<std::size_t>(cols) * sizeof(float));
      }
      any_block<Split, kStreamA>(t, rows > kSide, cols > kSide, a, b, steps, g.load_c, sums, kBlock);
      finish(g, sums, row, col, rows, cols);
    }
  }
}

void gemm_tiles(const TileProduct& p) {
  // Each panel of B meets every panel of A: A streams by, unless all of it stays in the first-level cache.
  constexpr Index kFirstLevel = 24 << 10;
  const bool stream_a = ((p.out.m + kSide - 1) / kSide) * ((p.out.k + kDepth - 1) / kDepth) * (p.split ? 2 : 1) * kTile * 2 > kFirstLevel;
  if (p.split)
    stream_a ? product<true, true>(p) : product<true, false>(p);
  else
    stream_a ? product<false, true>(p) : product<false, false>(p);
}

// Products of small whole numbers plus eighths, whose sums are exact in float32: 33 x 40 x 18, so that every kind of block and of edge
// runs.
bool self_test() {
  constexpr Index m = 33, k = 40, n = 18, kPadM = 48, kPadK = 64, kPadN = 32;
  // hi parts in [64, 127], whole: bf16 holds them. lo parts of an eighth are below half a unit there, so the split finds these very parts.
  const auto hi = [](Index i, Index p) { return static_cast<float>(64 + (i * 31 + p * 17) % 64); };
  const auto lo = [](Index i, Index p) { return static_cast<float>((i * 7 + p * 5) % 3 - 1) * 0.125f; };
  float a[m * k], b[k * n], c[m * n];
  for (Index i = 0; i < m; ++i)
    for (Index p = 0; p < k; ++p) a[i * k + p] = hi(i, p) + lo(i, p);
  for (Index p = 0; p < k; ++p)
    for (Index j = 0; j < n; ++j) b[p * n + j] = hi(j + 3, p + 1) + lo(j, p + 2);
  alignas(64) std::uint16_t pa[kPadM * kPadK * 2], pb[kPadN * kPadK * 2];
  for (int round = 0; round < 2; ++round) {
    const bool split = round == 1;
    pack_tiles_a(a, k, 1, m, k, split, pa);
    pack_tiles_b(b, n, 1, k, n, split, pb);
    TileProduct t{};
    t.a = pa;
    t.b = pb;
    t.split = split;
    t.out.m = m;
    t.out.n = n;
    t.out.k = k;
    t.out.c = c;
    t.out.ldc = n;
    gemm_tiles(t);
    for (Index i = 0; i < m; ++i) {
      for (Index j = 0; j < n; ++j) {
        float sum = 0;
        for (Index p = 0; p < k; ++p) {
          const float ah = hi(i, p), bh = hi(j + 3, p + 1);
          sum += ah * bh;
          if (split) sum += ah * lo(j, p + 2) + lo(i, p) * bh;
        }
        if (c[i * n + j] != sum) return false;
      }
    }
  }
  return true;
}

constexpr TileKernels kTiles = {&pack_tiles_a, &pack_tiles_b, &gemm_tiles, &self_test};

}  // namespace

const TileKernels& tile_kernels() { return kTiles; }

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
