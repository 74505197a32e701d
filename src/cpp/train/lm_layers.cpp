#include "train/lm_layers.h"

#include <cstring>
#include <string>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "ops/products/dense.h"

namespace pyffnn::train::lm {
namespace {

std::size_t bytes_of(Index count, std::size_t size) { return static_cast<std::size_t>(count) * size; }

template <class T>
void copy_rows(const T* x, Index ldx, Index m, Index cols, T* y, Index ldy) {
  for (Index i = 0; i < m; ++i) std::memcpy(y + i * ldy, x + i * ldx, bytes_of(cols, sizeof(T)));
}

template <class T>
void add_rows(const T* x, Index ldx, Index m, Index cols, T* y, Index ldy) {
  const auto& kernels = dispatch::kernels<T>();
  for (Index i = 0; i < m; ++i) kernels.axpy(T(1), x + i * ldx, y + i * ldy, cols);
}

// f(begin, end) over rows, threaded by the work of a row
template <class F>
void over_rows(Index m, Index cols, double cost, F f) {
  threads::parallel_for(m, threads::threads_for(static_cast<double>(m) * static_cast<double>(cols) * cost), f);
}

Act flat(Nonlinearity act) {
  switch (act) {
    case Nonlinearity::sigmoid:
      return Act::sigmoid;
    case Nonlinearity::tanh:
      return Act::tanh;
    case Nonlinearity::relu:
      return Act::relu;
    default:
      return Act::identity;
  }
}

}  // namespace

template <class T>
void weight_step(Param<T>& w, const T* x, Index ldx, const T* dy, Index lddy, Index m, const Update<T>& update, Precision precision) {
  if (update.store)
    ops::gemm<T>(w.rows, w.cols, m, {x, 1, ldx}, {dy, lddy, 1}, w.reserve_gradient(), w.ld, {}, false, precision);
  else
    ops::gemm<T>(w.rows, w.cols, m, {x, 1, ldx}, {dy, lddy, 1}, w.w, w.ld, ops::Fuse<T>::update(update.rule(w), w.s1, w.s2), false,
                 precision);
}

template <class T>
Linear<T>::Linear(ParamSet<T>& params, const std::string& name, Index in, Index out, bool bias, Precision precision)
    : in_(in),
      out_(out),
      precision_(precision),
      w_(params.add(name + ".weight", in, out, true)),
      b_(bias ? params.add(name + ".bias", 1, out, false) : nullptr) {}

template <class T>
void Linear<T>::forward(const T* x, Index ldx, Index m, bool train, T* y, Index ldy) {
  const ops::ConstMat<T> a{x, ldx, 1}, w{w_->w, w_->ld, 1};
  const auto fuse = ops::Fuse<T>::linear(b_ == nullptr ? nullptr : b_->w, Act::identity);
  const Precision precision = sizeof(T) == sizeof(float) ? ops::choose(precision_, m, out_, in_, !train) : Precision::float32;
  const auto kept = train ? nullptr : kept_.current(m, out_, in_, w, precision, *w_->version);
  if (kept != nullptr)
    ops::gemm<T>(m, a, *kept, y, ldy, fuse);
  else
    ops::gemm<T>(m, out_, in_, a, w, y, ldy, fuse, false, precision);
}

template <class T>
void Linear<T>::backward(const T* x, Index ldx, const T* dy, Index lddy, Index m, T* dx, Index lddx, const Update<T>& update) {
  if (dx != nullptr) ops::gemm<T>(m, in_, out_, {dy, lddy, 1}, {w_->w, 1, w_->ld}, dx, lddx, {}, false, precision_);
  weight_step(*w_, x, ldx, dy, lddy, m, update, precision_);
  if (b_ == nullptr) return;
  std::vector<T> db(static_cast<std::size_t>(out_));
  ops::col_sum(dy, lddy, m, out_, db.data());
  update.apply(*b_, 0, 1, db.data(), out_);
}

template <class T>
LayerNorm<T>::LayerNorm(ParamSet<T>& params, const std::string& name, Index size)
    : size_(size), gain_(params.add(name + ".gain", 1, size, false)), shift_(params.add(name + ".shift", 1, size, false)) {}

template <class T>
void LayerNorm<T>::forward(const T* x, Index ldx, Index m, T* y, Index ldy) {
  mean_.resize(static_cast<std::size_t>(m));
  rstd_.resize(static_cast<std::size_t>(m));
  const auto& kernels = dispatch::kernels<T>();
  over_rows(m, size_, 8, [&](Index b, Index e) {
    kernels.layer_norm(x + b * ldx, ldx, gain_->w, shift_->w, static_cast<T>(kEps), y + b * ldy, ldy, mean_.data() + b, rstd_.data() + b,
                       e - b, size_);
  });
}

template <class T>
void LayerNorm<T>::backward(const T* x, Index ldx, T* dy, Index lddy, Index m, const Update<T>& update) {
  const auto& kernels = dispatch::kernels<T>();
  d_gain_.resize(static_cast<std::size_t>(size_));
  d_shift_.resize(static_cast<std::size_t>(size_));
  kernels.layer_norm_sums(dy, lddy, x, ldx, mean_.data(), rstd_.data(), d_gain_.data(), d_shift_.data(), m, size_);
  over_rows(m, size_, 12, [&](Index b, Index e) {
    kernels.layer_norm_backward(dy + b * lddy, lddy, x + b * ldx, ldx, gain_->w, mean_.data() + b, rstd_.data() + b, dy + b * lddy, lddy,
                                e - b, size_);
  });
  update.apply(*gain_, 0, 1, d_gain_.data(), size_);
  update.apply(*shift_, 0, 1, d_shift_.data(), size_);
}

template <class T>
void Activation<T>::forward(const T* z, Index ldz, Index m, bool train, std::int64_t step, T* y, Index ldy) {
  const auto& kernels = dispatch::kernels<T>();
  const bool drop = train && rate_ > 0;
  const bool keep = drop && act_ != Nonlinearity::gelu;
  if (keep) y_.fit(m, size_);
  const std::uint64_t key = draw_key(seed_, step, Draw::hidden, index_);
  over_rows(m, size_, 20, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      T* out = keep ? y_.p + i * y_.ld : y + i * ldy;
      if (act_ == Nonlinearity::gelu)
        kernels.gelu_forward(z + i * ldz, out, size_);
      else
        kernels.act_forward(flat(act_), z + i * ldz, out, size_);
      if (drop) kernels.dropout(out, y + i * ldy, size_, static_cast<T>(rate_), key, static_cast<std::uint64_t>(i * size_));
    }
  });
  if (!keep && act_ != Nonlinearity::gelu) {
    y_.p = y;
    y_.ld = ldy;
  }
}

template <class T>
void Activation<T>::backward(const T* z, Index ldz, Index m, bool train, std::int64_t step, T* dy, Index lddy) {
  const auto& kernels = dispatch::kernels<T>();
  const std::uint64_t key = draw_key(seed_, step, Draw::hidden, index_);
  over_rows(m, size_, 20, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      T* d = dy + i * lddy;
      if (train && rate_ > 0) kernels.dropout(d, d, size_, static_cast<T>(rate_), key, static_cast<std::uint64_t>(i * size_));
      if (act_ == Nonlinearity::gelu)
        kernels.gelu_backward(d, z + i * ldz, d, size_);
      else
        kernels.act_backward(flat(act_), d, y_.p + i * y_.ld, d, size_);
    }
  });
}

template <class T>
Layers<T>::Layers(const Config& c, ParamSet<T>& params) : config_(c) {
  Index size = c.input_size();
  const Index width = c.last_size();  // of the residual stream
  if (c.residual) {
    first_ = std::make_unique<Linear<T>>(params, "input", size, width, true, c.precision);
    size = width;
  }
  for (std::size_t i = 0; i < c.hidden.size(); ++i) {
    Block block;
    const std::string name = "hidden" + std::to_string(i);
    block.in = size;
    block.size = c.hidden[i];
    block.linear = std::make_unique<Linear<T>>(params, name, size, block.size, true, c.precision);
    if (c.layer_norm) block.norm = std::make_unique<LayerNorm<T>>(params, name + ".norm", c.residual ? size : block.size);
    block.act = std::make_unique<Activation<T>>(c.act, block.size, c.drop_hidden, c.seed, i);
    if (c.residual)
      block.out = std::make_unique<Linear<T>>(params, name + ".out", block.size, width, true, c.precision);
    else
      size = block.size;
    blocks_.push_back(std::move(block));
  }
  if (c.residual) {
    if (c.layer_norm) last_norm_ = std::make_unique<LayerNorm<T>>(params, "output.norm", width);
  } else if (c.tied) {
    last_ = std::make_unique<Linear<T>>(params, "projection", size, c.dim, false, c.precision);
  }
}

template <class T>
void Layers<T>::forward(const T* x, Index ldx, Index m, bool train, std::int64_t step, T* h, Index ldh) {
  x_ = x;
  ldx_ = ldx;
  m_ = m;
  if (config_.residual)
    forward_residual(train, step, h, ldh);
  else
    forward_plain(train, step, h, ldh);
}

template <class T>
void Layers<T>::backward(T* dh, Index lddh, bool train, std::int64_t step, T* dx, Index lddx, const Update<T>& update) {
  if (config_.residual)
    backward_residual(dh, lddh, train, step, dx, lddx, update);
  else
    backward_plain(dh, lddh, train, step, dx, lddx, update);
}

template <class T>
Index Layers<T>::kept_bytes() {
  Index sum = 0;
  const auto add = [&](const std::unique_ptr<Linear<T>>& linear) { sum += linear != nullptr ? linear->kept_bytes() : 0; };
  add(first_);
  add(last_);
  for (const Block& b : blocks_) {
    add(b.linear);
    add(b.out);
  }
  return sum;
}

template <class T>
void Layers<T>::forward_plain(bool train, std::int64_t step, T* h, Index ldh) {
  const T* in = x_;
  Index ld = ldx_;
  for (Block& b : blocks_) {
    b.z.fit(m_, b.size);
    b.y.fit(m_, b.size);
    b.linear->forward(in, ld, m_, train, b.z.p, b.z.ld);
    const Rows<T>* z = &b.z;
    if (b.norm) {
      b.normed.fit(m_, b.size);
      b.norm->forward(b.z.p, b.z.ld, m_, b.normed.p, b.normed.ld);
      z = &b.normed;
    }
    b.act->forward(z->p, z->ld, m_, train, step, b.y.p, b.y.ld);
    in = b.y.p;
    ld = b.y.ld;
  }
  if (last_)
    last_->forward(in, ld, m_, train, h, ldh);
  else
    copy_rows(in, ld, m_, config_.last_size(), h, ldh);
}

template <class T>
void Layers<T>::backward_plain(T* dh, Index lddh, bool train, std::int64_t step, T* dx, Index lddx, const Update<T>& update) {
  T* d = dh;
  Index ldd = lddh;
  Rows<T>*next = &d_one_, *other = &d_two_;
  if (last_) {
    const bool any = !blocks_.empty();
    if (any) next->fit(m_, blocks_.back().size);
    T* const to = any ? next->p : dx;
    const Index ld_to = any ? next->ld : lddx;
    last_->backward(any ? blocks_.back().y.p : x_, any ? blocks_.back().y.ld : ldx_, d, ldd, m_, to, ld_to, update);
    if (!any) return;
    d = to;
    ldd = ld_to;
    std::swap(next, other);
  }
  if (blocks_.empty()) return copy_rows(d, ldd, m_, config_.input_size(), dx, lddx);
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    Block& b = blocks_[i];
    const Rows<T>& z = b.norm ? b.normed : b.z;
    b.act->backward(z.p, z.ld, m_, train, step, d, ldd);
    if (b.norm) b.norm->backward(b.z.p, b.z.ld, d, ldd, m_, update);
    if (i == 0) {
      b.linear->backward(x_, ldx_, d, ldd, m_, dx, lddx, update);
    } else {
      Block& below = blocks_[i - 1];
      next->fit(m_, below.size);
      b.linear->backward(below.y.p, below.y.ld, d, ldd, m_, next->p, next->ld, update);
      d = next->p;
      ldd = next->ld;
      std::swap(next, other);
    }
  }
}

template <class T>
void Layers<T>::forward_residual(bool train, std::int64_t step, T* h, Index ldh) {
  const Index width = config_.last_size();
  stream_.fit(m_, width);
  first_->forward(x_, ldx_, m_, train, stream_.p, stream_.ld);
  for (Block& b : blocks_) {
    b.sum.fit(m_, width);
    copy_rows(stream_.p, stream_.ld, m_, width, b.sum.p, b.sum.ld);
    const Rows<T>* in = &b.sum;
    if (b.norm) {
      b.normed.fit(m_, width);
      b.norm->forward(b.sum.p, b.sum.ld, m_, b.normed.p, b.normed.ld);
      in = &b.normed;
    }
    b.z.fit(m_, b.size);
    b.y.fit(m_, b.size);
    b.linear->forward(in->p, in->ld, m_, train, b.z.p, b.z.ld);
    b.act->forward(b.z.p, b.z.ld, m_, train, step, b.y.p, b.y.ld);
    d_one_.fit(m_, width);
    b.out->forward(b.y.p, b.y.ld, m_, train, d_one_.p, d_one_.ld);
    add_rows(d_one_.p, d_one_.ld, m_, width, stream_.p, stream_.ld);
  }
  if (last_norm_)
    last_norm_->forward(stream_.p, stream_.ld, m_, h, ldh);
  else
    copy_rows(stream_.p, stream_.ld, m_, width, h, ldh);
}

template <class T>
void Layers<T>::backward_residual(T* dh, Index lddh, bool train, std::int64_t step, T* dx, Index lddx, const Update<T>& update) {
  const Index width = config_.last_size();
  if (last_norm_) last_norm_->backward(stream_.p, stream_.ld, dh, lddh, m_, update);
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    Block& b = blocks_[i];
    const Rows<T>& in = b.norm ? b.normed : b.sum;
    d_one_.fit(m_, b.size);
    d_two_.fit(m_, width);
    b.out->backward(b.y.p, b.y.ld, dh, lddh, m_, d_one_.p, d_one_.ld, update);
    b.act->backward(b.z.p, b.z.ld, m_, train, step, d_one_.p, d_one_.ld);
    b.linear->backward(in.p, in.ld, d_one_.p, d_one_.ld, m_, d_two_.p, d_two_.ld, update);
    if (b.norm) b.norm->backward(b.sum.p, b.sum.ld, d_two_.p, d_two_.ld, m_, update);
    add_rows(d_two_.p, d_two_.ld, m_, width, dh, lddh);
  }
  first_->backward(x_, ldx_, dh, lddh, m_, dx, lddx, update);
}

template void weight_step(Param<float>&, const float*, Index, const float*, Index, Index, const Update<float>&, Precision);
template void weight_step(Param<double>&, const double*, Index, const double*, Index, Index, const Update<double>&, Precision);
template class Linear<float>;
template class Linear<double>;
template class LayerNorm<float>;
template class LayerNorm<double>;
template class Activation<float>;
template class Activation<double>;
template class Layers<float>;
template class Layers<double>;

}  // namespace pyffnn::train::lm
