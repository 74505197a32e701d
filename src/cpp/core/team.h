// Threads that work on many short steps together: they stay in one task and meet at barriers, for waking the pool twice a step costs more
// than a small step.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>

#include "core/thread_pool.h"

namespace pyffnn::threads {

// How many threads are worth a team for steps of so many flops (or bytes moved) each.
int team_for(double work_of_step, double work_in_all);

class Team {
 public:
  explicit Team(int size) : size_(size) {}

  int size() const { return size_; }
  // Waits until every member is here. Throws Broken when a member has left by an exception, so that nobody waits for it.
  void barrier();

  struct Broken {};
  // For members that wait for one another by means of their own.
  bool broken() const { return broken_.load(); }
  // The caller leaves by an exception; the first one is kept.
  void leave(std::exception_ptr error) noexcept;
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  void release();

  const int size_;
  std::atomic<int> arrived_{0}, sleepers_{0};
  std::atomic<std::uint32_t> generation_{0};
  std::atomic<bool> broken_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::exception_ptr error_;
};

// f(team, member) on each of up to `size` members at the same time; one member where the pool cannot promise more. The first exception of
// a member is rethrown here.
template <class F>
void run_team(int size, F&& f) {
  struct Context {
    Team team;
    std::remove_reference_t<F>* f;
  };
  const auto task = [](void* raw, int member, int) {
    auto& c = *static_cast<Context*>(raw);
    try {
      (*c.f)(c.team, member);
    } catch (const Team::Broken&) {
    } catch (...) {
      c.team.leave(std::current_exception());
    }
  };
  {
    Context context{Team(size), &f};
    if (run_together(task, &context, size)) return context.team.rethrow();
  }
  Team alone(1);
  f(alone, 0);
}

// Decides how the next steps are done: together, or by the leader alone. Where a member shares its core with another process, every
// barrier waits for it, and a team can be many times slower than one thread. So the leader times a few steps of both kinds now and then.
class Pace {
 public:
  // Members have gone to sleep while the leader was alone: so many steps wake them, and are not timed.
  static constexpr Index kWake = 2;
  struct Stretch {
    Index steps;
    bool together;
  };
  Stretch next() const { return next_; }
  // The stretch took so long a step.
  void done(double seconds_a_step);

 private:
  static constexpr Index kProbe = 4, kTogether = 32, kTrust = 512, kLeastPatience = 16, kMostPatience = 4096;
  Stretch next_{kProbe, false};
  double alone_ = 0;  // seconds a step; 0: not known
  Index since_probe_ = 0, patience_ = kLeastPatience;
};

// step(team, member, size, s) for s in [0, steps), in order, by all members together (size > 1) or by the leader alone (member 0 of 1); it
// returns whether to go on, which all members must agree on. `pace` is kept from call to call.
template <class F>
void lead_team(int size, Index steps, Pace& pace, F&& step) {
  using Clock = std::chrono::steady_clock;
  struct {
    Index begin, end;
  } stretch{0, 0};  // written by the leader between barriers; empty: the end
  run_team(size, [&](Team& team, int member) {
    if (team.size() == 1) {
      for (Index s = 0; s < steps && step(team, 0, 1, s); ++s) {
      }
      return;
    }
    if (member > 0) {
      for (;;) {
        team.barrier();
        const auto [begin, end] = stretch;
        if (begin == end) return;
        for (Index s = begin; s < end && step(team, member, team.size(), s); ++s) {
        }
      }
    }
    bool go_on = true;
    for (Index s = 0; s < steps && go_on;) {
      const Pace::Stretch next = pace.next();
      const Index wake = next.together ? Pace::kWake : 0;
      const Index begin = s, end = wake + next.steps < steps - s ? s + wake + next.steps : steps;
      if (next.together) {
        stretch = {begin, end};
        team.barrier();
      }
      const int size = next.together ? team.size() : 1;
      while (s < end && s < begin + wake && go_on) go_on = step(team, 0, size, s++);
      const Index timed = end - s;
      const auto start = Clock::now();
      while (s < end && go_on) go_on = step(team, 0, size, s++);
      if (timed > 0) pace.done(std::chrono::duration<double>(Clock::now() - start).count() / static_cast<double>(timed));
    }
    stretch = {0, 0};
    team.barrier();
  });
}

}  // namespace pyffnn::threads
