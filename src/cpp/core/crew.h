// Who works on a step: a member of a team, which meets the others at barriers, or one caller alone, who may take the pool for a part.
// Code written for a crew runs as either, and how many there are changes no bit: no sum is split between members.
#pragma once
#include <algorithm>

#include "core/team.h"

namespace pyffnn::threads {

class Crew {
 public:
  Crew() = default;
  Crew(Team& team, int member, int size) : team_(size > 1 ? &team : nullptr), member_(member), size_(size) {}

  int member() const { return member_; }
  int size() const { return size_; }
  bool alone() const { return size_ == 1; }
  bool leads() const { return member_ == 0; }
  void barrier() const {
    if (team_ != nullptr) team_->barrier();
  }
  // What this member has of [0, n), in units.
  struct Share {
    Index begin, end;
  };
  Share share(Index n, Index unit = 1) const {
    const Index units = (n + unit - 1) / unit;
    return {std::min(n, units * member_ / size_ * unit), std::min(n, units * (member_ + 1) / size_ * unit)};
  }
  // f(begin, end) for this member's share of [0, n), each begin a multiple of `unit`; alone: for all of it, on as many threads as `work`
  // flops or bytes are worth.
  template <class F>
  void each(Index n, double work, F&& f, Index unit = 1) const {
    if (alone()) return parallel_for(n, threads_for(work), f, unit);
    const Share s = share(n, unit);
    if (s.begin < s.end) f(s.begin, s.end);
  }

 private:
  Team* team_ = nullptr;
  int member_ = 0, size_ = 1;
};

}  // namespace pyffnn::threads
