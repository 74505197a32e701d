// What a step of stochastic gradient descent does to the output table, and says to the hidden layer.
#pragma once
#include <memory>
#include <stdexcept>
#include <vector>

#include "core/kernel_table.h"
#include "core/random.h"
#include "fasttext/model.h"

namespace pyffnn::fasttext {

// A number is no longer finite.
struct Diverged : std::runtime_error {
  Diverged() : std::runtime_error("Encountered NaN: training diverged; a smaller learning rate may help") {}
};

// Numbers one after the other.
class Stream {
 public:
  explicit Stream(std::uint64_t seed) : key_(random::key(seed, 0, 1)) {}
  // In [0, n).
  Index below(Index n) {
    return static_cast<Index>((static_cast<unsigned __int128>(random::bits64(key_, counter_++)) * static_cast<std::uint64_t>(n)) >> 64);
  }
  double uniform() { return random::uniform(key_, counter_++); }

 private:
  std::uint64_t key_, counter_ = 0;
};

// The output table while it is trained: rows of ld.
struct Weights {
  float* data;
  Index rows, dim, ld;
  float* row(Index i) const { return data + i * ld; }
};

class Loss {
 public:
  virtual ~Loss() = default;
  // One step at rate `lr` for targets[which] (which < 0: all of them): `gradient` becomes what the hidden layer is to be moved by; returns
  // the loss. Throws Diverged. hidden and gradient have the padding of rows, which is zero and stays so.
  virtual double step(const float* hidden, const std::int32_t* targets, Index num_targets, Index which, float lr, float* gradient) = 0;

  // Goes on where another one of the same kind stands.
  virtual void follow(const Loss&) {}

  static std::unique_ptr<Loss> make(const Dictionary& dictionary, const Tree& tree, const Weights& weights, std::uint64_t seed);
};

}  // namespace pyffnn::fasttext
