// Memory of one batch, planned once for the largest batch of a call; steps allocate nothing.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "ops/row_step.h"
#include "ops/products/tile_weights.h"
#include "train/ffnn_parameters.h"
#include "train/ffnn_source.h"

namespace pyffnn::train {

// A matrix of the workspace: rows of ld, a multiple of kRowUnit, columns behind the last are never looked at.
template <class T>
struct Rows {
  Buffer memory;
  Index ld = 0;
  T* p = nullptr;

  void plan(Index m, Index width) {
    ld = padded(width);
    p = memory.reserve_of<T>(std::max<Index>(m * ld, 1));
  }
};

// What a member of a team has for itself: it loads its own examples of a batch.
template <class T>
struct Member {
  Batch<T> batch;
  Buffer scale;  // of each bag
  Buffer classes, values;
  Buffer bias_gradient;
};

template <class T>
struct Workspace {
  struct Layer {
    Rows<T> y;                 // output; logits in the last layer
    Rows<T> dropped;           // the next layer's input where dropout makes it differ from y
    Rows<T> dz;                // gradient of the loss by the sums before the activation
    ops::TileWeights weights;  // as of now, during a training that keeps them
  };

  Rows<T> x, dx;  // input of the first dense layer and its gradient
  std::vector<Layer> layers;
  Buffer weight, loss;  // of each example
  std::vector<Member<T>> members;
  std::vector<RowGrads<T>> segments;  // one a member and member, for the step on rows
  ops::RowStepper<T> stepper;

  // For batches of up to m examples with `entries` entries in all, and teams of `size`.
  void plan(const Spec& spec, Index m, Index entries, int size, bool backward);
};

// Workspaces at rest, so that calls at the same time have one each and calls in turn share one. A lock that another thread holds is not
// waited for: after a fork that thread is gone.
template <class T>
class WorkspacePool {
 public:
  std::unique_ptr<Workspace<T>> take() {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (!lock || free_.empty()) return std::make_unique<Workspace<T>>();
    std::unique_ptr<Workspace<T>> w = std::move(free_.back());
    free_.pop_back();
    return w;
  }
  void give_back(std::unique_ptr<Workspace<T>> w) {
    const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
    if (lock) free_.push_back(std::move(w));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace<T>>> free_;
};

template <class T>
class WorkspaceLease {
 public:
  explicit WorkspaceLease(WorkspacePool<T>& pool) : pool_(pool), workspace_(pool.take()) {}
  ~WorkspaceLease() { pool_.give_back(std::move(workspace_)); }
  WorkspaceLease(const WorkspaceLease&) = delete;
  WorkspaceLease& operator=(const WorkspaceLease&) = delete;
  Workspace<T>& operator*() { return *workspace_; }

 private:
  WorkspacePool<T>& pool_;
  std::unique_ptr<Workspace<T>> workspace_;
};

}  // namespace pyffnn::train
