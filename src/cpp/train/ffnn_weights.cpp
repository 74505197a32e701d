// The weight matrices of dense layers: their optimizer steps, and their copies in bf16 tiles, which the steps keep as they should be.
#include <algorithm>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/workspace.h"
#include "ops/products/dense.h"
#include "ops/products/tile_gemm.h"
#include "train/ffnn.h"

namespace pyffnn::train {
namespace {

constexpr Index kRows = ops::TileWeights::kRows;

// One optimizer step on w_kn with gradient A_km B_mn; the states s1, s2 are laid out as w. The gradient is made some rows at a time, as
// many as stay in L2 (a multiple of kRows where W is kept in tiles), and each row of w is then walked from end to end: the update of a
// register tile, a few lines of each of many rows of three arrays, waits for memory longer than that takes. done(first row, rows): called
// for each block.
template <class T, class F>
void step_rows(Index k, Index n, Index m, ops::ConstMat<T> a, ops::ConstMat<T> b, const OptimStep<T>& opt, T* w, T* s1, T* s2,
               Precision precision, bool kept, F done) {
  const auto& kernels = dispatch::kernels<T>();
  const bool tiles = precision != Precision::float32;
  const Index unit = tiles || kept ? kRows : kernels.tile.mr,
              fit = cpu::caches().l2 / 8 / (std::max<Index>(n, 1) * static_cast<Index>(sizeof(T)));
  const Index rows = std::max(unit, fit / unit * unit);
  T* const gradient = scratch(Scratch::op).reserve_of<T>(std::min(rows, k) * n);
  ops::TileOperand packed;
  if constexpr (sizeof(T) == sizeof(float)) {
    const bool split = precision == Precision::bfloat16x3;
    if (tiles)
      packed =
          ops::pack_operand(m, n, b, split, scratch(Scratch::pack_b).reserve_of<std::uint16_t>(ops::TileOperand::numbers(m, n, split)));
  }
  for (Index i = 0; i < k; i += rows) {
    const Index count = std::min(rows, k - i);
    const auto at = [&](T* p) { return p == nullptr ? nullptr : p + i * n; };
    const ops::ConstMat<T> own{a.p + i * a.rs, a.rs, a.cs};
    if constexpr (sizeof(T) == sizeof(float)) {
      if (tiles) ops::tile_gemm(count, n, m, own, packed, gradient, n);
    }
    if (!tiles) ops::gemm<T>(count, n, m, own, b, gradient, n);
    kernels.optim_step(opt, gradient, at(w), at(s1), at(s2), count * n);
    done(i, count);
  }
}

}  // namespace

// They are about to: copies kept for predictions are of no more use.
template <class T>
void Network<T>::weights_changed() {
  for (Index l = 0; l < spec().layers(); ++l) {
    if (Version* const version = parameters_.weight(l).value.version.get(); version != nullptr) version->changed();
    kept_[static_cast<std::size_t>(l)].drop();
  }
}

template <class T>
Index Network<T>::kept_bytes() {
  Index sum = 0;
  for (KeptWeights<T>& kept : kept_) sum += kept.bytes();
  return sum;
}

// For a call whose batches have m examples: plans and packs the copies that its steps use. Weights may have been changed since the last
// call, by anybody who has the arrays; during one they are the network's own.
template <class T>
void Network<T>::keep_weights(Space& w, Index m, int members) {
  if constexpr (sizeof(T) == sizeof(float)) {
    const Spec& spec = parameters_.spec();
    const Index first = spec.input == InputKind::sparse ? 1 : 0;
    const auto transposed = [&](Index l) { return l > 0 || (spec.has_table() && !spec.freeze_embeddings); };
    const auto precision = [&](Index l) { return ops::choose(spec.precision, m, spec.layer_outputs(l), spec.layer_inputs(l)); };
    Index bytes = 0;
    for (Index l = first; l < spec.layers(); ++l) {
      if (const Precision p = precision(l); p != Precision::float32)
        bytes += ops::TileWeights::bytes(spec.layer_inputs(l), spec.layer_outputs(l), p == Precision::bfloat16x3, transposed(l));
    }
    if (bytes == 0 || !ops::TileWeights::pay(bytes, members)) return;
    for (Index l = first; l < spec.layers(); ++l) {
      const Precision p = precision(l);
      if (p == Precision::float32) continue;
      ops::TileWeights& kept = w.layers[static_cast<std::size_t>(l)].weights;
      kept.plan(spec.layer_inputs(l), spec.layer_outputs(l), p == Precision::bfloat16x3, transposed(l));
      kept.pack(parameters_.weight(l).value.p(), spec.layer_outputs(l));
    }
  }
}

// Member `member` of `size` updates its rows of weight l with the gradient of the whole batch of m examples, whose inputs are x, or stores
// that gradient.
template <class T>
void Network<T>::step_weight(Space& w, Index l, Index m, const Rows<T>& x, int member, int size, const Sink& sink) {
  const Spec& spec = parameters_.spec();
  typename Space::Layer& layer = w.layers[static_cast<std::size_t>(l)];
  Parameter<T>& weight = parameters_.weight(l);
  const Index n = spec.layer_outputs(l), k = spec.layer_inputs(l);
  // Small matrices are dealt out whole, large ones by rows: by as many at a time as the copies are packed.
  constexpr double kWhole = 1e5;
  const bool whole = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < kWhole;
  if (whole && (l + 1) % size != member) return;
  const Index unit = layer.weights.held() ? kRows : 1, units = (k + unit - 1) / unit;
  const Index begin = whole ? 0 : units * member / size * unit, end = whole ? k : std::min(k, units * (member + 1) / size * unit);
  if (begin >= end) return;
  const ops::ConstMat<T> xt{x.p + begin, 1, x.ld}, dz{layer.dz.p, layer.dz.ld, 1};
  const Precision precision = ops::choose(spec.precision, k, n, m);
  const auto part = [&](T* p) { return p == nullptr ? nullptr : p + begin * n; };
  if (sink.grads != nullptr) {
    const auto found = sink.grads->find(weight.value.name);
    if (found != sink.grads->end()) ops::gemm<T>(end - begin, n, m, xt, dz, part(found->second), n, {}, false, precision);
    return;
  }
  T* const values = part(weight.value.p());
  step_rows<T>(end - begin, n, m, xt, dz, sink.weights, values, part(weight.s1.p()), part(weight.s2.p()), precision, layer.weights.held(),
               [&]([[maybe_unused]] Index row, [[maybe_unused]] Index rows) {
                 if constexpr (sizeof(T) == sizeof(float)) {
                   if (layer.weights.held() && !sink.last) layer.weights.pack(values + row * n, n, begin + row, begin + row + rows);
                 }
               });
}

#define PYFFNN_INSTANTIATE(T)                                 \
  template Index Network<T>::kept_bytes();                    \
  template void Network<T>::weights_changed();                \
  template void Network<T>::keep_weights(Space&, Index, int); \
  template void Network<T>::step_weight(Space&, Index, Index, const Rows<T>&, int, int, const Sink&);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::train
