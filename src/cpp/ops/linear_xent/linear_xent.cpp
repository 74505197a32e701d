#include "ops/linear_xent/linear_xent.h"

#include <cstring>

#include "ops/linear_xent/panels_fma.h"
#include "ops/linear_xent/panels_tiles.h"
#include "ops/products/choice.h"

namespace pyffnn::ops {
namespace {

template <class T, class Panels>
double in_two_passes(const xent::Problem<T>& p, const Panels& panels, xent::Rows<T>& rows) {
  xent::Walk<T> walk(p, panels.tile(), rows);
  panels.first(walk);
  const double loss = rows.loss();
  rows.finish(p.w, p.n, p.dx, p.k);
  panels.second(walk);
  return loss;
}

}  // namespace

template <class T>
double linear_xent(Index m, Index n, Index k, const T* x, const T* w, const T* b, const std::int64_t* target, const T* sample_weight, T* dx,
                   T* dw, T* db, Precision precision) {
  std::memset(dx, 0, static_cast<std::size_t>(m * k) * sizeof(T));
  xent::Rows<T> rows(m, target, sample_weight);
  if (m == 0 || n == 0 || rows.total() == 0) {
    std::memset(dw, 0, static_cast<std::size_t>(k * n) * sizeof(T));
    std::memset(db, 0, static_cast<std::size_t>(n) * sizeof(T));
    return 0;
  }
  const xent::Problem<T> p{m, n, k, x, w, b, dx, dw, db};
  if constexpr (sizeof(T) == sizeof(float)) {
    if (const Precision chosen = choose(precision, m, n, k); chosen != Precision::float32)
      return in_two_passes(p, xent::TilePanels(p, parts_of(chosen)), rows);
  }
  return in_two_passes(p, xent::FmaPanels<T>(p), rows);
}

Index linear_xent_bytes(Index m, Index n, Index k, int parts) {
  const xent::Sizes s{m, n, k, parts};
  return xent::tile_plan(s).bytes(s);
}

#define PYFFNN_INSTANTIATE(T) \
  template double linear_xent(Index, Index, Index, const T*, const T*, const T*, const std::int64_t*, const T*, T*, T*, T*, Precision);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
