// How the gradients of a step reach the parameters: by an optimizer step as soon as they are there, or stored first, where the norm of all
// of them limits the step (clipping) or where they are wanted themselves.
#pragma once
#include <vector>

#include "net/params.h"

namespace pyffnn::net {

template <class T>
struct Rules {
  OptimStep<T> matrix, vector, table;

  const OptimStep<T>& of(const Param<T>& p) const { return p.role == Role::table ? table : p.decays() ? matrix : vector; }
};

// The rules of step `step`, from 1, with gradients times `scale`.
template <class T>
Rules<T> rules_of(const Spec& spec, double lr, std::int64_t step, double scale = 1);

// Whole gradients, laid out as their parameters, with the sum of squares of each row. Whoever stores a row says its squares.
template <class T>
class Gradients {
 public:
  // Room for those parameters for which `wanted` holds. Throws std::bad_alloc.
  void plan(const ParamSet<T>& params, const std::vector<char>& wanted);
  bool has(const Param<T>& p) const { return at(p).wanted; }
  T* of(const Param<T>& p) const { return static_cast<T*>(at(p).memory.data()); }
  std::vector<double>& squares(const Param<T>& p) { return slots_[p.index].squares; }
  // Sets the squares of rows [begin, end) from what is stored.
  void measure(const Param<T>& p, Index begin, Index end);
  void clear(const Param<T>& p, Index begin, Index end);
  // Sum of the squares of all parameters, in their order.
  double square_sum(const ParamSet<T>& params) const;

 private:
  struct Slot {
    Buffer memory;
    std::vector<double> squares;
    bool wanted = false;
  };
  const Slot& at(const Param<T>& p) const { return slots_[p.index]; }
  std::vector<Slot> slots_;
};

// Sum of the squares of n numbers: in T, which is fast, or where that overflows in double.
template <class T>
double squares_of(const T* g, Index n);

template <class T>
struct Sink {
  Rules<T> rules{};
  Gradients<T>* store = nullptr;  // null: optimizer steps
  bool last = false;              // no step of this call comes after

  // Rows [row, row + count) of p have the gradient g, rows of ldg. Padding columns of g are not read.
  void take(Param<T>& p, Index row, Index count, const T* g, Index ldg) const;
};

// One optimizer step from a stored gradient, on rows [begin, end).
template <class T>
void step_stored(const Rules<T>& rules, Param<T>& p, const T* g, Index begin, Index end);

}  // namespace pyffnn::net
