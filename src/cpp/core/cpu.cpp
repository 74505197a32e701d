#include "core/cpu.h"

#include <algorithm>

#include "core/platform.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace pyffnn::cpu {
namespace {

#if defined(__x86_64__)
struct Leaf {
  unsigned a = 0, b = 0, c = 0, d = 0;
};

Leaf cpuid(unsigned leaf, unsigned sub) {
  Leaf r;
  __get_cpuid_count(leaf, sub, &r.a, &r.b, &r.c, &r.d);
  return r;
}

// `xgetbv` by its bytes: the intrinsic needs a compile flag that baseline code must not have.
std::uint64_t xcr0() {
  unsigned lo, hi;
  __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(lo), "=d"(hi) : "c"(0));
  return (std::uint64_t{hi} << 32) | lo;
}

bool bit(unsigned word, int i) { return (word >> i) & 1u; }

Features detect() {
  Features f;
  f.sse2 = true;
  f.names.emplace_back("sse2");
  const Leaf l1 = cpuid(1, 0), l7 = cpuid(7, 0), l71 = cpuid(7, 1);
  const bool osxsave = bit(l1.c, 27);
  const std::uint64_t x = osxsave ? xcr0() : 0;
  const bool ymm = (x & 0x6) == 0x6, zmm = (x & 0xe6) == 0xe6, tiles = (x & 0x60000) == 0x60000;
  auto note = [&](const char* name, bool have) {
    if (have) f.names.emplace_back(name);
    return have;
  };
  const bool avx = note("avx", bit(l1.c, 28) && ymm);
  const bool fma = note("fma", bit(l1.c, 12) && ymm);
  const bool f16c = note("f16c", bit(l1.c, 29) && ymm);
  const bool avx2 = note("avx2", bit(l7.b, 5) && ymm);
  const bool f512 = note("avx512f", bit(l7.b, 16) && zmm);
  const bool bw = note("avx512bw", bit(l7.b, 30) && zmm);
  const bool dq = note("avx512dq", bit(l7.b, 17) && zmm);
  const bool vl = note("avx512vl", bit(l7.b, 31) && zmm);
  note("avx512_vnni", bit(l7.c, 11) && zmm);
  const bool bf16 = note("avx512_bf16", bit(l71.a, 5) && zmm);
  const bool tile_here = bit(l7.d, 24), tile_bf16_here = bit(l7.d, 22);
  const bool tile = note("amx_tile", tile_here && tiles);
  const bool tile_bf16 = note("amx_bf16", tile_bf16_here && tiles);
  f.avx2 = avx && avx2 && fma && f16c;
  f.avx512 = f.avx2 && f512 && bw && dq && vl;
  if (!tile_here || !tile_bf16_here) {
    f.amx_status = "the processor has no AMX-BF16";
  } else if (!f.avx512 || !bf16) {
    f.amx_status = "the processor has AMX but no AVX-512-BF16";
  } else if (!tile || !tile_bf16) {
    f.amx_status = "the operating system does not save the tiles (XCR0 bits 17 and 18)";
  } else if (!platform::request_tiles()) {
    f.amx_status = "the operating system refuses this process the tiles";
  } else {
    f.amx_status = "usable";
    f.amx = true;
  }
  return f;
}
#else
Features detect() {
  Features f;
#if defined(__aarch64__)
  f.neon = true;
  f.names.emplace_back("neon");
#endif
  return f;
}
#endif

}  // namespace

const Features& features() {
  static const Features f = detect();
  return f;
}

const Caches& caches() {
  static const Caches c = [] {
    const platform::CacheSizes found = platform::cache_sizes();
    const auto size = [](std::int64_t bytes, std::int64_t assumed) { return bytes > 0 ? bytes : assumed; };
    // A virtual machine may report the third level of the whole host.
    return Caches{size(found.l1d, 32 << 10), size(found.l2, 512 << 10), std::min<std::int64_t>(size(found.l3, 8 << 20), 32 << 20)};
  }();
  return c;
}

std::string model_name() {
  const std::string name = platform::processor_name();
  return name.empty() ? "unknown" : name;
}

}  // namespace pyffnn::cpu
