// The hidden layers of a language model: plain or residual (see Config), forward with what backward needs, backward with the update.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "core/workspace.h"
#include "train/lm_params.h"

namespace pyffnn::train::lm {

// A buffer of m rows that is grown, never shrunk.
template <class T>
struct Rows {
  T* p = nullptr;
  Index ld = 0;
  void fit(Index m, Index cols) {
    ld = padded<T>(cols);
    p = buffer.reserve_of<T>((m > 0 ? m : 1) * ld);
  }
  Buffer buffer;
};

// The step of a weight matrix [in, out] from its input x [m, in] and dy [m, out]: gradient x^T dy.
template <class T>
void weight_step(Param<T>& w, const T* x, Index ldx, const T* dy, Index lddy, Index m, const Update<T>& update, Precision precision);

// y = x W + b
template <class T>
class Linear {
 public:
  Linear(ParamSet<T>& params, const std::string& name, Index in, Index out, bool bias, Precision precision);
  void forward(const T* x, Index ldx, Index m, bool train, T* y, Index ldy);
  // dx (null: not wanted) from the old weights, then the update
  void backward(const T* x, Index ldx, const T* dy, Index lddy, Index m, T* dx, Index lddx, const Update<T>& update);
  Index kept_bytes() { return kept_.bytes(); }

 private:
  Index in_, out_;
  Precision precision_;
  Param<T>*w_, *b_;
  KeptWeights<T> kept_;  // between predictions
};

template <class T>
class LayerNorm {
 public:
  LayerNorm(ParamSet<T>& params, const std::string& name, Index size);
  void forward(const T* x, Index ldx, Index m, T* y, Index ldy);
  void backward(const T* x, Index ldx, T* dy, Index lddy, Index m, const Update<T>& update);  // dy becomes dx

 private:
  static constexpr double kEps = 1e-5;
  Index size_;
  Param<T>*gain_, *shift_;
  std::vector<T> mean_, rstd_, d_gain_, d_shift_;
};

// y = dropout(act(z)), z kept for backward
template <class T>
class Activation {
 public:
  Activation(Nonlinearity act, Index size, double rate, std::uint64_t seed, std::uint64_t index)
      : act_(act), size_(size), rate_(rate), seed_(seed), index_(index) {}
  void forward(const T* z, Index ldz, Index m, bool train, std::int64_t step, T* y, Index ldy);
  void backward(const T* z, Index ldz, Index m, bool train, std::int64_t step, T* dy, Index lddy);  // dy becomes dz

 private:
  Nonlinearity act_;
  Index size_;
  double rate_;
  std::uint64_t seed_, index_;
  Rows<T> y_;  // before dropout, where the derivative is written in y
};

template <class T>
class Layers {
 public:
  Layers(const Config& config, ParamSet<T>& params);
  // x [m, input_size] -> h [m, last_size]; x must stay until backward
  void forward(const T* x, Index ldx, Index m, bool train, std::int64_t step, T* h, Index ldh);
  // dh [m, last_size] (overwritten) -> dx [m, input_size]
  void backward(T* dh, Index lddh, bool train, std::int64_t step, T* dx, Index lddx, const Update<T>& update);
  // Memory of the weights' copies that are kept between predictions.
  Index kept_bytes();

 private:
  struct Block {  // plain: linear, norm, act; residual: norm, linear, act, out
    std::unique_ptr<Linear<T>> linear, out;
    std::unique_ptr<LayerNorm<T>> norm;
    std::unique_ptr<Activation<T>> act;
    Index in, size;
    Rows<T> sum, normed, z, y;
  };
  void forward_plain(bool train, std::int64_t step, T* h, Index ldh);
  void forward_residual(bool train, std::int64_t step, T* h, Index ldh);
  void backward_plain(T* dh, Index lddh, bool train, std::int64_t step, T* dx, Index lddx, const Update<T>& update);
  void backward_residual(T* dh, Index lddh, bool train, std::int64_t step, T* dx, Index lddx, const Update<T>& update);

  Config config_;
  std::unique_ptr<Linear<T>> first_, last_;
  std::unique_ptr<LayerNorm<T>> last_norm_;
  std::vector<Block> blocks_;
  const T* x_ = nullptr;
  Index ldx_ = 0, m_ = 0;
  Rows<T> stream_, d_one_, d_two_;
};

}  // namespace pyffnn::train::lm
