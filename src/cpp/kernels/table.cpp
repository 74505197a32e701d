#include "core/kernel_table.h"
#include "kernels/gemm_micro.h"
#include "kernels/instantiate.h"
#include "kernels/text.h"

#define PYFFNN_STRING2(x) #x
#define PYFFNN_STRING(x) PYFFNN_STRING2(x)

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

#define PYFFNN_KERNEL(name, ret, ...) static_cast<ret (*)(__VA_ARGS__)>(&PYFFNN_ISA::name),
#define T float
constexpr Kernels<float> kF32 = {
    {kMR, kNR<float>},
#include "core/kernels.def"
};
#undef T
#define T double
constexpr Kernels<double> kF64 = {
    {kMR, kNR<double>},
#include "core/kernels.def"
};
#undef T
#undef PYFFNN_KERNEL

constexpr KernelTable kTable = {
    PYFFNN_STRING(PYFFNN_ISA), kLanes<float>, kFma, kF32, kF64, {&byte_masks, &bit_positions, &ascii_words}, {}};

}  // namespace

const KernelTable& table() { return kTable; }

}  // namespace PYFFNN_ISA
}  // namespace pyffnn
