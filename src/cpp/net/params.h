// The numbers that a network learns, with the optimizer's state beside them.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/workspace.h"
#include "net/kept_weights.h"
#include "net/spec.h"

namespace pyffnn::net {

// How a parameter is laid out and stepped.
enum class Role {
  vector,   // biases, gains: [cols], no l2 and no decay
  weights,  // a matrix of a dense layer: rows end to end
  words,    // a matrix whose rows belong to words (a large softmax): whole cache lines, an odd number of them
  table,    // a matrix of which a batch touches few rows, which alone step: rows of a multiple of kRowUnit, and a spare one, always zero
  gates,    // a small matrix without l2 and decay
};

// Memory that views may outlive, with rows to spare so that growing by a few costs little.
template <class T>
struct Array {
  std::shared_ptr<Buffer> memory;
  Index ld = 0, capacity = 0;  // in rows

  T* p() const { return memory == nullptr ? nullptr : static_cast<T*>(memory->data()); }
  bool exists() const { return memory != nullptr; }
  // Room for `rows`, the content kept, the rest zero. Throws std::bad_alloc, and is then as it was.
  void reserve(Index rows);
};

// A [rows, cols] matrix; a vector has one row. Padding columns are zero and stay zero under every optimizer.
template <class T>
struct Param {
  std::string name;
  Role role = Role::weights;
  std::size_t index = 0;  // among the parameters of the network
  Index rows = 0, cols = 0, ld = 0;
  double scale = 0;  // starts uniform in [-scale, scale) from its stream of random numbers; 0: all `start`
  std::uint64_t stream = 0;
  T start = 0;
  bool by_row = false;  // row-wise Adagrad: s1 holds one number a row, s2 (where it exists) the factor on its rate
  Array<T> value, state1, state2;
  Array<T> weights;  // where it exists: one number a row that no step changes, what the row counts in a weighted bag; 1 at first
  std::shared_ptr<Version> version = std::make_shared<Version>();

  T* w() const { return value.p(); }
  T* s1() const { return state1.p(); }
  T* s2() const { return state2.p(); }
  bool is_matrix() const { return role != Role::vector; }
  bool decays() const { return role == Role::weights || role == Role::words || role == Role::table; }
  Index size() const { return rows * ld; }
  // Rows of memory, the spare one of a table among them.
  Index memory_rows() const { return rows + (role == Role::table ? 1 : 0); }
};

template <class T>
class ParamSet {
 public:
  explicit ParamSet(const Spec& spec) : optimizer_(spec.optimizer) {}

  Param<T>* add(std::string name, Index rows, Index cols, Role role, bool by_row = false, bool row_rates = false);
  Param<T>* add_uniform(std::string name, Index rows, Index cols, Role role, double scale, std::uint64_t stream, bool by_row = false,
                        bool row_rates = false) {
    Param<T>* const p = add(std::move(name), rows, cols, role, by_row, row_rates);
    p->scale = scale;
    p->stream = stream;
    return p;
  }
  const std::vector<std::unique_ptr<Param<T>>>& all() const { return all_; }
  Param<T>* find(const std::string& name) const;
  // Gives every parameter its memory, zero (factors on rates and weights of rows: 1).
  void allocate();
  // Grows a parameter in rows; new rows are zero.
  void grow_rows(Param<T>& p, Index rows) const;

 private:
  Optim optimizer_;
  std::vector<std::unique_ptr<Param<T>>> all_;
};

}  // namespace pyffnn::net
