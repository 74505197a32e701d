#include "kernels/text.h"

#include "simd/bytes.h"
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {

void byte_masks(const unsigned char* p, Index blocks, ByteMasks* masks) {
  for (Index b = 0; b < blocks; ++b, p += 64) {
    const Bytes64 x = load_bytes(p);
    masks[b] = {at_most(x, 0x20), at_most(x, 0x1F), equal_to(x, 0xC2) | in_range(x, 0xE1, 0xE3)};
  }
}

void ascii_words(const unsigned char* p, Index blocks, bool lower, std::uint64_t* words, unsigned char* copy) {
  const unsigned char distance = lower ? 'a' - 'A' : 0;
  for (Index b = 0; b < blocks; ++b, p += 64, copy += 64) {
    const Bytes64 x = load_bytes(p);
    words[b] = in_range(x, 'a', 'z') | in_range(x, 'A', 'Z') | in_range(x, '0', '9') | equal_to(x, '_');
    for (int i = 0; i < 64; ++i) {
      const unsigned char c = p[i], upper = static_cast<unsigned char>(c - 'A') < 26 ? 0xFF : 0;
      copy[i] = static_cast<unsigned char>(c + (upper & distance));
    }
  }
}

Index bit_positions(const std::uint64_t* words, Index n, std::uint32_t base, std::uint32_t* out) {
  std::uint32_t* at = out;
  for (Index i = 0; i < n; ++i, base += 64) at = append_positions(words[i], base, at);
  return at - out;
}

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
