// A lock for readers together or one writer, which a forked child finds free.
//
// In a child the threads that held a lock at the fork are gone and would never give it back, so all locks of this kind are made anew there.
// What a lock guards must be whole at any moment at which a fork may come: a writer that changes it holds Commit meanwhile, which a fork
// waits for. Commits are short.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>

namespace pyffnn {

class SharedLock {
 public:
  SharedLock();
  ~SharedLock();
  SharedLock(const SharedLock&) = delete;
  SharedLock& operator=(const SharedLock&) = delete;

  // Readers may take it again while they hold it, and so may the thread that writes. A waiting writer goes before readers that come after
  // it.
  void lock_shared();
  void unlock_shared();
  // Throws std::logic_error where the thread itself is reading or writing: it would wait for ever.
  void lock();
  void unlock();

 private:
  friend struct ForkRegistry;
  void reset();

  std::mutex mutex_;
  std::condition_variable changed_;
  int readers_ = 0, waiting_writers_ = 0;
  bool writing_ = false;
  std::atomic<std::thread::id> writer_{};
  SharedLock *next_ = nullptr, *previous_ = nullptr;
};

// While one lives, no fork happens.
class Commit {
 public:
  Commit();
  ~Commit();
  Commit(const Commit&) = delete;
  Commit& operator=(const Commit&) = delete;
};

}  // namespace pyffnn
