// The weights of a language model with the state of their optimizer, and what one step does to them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/dispatch.h"
#include "core/workspace.h"
#include "train/kept_weights.h"
#include "train/lm_config.h"

namespace pyffnn::train::lm {

// Row stride of a matrix of `cols` columns: whole cache lines, an odd number of them, so that a column of rows spreads over all sets.
template <class T>
Index padded(Index cols) {
  constexpr Index line = 64 / static_cast<Index>(sizeof(T));
  Index lines = (cols + line - 1) / line;
  if (lines > 1 && lines % 2 == 0) ++lines;
  return lines * line;
}

// A [rows, cols] matrix with row stride ld. Padding columns are zero and stay zero under every optimizer.
template <class T>
struct Param {
  Param(std::string name, Index rows, Index cols, bool decays, Optim optim);

  std::string name;
  Index rows, cols, ld;
  bool decays;  // weight decay and l2 concern matrices, not biases and gains
  T* w = nullptr;
  T* s1 = nullptr;  // optimizer state laid out as w; null where the optimizer has none
  T* s2 = nullptr;
  T* g = nullptr;               // the whole gradient, only in steps that need it first
  std::vector<double> squares;  // the sum of squares of each row of g, where whoever stores g forms them while it is in cache; else empty
  std::shared_ptr<Version> version = std::make_shared<Version>();

  Index size() const { return rows * ld; }
  T* reserve_gradient();

 private:
  Buffer w_, s1_, s2_, g_;
};

template <class T>
class ParamSet {
 public:
  explicit ParamSet(Optim optim) : optim_(optim) {}
  Param<T>* add(std::string name, Index rows, Index cols, bool decays) {
    all_.push_back(std::make_unique<Param<T>>(std::move(name), rows, cols, decays, optim_));
    return all_.back().get();
  }
  const std::vector<std::unique_ptr<Param<T>>>& all() const { return all_; }

 private:
  Optim optim_;
  std::vector<std::unique_ptr<Param<T>>> all_;
};

// How the gradients of one step reach the weights. `store`: into Param::g, nothing else happens. Otherwise an optimizer step.
template <class T>
struct Update {
  bool store = false;
  OptimStep<T> plain{}, decayed{};  // for biases and gains; for matrices

  // step counts from 1
  static Update of(const Config& config, double lr, std::int64_t step, double scale = 1);
  const OptimStep<T>& rule(const Param<T>& p) const { return p.decays ? decayed : plain; }

  // gradient of rows [row, row + count), laid out with stride ldg; padding columns of g are not read
  void apply(Param<T>& p, Index row, Index count, const T* g, Index ldg) const;
  // a gradient of zero everywhere: decay and moments go on
  void apply_zero(Param<T>& p) const;
};

// Sum of the squares of the stored gradients, in a fixed order.
template <class T>
double square_sum(const std::vector<Param<T>*>& params);

}  // namespace pyffnn::train::lm
