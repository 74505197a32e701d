// Runs the AMX-BF16 instructions of compiled code on an x86-64 machine that has none: the processor refuses each (SIGILL), and a handler
// decodes and carries it out. One thread. What it finds wrong (an instruction that it does not know, tiles not configured, a bad operand)
// ends the process. Written from the encodings and operations of Intel's Software Developer's Manual, volume 2, apart from the kernels.
#pragma once
#include <immintrin.h>
#include <signal.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace amx_trap {

struct Counts {
  long configure = 0, release = 0, zero = 0, load = 0, stream_load = 0, store = 0, multiply_add = 0;
};
inline Counts g_counts;
inline bool g_configured = false;

namespace detail {

struct Tile {
  int rows = 0, bytes = 0;
  alignas(64) unsigned char data[16][64] = {};
};
inline Tile g_tiles[8];

[[noreturn]] inline void refuse(const char* why, const unsigned char* at) {
  std::fprintf(stderr, "amx_trap: %s:", why);
  for (int i = 0; i < 12; ++i) std::fprintf(stderr, " %02x", at[i]);
  std::fprintf(stderr, "\n");
  std::_Exit(3);
}

inline std::uint64_t reg(const ucontext_t& c, int number) {
  static constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return static_cast<std::uint64_t>(c.uc_mcontext.gregs[kOrder[number]]);
}

// Fused multiply-add as the tiles do it: subnormals are zero, going in and coming out.
__attribute__((target("fma"))) inline float fused(float a, float b, float c) {
  return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}

inline float number(const unsigned char* p) {
  std::uint16_t half;
  std::memcpy(&half, p, 2);
  const std::uint32_t u = static_cast<std::uint32_t>(half) << 16;
  float f;
  std::memcpy(&f, &u, 4);
  return f;
}

inline void tdpbf16ps(Tile& d, const Tile& a, const Tile& b, const unsigned char* at) {
  if (&d == &a || &d == &b || &a == &b) refuse("the tiles of a product must be three", at);
  if (a.bytes != b.rows * 4 || a.rows != d.rows || b.bytes != d.bytes) refuse("the tiles of a product do not fit", at);
  const unsigned before = _mm_getcsr();
  _mm_setcsr(0x1f80 | 0x8040);  // all exceptions masked, to nearest; flush to zero, subnormals are zeros
  for (int m = 0; m < d.rows; ++m) {
    volatile float chain[32] = {};
    for (int k = 0; k < a.bytes / 4; ++k) {
      for (int n = 0; n < d.bytes / 4; ++n) {
        chain[2 * n] = fused(number(a.data[m] + 4 * k), number(b.data[k] + 4 * n), chain[2 * n]);
        chain[2 * n + 1] = fused(number(a.data[m] + 4 * k + 2), number(b.data[k] + 4 * n + 2), chain[2 * n + 1]);
      }
    }
    for (int n = 0; n < d.bytes / 4; ++n) {
      float c;
      std::memcpy(&c, d.data[m] + 4 * n, 4);
      volatile float sum = chain[2 * n] + chain[2 * n + 1];
      volatile float total = c + sum;
      c = total;
      std::memcpy(d.data[m] + 4 * n, &c, 4);
    }
  }
  _mm_setcsr(before);
}

inline void handle(int, siginfo_t*, void* raw) {
  auto& context = *static_cast<ucontext_t*>(raw);
  const auto* const at = reinterpret_cast<const unsigned char*>(context.uc_mcontext.gregs[REG_RIP]);
  if (at[0] != 0xc4 || (at[1] & 0x1f) != 2) refuse("no VEX instruction of map 0F38", at);
  const bool r = !(at[1] & 0x80), x = !(at[1] & 0x40), b = !(at[1] & 0x20);
  if (at[2] & 0x84) refuse("W and L must be 0", at);
  const int v = (~at[2] >> 3) & 15, prefix = at[2] & 3, opcode = at[3], mod = at[4] >> 6, reg_field = (at[4] >> 3) & 7, rm = at[4] & 7;
  const unsigned char* p = at + 5;
  std::uint64_t address = 0, index = 0;
  bool has_index = false;
  if (mod != 3) {
    int base = rm | (b ? 8 : 0);
    bool no_base = false;
    if (rm == 4) {
      const int sib = *p++, number_of_index = ((sib >> 3) & 7) | (x ? 8 : 0);
      base = (sib & 7) | (b ? 8 : 0);
      no_base = (sib & 7) == 5 && mod == 0;
      if (number_of_index != 4) {
        index = reg(context, number_of_index) << (sib >> 6);
        has_index = true;
      }
    }
    if (rm == 5 && mod == 0) refuse("an address relative to the instruction", at);
    address = no_base ? 0 : reg(context, base);
    if (mod == 1) {
      address += static_cast<std::uint64_t>(static_cast<std::int64_t>(static_cast<signed char>(*p)));
      p += 1;
    } else if (mod == 2 || no_base) {
      std::int32_t displacement;
      std::memcpy(&displacement, p, 4);
      address += static_cast<std::uint64_t>(static_cast<std::int64_t>(displacement));
      p += 4;
    }
  }
  enum Prefix { none = 0, p66 = 1, pF3 = 2, pF2 = 3 };
  if (opcode != 0x5c && v != 0) refuse("an operand that there is none", at);
  if (opcode == 0x49 && prefix == none && mod == 3) {
    if (at[4] != 0xc0) refuse("no instruction", at);
    g_configured = false;  // TILERELEASE
    for (Tile& t : g_tiles) t = Tile{};
    ++g_counts.release;
  } else if (opcode == 0x49 && prefix == none) {
    unsigned char c[64];  // LDTILECFG
    std::memcpy(c, reinterpret_cast<const void*>(address + index), 64);
    if (reg_field != 0 || c[0] != 1 || c[1] != 0) refuse("a bad configuration", at);
    for (int t = 0; t < 8; ++t) {
      g_tiles[t] = Tile{};
      std::uint16_t bytes;
      std::memcpy(&bytes, c + 16 + 2 * t, 2);
      g_tiles[t].bytes = bytes;
      g_tiles[t].rows = c[48 + t];
      if (bytes > 64 || c[48 + t] > 16) refuse("a tile too large", at);
    }
    g_configured = true;
    ++g_counts.configure;
  } else {
    if (!g_configured) refuse("the tiles are not configured", at);
    if (r) refuse("there are eight tiles", at);
    Tile& tile = g_tiles[reg_field];
    const auto stride = static_cast<std::int64_t>(index);
    if (opcode == 0x49 && prefix == pF2 && mod == 3 && rm == 0) {
      std::memset(tile.data, 0, sizeof tile.data);
      ++g_counts.zero;
    } else if (opcode == 0x4b && mod != 3 && rm == 4 && (prefix == pF2 || prefix == p66)) {
      if (!has_index) refuse("a load without a stride", at);
      std::memset(tile.data, 0, sizeof tile.data);
      for (int i = 0; i < tile.rows; ++i)
        std::memcpy(tile.data[i], reinterpret_cast<const char*>(address) + i * stride, static_cast<std::size_t>(tile.bytes));
      ++(prefix == pF2 ? g_counts.load : g_counts.stream_load);
    } else if (opcode == 0x4b && mod != 3 && rm == 4 && prefix == pF3) {
      if (!has_index) refuse("a store without a stride", at);
      for (int i = 0; i < tile.rows; ++i)
        std::memcpy(reinterpret_cast<char*>(address) + i * stride, tile.data[i], static_cast<std::size_t>(tile.bytes));
      ++g_counts.store;
    } else if (opcode == 0x5c && prefix == pF3 && mod == 3) {
      if (b || v > 7) refuse("there are eight tiles", at);
      tdpbf16ps(tile, g_tiles[rm], g_tiles[v], at);
      ++g_counts.multiply_add;
    } else {
      refuse("an unknown instruction", at);
    }
  }
  context.uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(p);
}

}  // namespace detail

inline void install() {
  struct sigaction action{};
  action.sa_sigaction = &detail::handle;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, nullptr);
}

}  // namespace amx_trap
