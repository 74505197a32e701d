#include "ops/flat_step.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/dispatch.h"
#include "core/thread_pool.h"

namespace pyffnn::ops {

template <class T>
void flat_step(const OptimStep<T>& opt, const T* g, T* w, T* s1, T* s2, Index n) {
  const auto& k = dispatch::kernels<T>();
  threads::parallel_for(
      n, threads::threads_for(static_cast<double>(n) * 20),
      [&](Index b, Index e) { k.optim_step(opt, g + b, w + b, s1 == nullptr ? nullptr : s1 + b, s2 == nullptr ? nullptr : s2 + b, e - b); },
      64);
}

template <class T>
void clip_norm(T* x, Index n, double limit) {
  constexpr Index kPiece = 8192;
  const auto& k = dispatch::kernels<T>();
  const int parts = threads::threads_for(static_cast<double>(n) * 4);
  const Index pieces = (n + kPiece - 1) / kPiece;
  std::vector<double> squares(static_cast<std::size_t>(pieces));
  threads::parallel_for(pieces, parts, [&](Index b, Index e) {
    for (Index i = b; i < e; ++i) {
      const T* const p = x + i * kPiece;
      squares[static_cast<std::size_t>(i)] = static_cast<double>(k.dot(p, p, std::min(kPiece, n - i * kPiece)));
    }
  });
  double sum = 0;
  for (const double s : squares) sum += s;
  const double norm = std::sqrt(sum);
  if (!(norm >= limit) || norm == 0) return;
  const T factor = static_cast<T>(limit / norm);
  threads::parallel_for(n, parts, [&](Index b, Index e) { k.scal(factor, x + b, e - b); }, 64);
}

#define PYFFNN_INSTANTIATE(T)                                                \
  template void flat_step(const OptimStep<T>&, const T*, T*, T*, T*, Index); \
  template void clip_norm(T*, Index, double);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
