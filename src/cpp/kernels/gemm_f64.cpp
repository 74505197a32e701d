#include "kernels/gemm_impl.h"
#include "kernels/gemm_shallow.h"
#include "kernels/gemm_tall.h"
#include "kernels/gemm_turned.h"
#include "kernels/instantiate.h"

namespace pyffnn {
namespace PYFFNN_ISA {

void gemm(const GemmArgs<double>& args) { gemm_impl(args); }
void gemm_tall(const TallGemm<double>& args) { gemm_tall_impl(args); }
void gemm_shallow(const GemmArgs<double>& args) { gemm_shallow_impl(args); }
void gemm_turned(const GemmArgs<double>& args, Index b_cs) { gemm_turned_impl(args, b_cs); }
void pack_b(const double* b, Index rs, Index cs, Index k, Index n, double* out) { pack_b_impl(b, rs, cs, k, n, out); }
void pack_a(const double* a, Index rs, Index cs, Index m, Index k, Index mr, double* out) { pack_a_impl(a, rs, cs, m, k, mr, out); }
void col_sum(const double* x, Index ldx, Index m, Index n, bool accumulate, double* out) { col_sum_impl(x, ldx, m, n, accumulate, out); }

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
