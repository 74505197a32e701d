// The table of one ISA: its geometry and one pointer per kernel and element type, made from kernels.def.
#pragma once
#include "core/types.h"

namespace pyffnn {

struct GemmGeometry {
  Index mr, nr;  // rows and columns of a register tile
};

template <class T>
struct Kernels {
  GemmGeometry tile;
#define PYFFNN_KERNEL(name, ret, ...) ret (*name)(__VA_ARGS__);
#include "core/kernels.def"
#undef PYFFNN_KERNEL
};

// Kernels on bytes and bits, which have no element type.
struct TextKernels {
  // Masks of p[0..64 * blocks).
  void (*byte_masks)(const unsigned char* p, Index blocks, ByteMasks* masks);
  // base + the number of each bit set in words[0..n), in order; returns how many. `out` has room for 64 more than that.
  Index (*bit_positions)(const std::uint64_t* words, Index n, std::uint32_t base, std::uint32_t* out);
  // Of p[0..64 * blocks), a bit for each byte that is an ASCII letter, a digit or _, and a copy, with `lower` its letters in lower case.
  void (*ascii_words)(const unsigned char* p, Index blocks, bool lower, std::uint64_t* words, unsigned char* copy);
};

// Products on bf16 tiles (kernels/gemm_amx.cpp); all null where the ISA has no tiles. Packed operands are bf16 in tiles of 16 x 32, padded
// with zeros: room for ceil(m / 16) ceil(k / 32) kTileNumbers of them for A (n in place of m for B), times the parts of a number.
constexpr Index kTileSide = 16, kTileDepth = 32, kTileNumbers = kTileSide * kTileDepth;
struct TileKernels {
  // A_mk, element (i, p) at a[i * rs + p * cs]; rs or cs is 1
  void (*pack_a)(const float* a, Index rs, Index cs, Index m, Index k, int parts, std::uint16_t* out);
  // B_kn, element (p, j) at b[p * rs + j * cs]; rs or cs is 1
  void (*pack_b)(const float* b, Index rs, Index cs, Index k, Index n, int parts, std::uint16_t* out);
  // Rows of W_kn as two operands B at once, packed as pack_b does: of x W (`down` its tile at the first row and column, `down_panel`
  // numbers from panel to panel) and of dy W^T (`across`, likewise; null: not wanted). Rows beyond a multiple of 32 are packed as the last
  // ones.
  void (*pack_weights)(const float* w, Index ld, Index rows, Index n, int parts, std::uint16_t* down, Index down_panel,
                       std::uint16_t* across, Index across_panel);
  void (*gemm)(const TileProduct& args);
  // A small product whose result is known.
  bool (*self_test)();
  // 4 * rounds products of whole tiles (2 * 16 * 16 * 32 flops each), on tiles alone.
  void (*product_loop)(Index rounds);
};

struct KernelTable {
  const char* isa;
  int lanes_f32;  // float32 numbers in a native vector
  bool has_fma;   // false: multiply then add, so float32 products differ in the last bit from the FMA ISAs
  Kernels<float> f32;
  Kernels<double> f64;
  TextKernels text;
  TileKernels tiles;

  bool has_tiles() const { return tiles.gemm != nullptr; }
  template <class T>
  const Kernels<T>& of() const;
};

template <>
inline const Kernels<float>& KernelTable::of<float>() const {
  return f32;
}
template <>
inline const Kernels<double>& KernelTable::of<double>() const {
  return f64;
}

}  // namespace pyffnn
