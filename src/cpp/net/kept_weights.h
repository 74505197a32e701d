// Packed copies of weights, kept from one prediction to the next for as long as they are certain to be current.
//
// Weights are live arrays: they change through calls of their network, which says so, and through the hands of whoever holds a view of
// them. So each matrix has a version. A view that is handed out holds a Loan; while one is out no copy is used, and when the last one has
// come back (the view, and all that was made from it, is gone) the copies count as old. Nothing is compared, and nobody has to promise.
#pragma once
#include <atomic>
#include <memory>
#include <mutex>

#include "core/dispatch.h"
#include "ops/products/packed.h"

namespace pyffnn::net {

class Version {
 public:
  static constexpr std::uint64_t kLent = ~std::uint64_t{0};

  // kLent while a view is out, else a number that differs after every change.
  std::uint64_t now() const {
    const std::uint64_t state = state_.load(std::memory_order_acquire);
    return state % kChange == 0 ? state : kLent;
  }
  void changed() { state_.fetch_add(kChange, std::memory_order_acq_rel); }

 private:
  friend class Loan;
  // Views that are out in the lower half, changes in the upper: a view that comes back counts as a change in one step, so that no copy
  // made meanwhile is taken for a later one.
  static constexpr std::uint64_t kChange = std::uint64_t{1} << 32;
  std::atomic<std::uint64_t> state_{0};
};

class Loan {
 public:
  explicit Loan(std::shared_ptr<Version> of) : of_(std::move(of)) { of_->state_.fetch_add(1, std::memory_order_acq_rel); }
  ~Loan() { of_->state_.fetch_add(Version::kChange - 1, std::memory_order_acq_rel); }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;

 private:
  std::shared_ptr<Version> of_;
};

// The copies of one matrix: strips for FMA and tiles for bf16, each made when it would have been of use for the second time since the
// matrix changed. Memory: that of ops::PackedMatrix, 4 bytes a float32 number each (bf16 tiles 2). Any number of threads may ask at once;
// none waits for another, nor for one that a fork has left behind.
template <class T>
class KeptWeights {
 public:
  using Copy = std::shared_ptr<const ops::PackedMatrix<T>>;

  // The copy of W_kn, whose version is `version`, for a product of m rows in `precision` (not automatic); null where there is none yet, or
  // where it would not be faster.
  Copy current(Index m, Index n, Index k, ops::ConstMat<T> w, Precision precision, const Version& version);
  void drop();
  Index bytes();

 private:
  struct Slot {
    Copy copy;
    std::uint64_t version = Version::kLent;  // of the copy; without one, that was asked for once
    const KernelTable* table = nullptr;      // likewise
    Precision precision = Precision::float32;
  };
  std::mutex mutex_;
  Slot strips_, tiles_;
};

}  // namespace pyffnn::net
