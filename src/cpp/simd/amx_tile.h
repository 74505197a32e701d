// The tile operations that the products use, as members of one object a call: the instructions of AMX-BF16, or what Intel's manual says
// that they do (Software Developer's Manual, volume 2: TDPBF16PS, TILELOADD, ...), in plain C++ for tests on any machine.
//
// Every tile is 16 rows of 64 bytes. T, D, A, B are tile numbers 0..7. Strides are in bytes. Subnormal numbers count as zero in a product,
// in its inputs and in its result, whatever the thread's floating-point mode says.
#pragma once
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

constexpr int kTileRows = 16, kTileBytes = 64;

#if PYFFNN_ISA_IS_amx

// What LDTILECFG reads.
struct alignas(64) TileConfig {
  std::uint8_t palette, start_row, reserved[14];
  std::uint16_t row_bytes[16];
  std::uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64, "as the processor wants it");

// The instructions by their own `asm`: the compiler's intrinsics do not say that they read and write memory (GCC bug 122446), so that it
// may move stores to a packed panel past the loads from it.
class TileUnit {
 public:
  TileUnit() {
    TileConfig c{};
    c.palette = 1;
    for (int t = 0; t < 8; ++t) {
      c.row_bytes[t] = kTileBytes;
      c.rows[t] = kTileRows;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(c) : "memory");
  }
  // Tiles left in use slow down every switch of threads.
  ~TileUnit() { __asm__ volatile("tilerelease" ::: "memory"); }
  TileUnit(const TileUnit&) = delete;
  TileUnit& operator=(const TileUnit&) = delete;

  template <int T>
  PYFFNN_INLINE void load(const void* p, Index stride) {
    __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(stride), "i"(T) : "memory");
  }
  // Not to stay in the first-level cache.
  template <int T>
  PYFFNN_INLINE void stream_load(const void* p, Index stride) {
    __asm__ volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(stride), "i"(T) : "memory");
  }
  template <int T>
  PYFFNN_INLINE void store(void* p, Index stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(p), "r"(stride), "i"(T) : "memory");
  }
  template <int T>
  PYFFNN_INLINE void zero() {
    __asm__ volatile("tilezero %%tmm%c0" ::"i"(T));
  }
  // D (16 x 16 float32) += A (16 rows of 16 pairs) B (16 rows of 16 pairs): row r of B holds, for each column, what pair r of A multiplies.
  template <int D, int A, int B>
  PYFFNN_INLINE void multiply_add() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(D), "i"(A), "i"(B));
  }
};

#else

class TileUnit {
 public:
  template <int T>
  void load(const void* p, Index stride) {
    const char* from = static_cast<const char*>(p);
    for (int r = 0; r < kTileRows; ++r) std::memcpy(tile_[T][r], from + r * stride, kTileBytes);
  }
  template <int T>
  void stream_load(const void* p, Index stride) {
    load<T>(p, stride);
  }
  template <int T>
  void store(void* p, Index stride) {
    char* to = static_cast<char*>(p);
    for (int r = 0; r < kTileRows; ++r) std::memcpy(to + r * stride, tile_[T][r], kTileBytes);
  }
  template <int T>
  void zero() {
    std::memset(tile_[T], 0, sizeof tile_[T]);
  }
  // Two chains of fused multiply-adds an output, one of the first and one of the second of each pair; their sum is added to D.
  template <int D, int A, int B>
  void multiply_add() {
    for (int m = 0; m < kTileRows; ++m) {
      float first[kColumns] = {}, second[kColumns] = {};
      for (int r = 0; r < kTileRows; ++r) {
        const std::uint32_t pair = tile_[A][m][r];
        chain(flush(bits<float>(pair << 16)), tile_[B][r], 16, first);
        chain(flush(bits<float>(pair & kHalf)), tile_[B][r], 0, second);
      }
      for (int n = 0; n < kColumns; ++n) {
        const float sum = flush(first[n] + second[n]);
        tile_[D][m][n] = bits<std::uint32_t>(flush(flush(bits<float>(tile_[D][m][n])) + sum));
      }
    }
  }

 private:
  static constexpr int kColumns = kTileBytes / 4;
  static constexpr std::uint32_t kHalf = 0xffff0000u, kExponentBits = 0x7f800000u, kMagnitude = 0x7fffffffu;
  static float flush(float x) {
    const std::uint32_t u = bits<std::uint32_t>(x);
    return bits<float>((u & kExponentBits) == 0 ? u & ~kMagnitude : u);
  }
  // sum_n = fma(a, b_n, sum_n), with b_n one half of the pairs. A product of two bf16 numbers has 16 significant bits: where it is a normal
  // number it is exact, and adding it rounds once. The rare others are taken again.
  static void chain(float a, const std::uint32_t* pairs, int shift, float* sum) {
    float b[kColumns], next[kColumns];
    std::uint32_t inexact = 0;
    for (int n = 0; n < kColumns; ++n) {
      b[n] = flush(bits<float>((pairs[n] << shift) & kHalf));
      const float product = a * b[n];
      const std::uint32_t exponent = bits<std::uint32_t>(product) & kExponentBits;
      const std::uint32_t zero = (bits<std::uint32_t>(a) & kMagnitude) == 0 || (bits<std::uint32_t>(b[n]) & kMagnitude) == 0 ? 1 : 0;
      inexact |= exponent == kExponentBits ? 1 : 0;
      inexact |= exponent == 0 ? zero ^ 1 : 0;
      next[n] = flush(product + sum[n]);
    }
    for (int n = 0; n < kColumns; ++n) sum[n] = inexact != 0 ? flush(__builtin_fmaf(a, b[n], sum[n])) : next[n];
  }

  std::uint32_t tile_[8][kTileRows][kColumns] = {};
};

#endif

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
