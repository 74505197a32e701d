// The numbers that a network learns, with the optimizer's state beside them.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/types.h"
#include "core/workspace.h"
#include "train/ffnn_spec.h"
#include "train/kept_weights.h"

namespace pyffnn::train {

// A named matrix [rows, cols] with rows of ld; shared memory, so that a view outlives the network. cols 0: a vector [rows].
template <class T>
struct Matrix {
  std::string name;
  std::shared_ptr<Buffer> memory;
  Index rows = 0, cols = 0, ld = 0;
  std::shared_ptr<Version> version;  // of the weights of dense layers, null elsewhere

  T* p() const { return memory == nullptr ? nullptr : static_cast<T*>(memory->data()); }
  bool exists() const { return memory != nullptr; }
};

// One learned array: its value, and the states of the optimizer (s1, s2 as in RowStep) where the optimizer has them.
template <class T>
struct Parameter {
  Matrix<T> value, s1, s2;
};

template <class T>
class Parameters {
 public:
  // Zero weights; throws std::invalid_argument for a bad spec, std::bad_alloc where memory does not suffice.
  explicit Parameters(const Spec& spec);

  const Spec& spec() const { return spec_; }
  // Embedding (if any), then weight0, bias0, ...
  std::vector<Parameter<T>*> all();

  Parameter<T>& table() { return table_; }
  Parameter<T>& weight(Index layer) { return weights_[static_cast<std::size_t>(layer)]; }
  Parameter<T>& bias(Index layer) { return biases_[static_cast<std::size_t>(layer)]; }

  // Random weights by `seed`, zero biases, zero state (the rates of rows stay). Weights: uniform, Glorot and Bengio 2010 (before relu: He
  // et al. 2015).
  void initialise(std::uint64_t seed);
  // More rows of the embedding and more outputs. What was there keeps its values and state; new rows get what initialise() of a larger
  // network would have given them, new outputs start at zero. Matrices that change size move to new memory.
  void grow(Index rows, Index n_outputs);

 private:
  Matrix<T> make(const std::string& name, Index rows, Index cols, Index ld, Index spare_rows = 0) const;
  Parameter<T> make_parameter(const std::string& name, Index rows, Index cols, Index ld, Index spare_rows, bool by_row) const;
  void allocate();
  void randomise(const Matrix<T>& m, Index first_row, double scale, std::uint64_t stream) const;
  double weight_scale(Index layer) const;
  double table_scale() const;

  Spec spec_;
  std::uint64_t seed_ = 0;
  Parameter<T> table_;
  std::vector<Parameter<T>> weights_, biases_;
};

inline Index padded(Index n) { return (n + kRowUnit - 1) / kRowUnit * kRowUnit; }

}  // namespace pyffnn::train
