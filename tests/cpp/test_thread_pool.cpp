// The pool under the sanitizers: exceptions, nesting, callers at the same time, every part exactly once.
#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "core/team.h"
#include "core/thread_pool.h"

namespace threads = pyffnn::threads;
using pyffnn::Index;

namespace {

void every_index_once() {
  for (int parts : {1, 2, 3, 7}) {
    for (Index n : {0, 1, 2, 6, 7, 8, 1000}) {
      for (Index unit : {1, 4, 64}) {
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(n));
        threads::parallel_for(
            n, parts,
            [&](Index begin, Index end) {
              CHECK(begin % unit == 0);
              for (Index i = begin; i < end; ++i) seen[static_cast<std::size_t>(i)]++;
            },
            unit);
        for (auto& count : seen) CHECK(count == 1);
      }
    }
  }
}

void first_exception_reaches_the_caller() {
  for (int failing = 0; failing < 4; ++failing) {
    std::string what;
    try {
      threads::run_parts(4, [&](int part, int) {
        if (part == failing) throw std::runtime_error("part " + std::to_string(part));
      });
    } catch (const std::runtime_error& e) {
      what = e.what();
    }
    CHECK(what == "part " + std::to_string(failing));
  }
  std::atomic<int> ran{0};
  threads::run_parts(4, [&](int, int) { ran++; });
  CHECK(ran == 4);
}

void nested_calls_run_inline() {
  std::atomic<int> ran{0};
  threads::run_parts(4, [&](int, int) {
    const auto self = std::this_thread::get_id();
    threads::run_parts(3, [&](int, int) {
      CHECK(std::this_thread::get_id() == self);
      ran++;
    });
    CHECK(threads::threads_for(1e12) == 1);
  });
  CHECK(ran == 12);
}

void callers_at_the_same_time() {
  std::vector<std::thread> callers;
  std::atomic<Index> total{0};
  for (int c = 0; c < 5; ++c) {
    callers.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        std::vector<Index> sums(3, 0);
        threads::run_parts(3, [&](int part, int) { sums[static_cast<std::size_t>(part)] = part + i; });
        total += sums[0] + sums[1] + sums[2];
      }
    });
  }
  for (auto& t : callers) t.join();
  CHECK(total == 5 * (300 * 3 + 3 * (299 * 300 / 2)));
}

void counts() {
  threads::set_num_threads(4);
  CHECK(threads::get_num_threads() == 4);
  {
    threads::ScopedNumThreads scoped(2);
    CHECK(threads::get_num_threads() == 2);
    threads::ScopedNumThreads same(0);
    CHECK(threads::get_num_threads() == 2);
  }
  CHECK(threads::get_num_threads() == 4);
  bool refused = false;
  try {
    threads::set_num_threads(0);
  } catch (const std::invalid_argument&) {
    refused = true;
  }
  CHECK(refused);
  CHECK(threads::threads_for(1) == 1);
}

// Every step in order by the leader, on its own or with all others at the same step; it ends where a step says so.
void a_team_does_every_step_once() {
  for (int size : {1, 2, 3}) {
    for (Index last : {0, 5, 700, 5000}) {
      threads::Pace pace;
      const Index steps = 3000;
      std::vector<int> by_leader(steps, 0);
      std::atomic<int> arrived{0};
      Index expected = 0;
      threads::lead_team(size, steps, pace, [&](threads::Team& team, int member, int together, Index s) {
        if (member == 0) {
          CHECK(s == expected);
          ++expected;
          ++by_leader[static_cast<std::size_t>(s)];
        }
        if (together > 1) {
          ++arrived;
          team.barrier();
          CHECK(arrived % together == 0);
          team.barrier();
        }
        return s != last;
      });
      CHECK(expected == (last < steps ? last + 1 : steps));
      for (Index s = 0; s < expected; ++s) CHECK(by_leader[static_cast<std::size_t>(s)] == 1);
    }
  }
}

}  // namespace

int main() {
  counts();
  every_index_once();
  first_exception_reaches_the_caller();
  nested_calls_run_inline();
  callers_at_the_same_time();
  a_team_does_every_step_once();
  return g_failures != 0;
}
