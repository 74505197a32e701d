// The one thing about a core that a plan of dense products needs and nobody tells: which way of walking suits it. Both are timed on one
// small product, once a process and instruction set. And the way that a test, or PYFFNN_GEMM, prescribes.
#pragma once
#include <atomic>
#include <optional>
#include <string>

#include "ops/products/dense_plan.h"

namespace pyffnn::ops {

struct CoreTrait {
  CoreKind kind;
  double rows_us, columns_us;  // the least time of each; 0 where there is nothing to measure (the reference kernels)
};

// The trait with the active ISA; measured by the first call, in under a millisecond.
CoreTrait core_trait();

// Its kind for a product of these sizes: `rows` for small ones until a large one, or a question, has had it measured. Where a way is
// prescribed, what it walks by.
CoreKind core_kind_for(Index m, Index n, Index k);

// The way that every dense product takes where it can; none: the plan's own choice. By name, "auto" for none; throws std::invalid_argument
// naming `source` and the names there are.
std::optional<Way> forced_way();
extern std::atomic<int> g_forced_way;  // its number; -1: none
inline bool any_way_forced() { return g_forced_way.load(std::memory_order_relaxed) >= 0; }
void force_way(const std::string& name, const char* source);
std::string forced_way_name();

}  // namespace pyffnn::ops
