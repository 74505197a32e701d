#include "core/team.h"

#include <algorithm>
#include <chrono>

#include "core/spin.h"

namespace pyffnn::threads {
namespace {

// Members arrive within microseconds of one another, unless another process has taken a core: then it is better to sleep.
constexpr auto kPoll = std::chrono::microseconds(50);

}  // namespace

int team_for(double work_of_step, double work_in_all) {
  if (work_of_step < 2 * kGrain || work_in_all < kColdGrain) return 1;
  return static_cast<int>(std::min<double>(work_of_step / kGrain, get_num_threads()));
}

void Pace::done(double seconds_a_step) {
  if (!next_.together) {
    alone_ = alone_ > 0 ? 0.5 * (alone_ + seconds_a_step) : seconds_a_step;
    since_probe_ = 0;
    next_ = {kProbe, true};
  } else if (seconds_a_step > alone_) {
    // For longer each time.
    next_ = {patience_, false};
    patience_ = std::min(4 * patience_, kMostPatience);
  } else {
    patience_ = std::max(patience_ / 4, kLeastPatience);
    since_probe_ += next_.steps;
    next_ = since_probe_ >= kTrust ? Stretch{kProbe, false} : Stretch{kTogether, true};
  }
}

void Team::release() {
  generation_.fetch_add(1);
  if (sleepers_.load() > 0) {
    const std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }
}

void Team::barrier() {
  if (size_ <= 1) return;
  // Read before broken_: who breaks the team sets that first, so one of the two is noticed.
  const std::uint32_t seen = generation_.load();
  if (broken_.load()) throw Broken{};
  const auto released = [&] { return generation_.load() != seen; };
  if (arrived_.fetch_add(1) + 1 == size_) {
    arrived_.store(0);
    release();
  } else if (!spin_until(released, kPoll)) {
    std::unique_lock<std::mutex> lock(mutex_);
    sleepers_.fetch_add(1);
    wake_.wait(lock, released);
    sleepers_.fetch_sub(1);
  }
  if (broken_.load()) throw Broken{};
}

void Team::leave(std::exception_ptr error) noexcept {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!error_) error_ = std::move(error);
  }
  broken_.store(true);
  release();
}

}  // namespace pyffnn::threads
