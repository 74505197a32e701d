// Declares the text kernels (contracts: core/kernel_table.h) in this ISA's namespace.
#pragma once
#include "core/types.h"

namespace pyffnn {
namespace PYFFNN_ISA {

void byte_masks(const unsigned char* p, Index blocks, ByteMasks* masks);
void ascii_words(const unsigned char* p, Index blocks, bool lower, std::uint64_t* words, unsigned char* copy);
Index bit_positions(const std::uint64_t* words, Index n, std::uint32_t base, std::uint32_t* out);

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
