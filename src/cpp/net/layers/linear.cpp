#include "net/layers/linear.h"

#include <algorithm>

#include "core/cpu.h"
#include "core/dispatch.h"
#include "core/random.h"
#include "ops/products/dense.h"
#include "ops/products/tile_gemm.h"

namespace pyffnn::net {
namespace {

constexpr Index kRows = ops::TileWeights::kRows;
// Weight steps of fewer multiply-adds are dealt out whole.
constexpr double kWhole = 1e5;

// As gemm(), with B's packed copy where there is one.
template <class T>
void multiply(Index m, Index n, Index k, ops::ConstMat<T> a, ops::ConstMat<T> b, ops::TileOperand packed_b, T* c, Index ldc,
              const ops::Fuse<T>& fuse, Precision precision) {
  if constexpr (sizeof(T) == sizeof(float)) {
    if (packed_b.p != nullptr) return ops::tile_gemm(m, n, k, a, packed_b, c, ldc, fuse);
  }
  ops::gemm<T>(m, n, k, a, b, c, ldc, fuse, false, precision);
}

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
    const int parts = parts_of(precision);
    if (tiles)
      packed =
          ops::pack_operand(m, n, b, parts, scratch(Scratch::pack_b).reserve_of<std::uint16_t>(ops::TileOperand::numbers(m, n, parts)));
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

template <class T>
Linear<T>::Linear(ParamSet<T>& params, const std::string& name, const Shape& s, Precision precision)
    : in_(s.in),
      out_(s.out),
      ordinal_(s.ordinal),
      act_(s.act),
      precision_(sizeof(T) == sizeof(float) ? precision : Precision::float32),
      first_(s.first),
      w_(params.add_uniform(name + ".weight", s.in, s.out, Role::weights, s.scale,
                            random::kInitialWeights + static_cast<std::uint64_t>(s.ordinal))),
      b_(s.bias ? params.add(name + ".bias", 1, s.out, Role::vector) : nullptr) {}

template <class T>
std::unique_ptr<LayerState<T>> Linear<T>::make_state() const {
  return std::make_unique<Kept>();
}

template <class T>
void Linear<T>::forward(const Pass<T>& pass, LayerState<T>& s) const {
  const Precision precision = ops::choose(precision_, pass.whole, out_, in_, !pass.training);
  const ops::ConstMat<T> a{s.x.row(pass.begin), s.x.ld, 1}, w{w_->w(), out_, 1};
  const auto fuse = ops::Fuse<T>::linear(b_ == nullptr ? nullptr : b_->w(), act_);
  T* const y = s.y.row(pass.begin);
  const auto kept = pass.training ? nullptr : kept_.current(pass.size(), out_, in_, w, precision, *w_->version);
  if (kept != nullptr)
    ops::gemm<T>(pass.size(), a, *kept, y, s.y.ld, fuse);
  else
    multiply<T>(pass.size(), out_, in_, a, w, static_cast<Kept&>(s).weights.plain(precision), y, s.y.ld, fuse, precision);
}

template <class T>
void Linear<T>::backward(const Pass<T>& pass, LayerState<T>& s, View<T> dx, const Incoming<T>& below) const {
  if (!dx.exists()) return;
  const Precision precision = ops::choose(precision_, pass.whole, in_, out_);
  const ops::ConstMat<T> a{s.dy.row(pass.begin), s.dy.ld, 1}, wt{w_->w(), 1, out_};
  const auto fuse = below.act == Act::identity ? ops::Fuse<T>{} : ops::Fuse<T>::dact(below.act, below.y.row(pass.begin), below.y.ld);
  multiply<T>(pass.size(), in_, out_, a, wt, static_cast<Kept&>(s).weights.transposed(precision), dx.row(pass.begin), dx.ld, fuse,
              precision);
}

// The member updates its rows of W with the gradient of the whole batch, or stores that gradient.
template <class T>
void Linear<T>::step_weight(const Pass<T>& pass, Kept& s, const Sink<T>& sink) const {
  const Index n = out_, k = in_, m = pass.m;
  const threads::Crew& crew = pass.crew;
  // Small matrices are dealt out whole, large ones by rows: by as many at a time as the copies are packed.
  const bool whole = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < kWhole;
  if (whole && (ordinal_ + 1) % crew.size() != crew.member()) return;
  const auto part = crew.share(k, s.weights.held() ? kRows : 1);
  const Index begin = whole ? 0 : part.begin, end = whole ? k : part.end;
  if (begin >= end) return;
  const ops::ConstMat<T> xt{s.x.p + begin, 1, s.x.ld}, dz{s.dy.p, s.dy.ld, 1};
  const Precision precision = ops::choose(precision_, k, n, m);
  if (sink.store != nullptr) {
    if (!sink.store->has(*w_)) return;
    ops::gemm<T>(end - begin, n, m, xt, dz, sink.store->of(*w_) + begin * n, n, {}, false, precision);
    sink.store->measure(*w_, begin, end);
    return;
  }
  const auto at = [&](T* p) { return p == nullptr ? nullptr : p + begin * n; };
  T* const values = at(w_->w());
  step_rows<T>(end - begin, n, m, xt, dz, sink.rules.of(*w_), values, at(w_->s1()), at(w_->s2()), precision, s.weights.held(),
               [&]([[maybe_unused]] Index row, [[maybe_unused]] Index rows) {
                 if constexpr (sizeof(T) == sizeof(float)) {
                   if (s.weights.held() && !sink.last) s.weights.pack(values + row * n, n, begin + row, begin + row + rows);
                 }
               });
}

template <class T>
void Linear<T>::step_bias(const Pass<T>& pass, Kept& s, const Sink<T>& sink) const {
  if (b_ == nullptr || ordinal_ % pass.crew.size() != pass.crew.member()) return;
  T* const db = pass.member.room.template reserve_of<T>(padded_row(out_));
  if (pass.crew.alone())
    ops::col_sum<T>(s.dy.p, s.dy.ld, pass.m, out_, db);
  else
    dispatch::kernels<T>().col_sum(s.dy.p, s.dy.ld, pass.m, out_, false, db);
  sink.take(*b_, 0, 1, db, out_);
}

template <class T>
void Linear<T>::update(const Pass<T>& pass, LayerState<T>& state, const Sink<T>& sink) const {
  Kept& s = static_cast<Kept&>(state);
  step_bias(pass, s, sink);
  step_weight(pass, s, sink);
}

template <class T>
Index Linear<T>::tile_bytes(Index m) const {
  if constexpr (sizeof(T) == sizeof(float)) {
    const Precision p = ops::choose(precision_, m, out_, in_);
    if (p != Precision::float32) return ops::TileWeights::bytes(in_, out_, parts_of(p), !first_);
  }
  return 0;
}

template <class T>
void Linear<T>::keep_tiles([[maybe_unused]] LayerState<T>& state, [[maybe_unused]] Index m) const {
  if constexpr (sizeof(T) == sizeof(float)) {
    const Precision p = ops::choose(precision_, m, out_, in_);
    if (p == Precision::float32) return;
    ops::TileWeights& weights = static_cast<Kept&>(state).weights;
    weights.plan(in_, out_, parts_of(p), !first_);
    weights.pack(w_->w(), out_);
  }
}

template <class T>
void Linear<T>::forget_tiles(LayerState<T>& s) const {
  static_cast<Kept&>(s).weights.forget();
}

template class Linear<float>;
template class Linear<double>;

}  // namespace pyffnn::net
