// The lock under the sanitizers: readers together, a writer alone and first, errors instead of waiting for oneself, and a child of a fork
// that finds every lock free and every commit whole.
#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "child.h"
#include "core/shared_lock.h"

using pyffnn::Commit;
using pyffnn::SharedLock;
using Shared = std::shared_lock<SharedLock>;
using Unique = std::unique_lock<SharedLock>;

namespace {

void pause(int milliseconds = 20) { std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds)); }

template <class F>
bool within_a_second(F&& holds) {
  for (int i = 0; i < 1000 && !holds(); ++i) pause(1);
  return holds();
}

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const std::logic_error& e) {
    return e.what();
  }
  return "";
}

void readers_are_together_and_writers_alone() {
  SharedLock lock;
  std::atomic<int> reading{0}, writing{0}, most{0};
  int plain = 0;  // TSan watches it
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 300; ++i) {
        const Shared shared(lock);
        const int now = ++reading;
        for (int m = most; now > m && !most.compare_exchange_weak(m, now);) {
        }
        CHECK(writing == 0);
        CHECK(plain >= 0);
        if (i % 50 == 0) pause(1);
        --reading;
      }
    });
  }
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const Unique unique(lock);
        CHECK(++writing == 1);
        CHECK(reading == 0);
        ++plain;
        --writing;
      }
    });
  }
  for (auto& t : threads) t.join();
  CHECK(plain == 200);
  CHECK(most > 1);
}

void a_waiting_writer_goes_first() {
  SharedLock lock;
  std::vector<char> order;
  std::mutex guard;
  const auto note = [&](char c) {
    const std::lock_guard<std::mutex> hold(guard);
    order.push_back(c);
  };
  lock.lock_shared();
  std::thread writer([&] {
    const Unique unique(lock);
    note('w');
  });
  pause(50);
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      const Shared shared(lock);
      note('r');
    });
  }
  pause(50);
  {
    const std::lock_guard<std::mutex> hold(guard);
    CHECK(order.empty());
  }
  // Who reads may read again, though a writer waits.
  lock.lock_shared();
  lock.unlock_shared();
  lock.unlock_shared();
  writer.join();
  for (auto& t : readers) t.join();
  CHECK(order == (std::vector<char>{'w', 'r', 'r', 'r'}));
}

void waiting_for_oneself_is_an_error() {
  SharedLock lock, other;
  {
    const Shared shared(lock);
    CHECK(error_of([&] { lock.lock(); }).find("same thread is reading") != std::string::npos);
    const Unique apart(other);  // another lock is another matter
    const Shared again(lock);
    CHECK(!error_of([&] { lock.lock(); }).empty());
  }
  {
    const Unique unique(lock);
    CHECK(error_of([&] { lock.lock(); }).find("same thread is changing") != std::string::npos);
    // Who writes may read, as often as it likes; others may not meanwhile.
    lock.lock_shared();
    lock.lock_shared();
    std::atomic<bool> in{false};
    std::thread reader([&] {
      const Shared shared(lock);
      in = true;
    });
    lock.unlock_shared();
    lock.unlock_shared();
    pause(30);
    CHECK(!in);
    lock.unlock();
    reader.join();
    CHECK(in);
    lock.lock();
  }
  const Unique free_again(lock);
}

void a_child_finds_locks_free() {
  SharedLock read, written, idle;
  std::atomic<bool> stop{false}, ready_reader{false}, ready_writer{false};
  std::thread reader([&] {
    const Shared shared(read);
    ready_reader = true;
    while (!stop) pause(1);
  });
  std::thread writer([&] {
    const Unique unique(written);
    ready_writer = true;
    while (!stop) pause(1);
  });
  std::thread waiting([&] { const Unique unique(read); });
  CHECK(within_a_second([&] { return ready_reader && ready_writer; }));
  pause();
  in_child([&] {
    for (SharedLock* l : {&read, &written, &idle}) {
      {
        const Shared shared(*l);
      }
      {
        const Unique unique(*l);
      }
    }
    SharedLock fresh;
    const Unique unique(fresh);
  });
  stop = true;
  reader.join();
  writer.join();
  waiting.join();
  for (SharedLock* l : {&read, &written, &idle}) const Unique unique(*l);
}

void a_child_is_outside_of_what_its_parent_was_in() {
  SharedLock lock;
  {
    const Shared shared(lock);
    in_child([&] {
      {
        const Unique unique(lock);
      }
      lock.lock_shared();
      lock.unlock_shared();
      // What the parent's scope would still do here.
      lock.unlock_shared();
      const Unique unique(lock);
    });
    CHECK(!error_of([&] { lock.lock(); }).empty());
  }
  {
    const Unique unique(lock);
    in_child([&] {
      {
        const Shared shared(lock);
      }
      {
        const Unique inner(lock);
      }
      lock.unlock();
      const Unique inner(lock);
    });
    CHECK(!error_of([&] { lock.lock(); }).empty());
  }
  const Unique unique(lock);
}

void a_fork_waits_for_commits() {
  SharedLock lock;
  // Equal outside of commits, whatever moment a fork picks.
  volatile int a = 0, b = 0;
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) {
      const Unique unique(lock);
      const Commit commit;
      a = a + 1;
      for (int i = 0; i < 200; ++i) std::this_thread::yield();
      b = b + 1;
    }
  });
  for (int i = 0; i < 40; ++i) {
    in_child([&] {
      const Shared shared(lock);
      CHECK(a == b);
    });
    pause(1);
  }
  stop = true;
  writer.join();
  CHECK(a == b && a > 0);
}

void locks_come_and_go_while_the_process_forks() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      while (!stop) {
        SharedLock first, second;
        const Unique unique(first);
        const Shared shared(second);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    in_child([] {
      SharedLock fresh;
      const Unique unique(fresh);
    });
  }
  stop = true;
  for (auto& t : threads) t.join();
}

}  // namespace

int main() {
  readers_are_together_and_writers_alone();
  a_waiting_writer_goes_first();
  waiting_for_oneself_is_an_error();
  if (kForks) {
    a_child_finds_locks_free();
    a_child_is_outside_of_what_its_parent_was_in();
    a_fork_waits_for_commits();
    locks_come_and_go_while_the_process_forks();
  }
  return g_failures != 0;
}
