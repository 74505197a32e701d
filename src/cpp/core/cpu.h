// What this CPU and its operating system allow. Built at baseline flags, so that it may run on any machine.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace pyffnn::cpu {

struct Features {
  bool sse2 = false;
  bool avx2 = false;                                   // avx2, fma, f16c, and the OS saves ymm
  bool avx512 = false;                                 // f, bw, dq, vl, and the OS saves zmm
  bool amx = false;                                    // avx512 + avx512_bf16, amx-tile, amx-bf16, tile state enabled and permitted
  std::string amx_status = "not an x86-64 processor";  // "usable", or what is missing
  bool neon = false;
  std::vector<std::string> names;  // every feature found, for show_config()
};

const Features& features();

struct Caches {
  std::int64_t l1d, l2, l3;  // bytes; assumed sizes where the system does not tell
};
const Caches& caches();

std::string model_name();

}  // namespace pyffnn::cpu
