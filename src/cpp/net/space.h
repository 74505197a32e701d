// The memory of one batch, and who works on which part of it. Parameters and plans (inputs, layers, outputs) hold none of it, so that any
// number of calls may use them at once, each in a space of its own.
#pragma once
#include <algorithm>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#include "core/crew.h"
#include "core/math.h"
#include "net/batch.h"
#include "net/sources/source.h"
#include "net/spec.h"
#include "net/targets.h"
#include "net/update.h"
#include "ops/row_step.h"

namespace pyffnn::net {

// Rows of ld of the whole batch; columns behind the last are never looked at.
template <class T>
struct View {
  T* p = nullptr;
  Index ld = 0;
  T* row(Index i) const { return p + i * ld; }
  bool exists() const { return p != nullptr; }
};

template <class T>
class Rows {
 public:
  View<T> fit(Index m, Index cols) { return fit_ld(m, padded_lines<T>(padded_row(cols))); }
  View<T> fit_ld(Index m, Index ld) { return {memory_.template reserve_of<T>(std::max<Index>(m * ld, 1)), ld}; }

 private:
  Buffer memory_;
};

// What a batch is planned for.
struct Plan {
  Index m = 0;        // examples at most
  Index entries = 0;  // ids at most
  Index runs = 0;     // runs of a stream, and the longest
  Index longest = 0;
  int members = 1;        // of the team
  bool noise = false;     // dropout is on
  bool backward = false;  // gradients are formed
};

// Rows of a table that a batch touches, with the sums of their gradients; ids rise.
template <class T>
struct TouchedRows {
  std::vector<std::int32_t> ids;
  std::vector<const T*> sums;
  std::vector<double> squares;
};

// What inputs, layers and outputs keep of a batch from forward to update.
struct State {
  virtual ~State() = default;
};

template <class T>
struct LayerState : State {
  View<T> x, y, dy;  // input, output, gradient of the loss by it
  Rows<T> y_rows, dy_rows;
};

// What a member of a team has for itself: it loads its own examples of a batch.
template <class T>
struct Member {
  Batch<T> batch;
  Buffer room;  // of the member's own for whatever it does just now
};

template <class T>
struct Space {
  View<T> x, dx;  // what the input gives, and its gradient
  Rows<T> x_rows, dx_rows;
  std::unique_ptr<State> input, output;
  std::vector<double> loss;  // of each example, times its weight
  double norm = 0;           // of the gradient, where steps are clipped
  std::vector<Member<T>> members;
  Gradients<T> gradients;
  ops::RowStepper<T> stepper;
  TouchedRows<T> touched;
  std::vector<RowGrads<T>> segments;  // one a member and member, for the step on rows
};

// A member's part of the work on a batch: its examples [begin, end) of m.
template <class T>
struct Pass {
  const Spec& spec;
  Space<T>& space;
  const threads::Crew& crew;
  Member<T>& member;
  Visit visit;        // all entries of the batch
  Index first, last;  // the member's entries
  Index begin, end, m;
  Index whole;        // examples of the call or batch, on which the precision may depend: a slice would make it depend on the threads
  std::int64_t step;  // for random numbers
  bool noise, training;

  Index size() const { return end - begin; }
  Index entries() const { return last - first; }
};

// Spaces at rest, so that calls at the same time have one each and calls in turn share one. A lock that another thread holds is not
// waited for: after a fork that thread is gone.
template <class S>
class SpacePool {
 public:
  std::unique_ptr<S> take() {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock || free_.empty()) return nullptr;
    std::unique_ptr<S> s = std::move(free_.back());
    free_.pop_back();
    return s;
  }
  void give_back(std::unique_ptr<S> s) noexcept {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock) return;
    try {
      free_.push_back(std::move(s));
    } catch (const std::bad_alloc&) {
      // The next call makes one of its own.
    }
  }
  void clear() {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (lock) free_.clear();
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<S>> free_;
};

}  // namespace pyffnn::net
