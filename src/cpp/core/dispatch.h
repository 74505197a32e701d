// Which ISA's kernels run. Dispatch happens once an operation call, never inside a loop.
#pragma once
#include <string>
#include <vector>

#include "core/kernel_table.h"

namespace pyffnn::dispatch {

// Tables usable on this machine, worst first; never empty.
const std::vector<const KernelTable*>& available();

// The active table. The first call picks PYFFNN_ISA, or the best available; throws std::invalid_argument when PYFFNN_ISA is unusable.
const KernelTable& active();

// Makes `isa` the active table for the whole process; throws std::invalid_argument naming the usable ones.
void set_isa(const std::string& isa);

// "usable", or why "amx" is not among the available ones.
const std::string& amx_status();

template <class T>
const Kernels<T>& kernels() {
  return active().of<T>();
}

}  // namespace pyffnn::dispatch
