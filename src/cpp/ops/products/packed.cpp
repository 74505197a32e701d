#include "ops/products/packed.h"

#include <algorithm>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/math.h"
#include "core/thread_pool.h"
#include "ops/products/args.h"
#include "ops/products/choice.h"

namespace pyffnn::ops {
namespace {

double product_of(Index a, Index b) { return static_cast<double>(a) * static_cast<double>(b); }

constexpr double kCopyCost = 4;  // of a packed number, in flops

}  // namespace

template <class T>
PackedStrips<T>::PackedStrips(Index k, Index n, ConstMat<T> b) : k_(k), n_(n) {
  const Kernels<T>& kernels = dispatch::kernels<T>();
  width_ = 2 * kernels.tile.nr;
  T* const out = memory_.reserve_of<T>(round_up(n, width_) * k);
  const Index strips = ceil_div(n, width_);
  threads::parallel_for(strips, threads::threads_for(product_of(k, n) * kCopyCost), [&](Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      const Index col = s * width_, cols = std::min(width_, n - col);
      T* to = out + col * k;
      if (b.cs == 1) {
        for (Index p = 0; p < k; ++p, to += width_) {
          const T* const from = b.p + p * b.rs + col;
          std::copy(from, from + cols, to);
          std::fill(to + cols, to + width_, T(0));
        }
      } else {
        // B runs along k: it is the transpose that a pack of two panels makes, merged.
        const Index nr = kernels.tile.nr;
        T* const panels = scratch(Scratch::pack_b).template reserve_of<T>(width_ * k);
        kernels.pack_b(b.p + col * b.cs, b.rs, b.cs, k, cols, panels);
        const bool both = cols > nr;
        for (Index p = 0; p < k; ++p, to += width_) {
          std::copy(panels + p * nr, panels + (p + 1) * nr, to);
          if (both)
            std::copy(panels + (k + p) * nr, panels + (k + p + 1) * nr, to + nr);
          else
            std::fill(to + nr, to + width_, T(0));
        }
      }
    }
  });
}

template <class T>
PackedMatrix<T>::PackedMatrix(Index k, Index n, ConstMat<T> b, Precision precision) : k_(k), n_(n), isa_(dispatch::active().isa) {
  precision_ = sizeof(T) == sizeof(float) && dispatch::active().has_tiles() ? precision : Precision::float32;
  if (precision_ == Precision::float32 || precision_ == Precision::automatic) strips_.emplace(k, n, b);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (precision_ == Precision::float32) return;
    const int parts = parts_of(precision_ == Precision::automatic ? kAutomaticTiles : precision_);
    tiles_ = pack_operand(k, n, b, parts, tile_memory_.reserve_of<std::uint16_t>(TileOperand::numbers(k, n, parts)));
  }
}

template <class T>
bool PackedMatrix<T>::usable() const {
  return strips_ || dispatch::active().has_tiles();
}

namespace {

template <class T>
void strips_serial(const GemmArgs<T>& out, ConstMat<T> a, const PackedStrips<T>& b, Index col, const Kernels<T>& kernels) {
  const Index k = b.k(), width = b.width(), kc = block_of_k(k), most = strips_rows(k, sizeof(T), kernels.tile, cpu::caches());
  for (Index row = 0; row < out.m; row += most) {
    const Index m = std::min(most, out.m - row);
    const auto [pack_a, panels, rows] = strips_plan(m, out.n, {a.rs, a.cs}, k, width, sizeof(T), kernels.tile);
    T* const pa = pack_a ? scratch(Scratch::pack_a).reserve_of<T>(panels * rows * k) : nullptr;
    // Block by block of k, each for all panels.
    for (Index p = 0; pack_a && p < k; p += kc)
      kernels.pack_a(a.p + row * a.rs + p * a.cs, a.rs, a.cs, m, std::min(kc, k - p), rows, pa + p * panels * rows);
    for (Index j = 0; j < out.n; j += width) {
      GemmArgs<T> g = output_part(out, row, row + m, j, std::min(out.n, j + width));
      g.a_rows = rows;
      g.b_panel = kernels.tile.nr;
      g.b_rs = width;
      for (Index p = 0; p == 0 || p < k; p += kc) {
        g.k = std::min(kc, k - p);
        if (pack_a) {
          g.a = pa + p * panels * rows;
          g.a_panel = g.k * rows;
          g.a_rs = 1;
          g.a_cs = rows;
        } else {
          g.a = a.p + row * a.rs + p * a.cs;
          g.a_panel = rows * a.rs;
          g.a_rs = a.rs;
          g.a_cs = a.cs;
        }
        g.b = b.at(p, col + j);
        g.load_c = p > 0;
        g.epilogue = p + kc < k ? Epilogue::store : out.epilogue;
        kernels.gemm(g);
      }
    }
  }
}

template <class T>
void strips_gemm(Index m, ConstMat<T> a, const PackedStrips<T>& b, T* c, Index ldc, const Fuse<T>& fuse) {
  const Kernels<T>& kernels = dispatch::kernels<T>();
  const GemmArgs<T> out = output_args(m, b.n(), c, ldc, fuse, false);
  const int parts = threads::threads_for(2.0 * static_cast<double>(m) * product_of(b.n(), b.k()));
  if (by_rows(m, b.n(), kernels.tile)) {
    threads::parallel_for(
        m, parts,
        [&](Index r0, Index r1) { strips_serial(output_part(out, r0, r1, 0, b.n()), {a.p + r0 * a.rs, a.rs, a.cs}, b, 0, kernels); },
        kernels.tile.mr);
  } else {
    threads::parallel_for(
        b.n(), parts, [&](Index c0, Index c1) { strips_serial(output_part(out, 0, m, c0, c1), a, b, c0, kernels); }, b.width());
  }
}

}  // namespace

template <class T>
void gemm(Index m, ConstMat<T> a, const PackedMatrix<T>& b, T* c, Index ldc, const Fuse<T>& fuse) {
  if (m <= 0 || b.n() <= 0) return;
  if constexpr (sizeof(T) == sizeof(float)) {
    if (choose(b.precision(), m, b.n(), b.k()) != Precision::float32) return tile_gemm(m, b.n(), b.k(), a, b.tiles(), c, ldc, fuse);
  }
  strips_gemm(m, a, *b.strips(), c, ldc, fuse);
}

template <class T>
bool strips_pay(Index m, Index n, Index k) {
  return strips_pay(m, n, k, sizeof(T), dispatch::kernels<T>().tile, cpu::caches());
}

#define PYFFNN_INSTANTIATE(T)                                                                \
  template class PackedStrips<T>;                                                            \
  template class PackedMatrix<T>;                                                            \
  template void gemm(Index, ConstMat<T>, const PackedMatrix<T>&, T*, Index, const Fuse<T>&); \
  template bool strips_pay<T>(Index, Index, Index);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::ops
