// What a call of a network works with: a workspace lent to it, and looks whether its caller wants the work to end.
#pragma once
#include <chrono>
#include <memory>
#include <utility>

#include "net/network.h"

namespace pyffnn::net {

// Between two looks whether the caller wants the work to end.
constexpr auto kBetweenPolls = std::chrono::milliseconds(150);

class Poller {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Poller(Interrupt& interrupt) : interrupt_(interrupt), next_(Clock::now() + kBetweenPolls) {}
  bool due() const { return Clock::now() >= next_; }
  void poll() {
    interrupt_.poll();
    next_ = Clock::now() + kBetweenPolls;
  }

 private:
  Interrupt& interrupt_;
  Clock::time_point next_;
};

template <class T>
class Network<T>::Lease {
 public:
  explicit Lease(Network& network) : pool_(network.spaces_), space_(pool_.take()) {
    if (space_ == nullptr) space_ = network.graph_.make_space();
  }
  ~Lease() { pool_.give_back(std::move(space_)); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  Space& operator*() { return *space_; }

 private:
  SpacePool<Space>& pool_;
  std::unique_ptr<Space> space_;
};

}  // namespace pyffnn::net
