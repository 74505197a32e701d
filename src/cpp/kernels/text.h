// Declares the text kernels (contracts: core/kernel_table.h) in this ISA's namespace.
#pragma once
#include "core/types.h"

namespace pyffnn {
namespace PYFFNN_ISA {

void byte_masks(const unsigned char* p, Index blocks, ByteMasks* masks);
Index bit_positions(const std::uint64_t* words, Index n, std::uint32_t base, std::uint32_t* out);

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
