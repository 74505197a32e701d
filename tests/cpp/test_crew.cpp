// Crews under the sanitizers: shares are everything once, one alone does what a team does, and an exception of one member ends all.
#include <atomic>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "core/crew.h"

namespace threads = pyffnn::threads;
using pyffnn::Index;
using threads::Crew;

namespace {

void shares_are_everything_once() {
  threads::Team team(1);
  for (int size : {1, 2, 3, 7}) {
    for (Index n : {0, 1, 2, 6, 7, 64, 1000}) {
      for (Index unit : {1, 4, 64}) {
        Index at = 0;
        for (int member = 0; member < size; ++member) {
          const auto share = Crew(team, member, size).share(n, unit);
          CHECK(share.begin == at && share.begin <= share.end);
          CHECK(share.begin % unit == 0 || share.begin == n);
          at = share.end;
        }
        CHECK(at == n);
      }
    }
  }
}

void one_alone_has_all() {
  const Crew alone;
  CHECK(alone.alone() && alone.leads() && alone.size() == 1 && alone.member() == 0);
  alone.barrier();
  std::vector<std::atomic<int>> seen(1000);
  alone.each(
      1000, 1e9,
      [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
      },
      8);
  for (auto& count : seen) CHECK(count == 1);
  bool called = false;
  alone.each(0, 1e9, [&](Index begin, Index end) { called = begin < end; });
  CHECK(!called);
}

// Sums over shares that all members read after a barrier: the same numbers at any size.
void barriers_hand_over() {
  for (int size : {1, 2, 4}) {
    std::vector<double> x(5000), total(50, 0);
    threads::run_team(size, [&](threads::Team& team, int member) {
      const Crew crew(team, member, team.size());
      CHECK(crew.leads() == (member == 0));
      for (std::size_t round = 0; round < total.size(); ++round) {
        crew.each(5000, 1e9, [&](Index begin, Index end) {
          for (Index i = begin; i < end; ++i) x[static_cast<std::size_t>(i)] = static_cast<double>(i) + static_cast<double>(round);
        });
        crew.barrier();
        if (crew.leads())
          for (const double v : x) total[round] += v;
        crew.barrier();
      }
    });
    for (std::size_t round = 0; round < total.size(); ++round)
      CHECK(total[round] == 5000.0 * 4999 / 2 + 5000.0 * static_cast<double>(round));
  }
}

void an_exception_of_one_ends_all() {
  for (int failing = 0; failing < 3; ++failing) {
    std::string what;
    std::atomic<int> after{0};
    try {
      threads::run_team(3, [&](threads::Team& team, int member) {
        const Crew crew(team, member, team.size());
        crew.barrier();
        if (member == failing % team.size()) throw std::runtime_error("member " + std::to_string(member));
        crew.barrier();
        ++after;
      });
    } catch (const std::runtime_error& e) {
      what = e.what();
    }
    CHECK(!what.empty() && after == 0);
  }
  std::atomic<int> ran{0};
  threads::run_team(3, [&](threads::Team& team, int member) {
    Crew(team, member, team.size()).barrier();
    ++ran;
  });
  CHECK(ran >= 1);
}

}  // namespace

int main() {
  threads::set_num_threads(4);
  shares_are_everything_once();
  one_alone_has_all();
  barriers_hand_over();
  an_exception_of_one_ends_all();
  return g_failures != 0;
}
