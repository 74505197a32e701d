// Threads that work on many short steps together: they stay in one task and meet at barriers, for waking the pool twice a step costs more
// than a small step.
#pragma once
#include <atomic>
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

}  // namespace pyffnn::threads
