#include "core/shared_lock.h"

#include <new>
#include <stdexcept>
#include <vector>

#include "core/platform.h"

namespace pyffnn {

// All locks there are, and the fork handlers over them.
struct ForkRegistry {
  std::mutex mutex;  // of the list
  std::mutex commit;
  SharedLock* first = nullptr;
  std::uint64_t generation = 0;  // how many forks this process is away from its ancestor

  static ForkRegistry& instance() {
    static ForkRegistry* const registry = [] {
      auto* r = new ForkRegistry;
      platform::at_fork([] { instance().before(); }, [] { instance().after(); }, [] { instance().child(); });
      return r;
    }();
    return *registry;
  }
  void before() {
    commit.lock();
    mutex.lock();
  }
  void after() {
    mutex.unlock();
    commit.unlock();
  }
  void child() {
    ++generation;
    for (SharedLock* l = first; l != nullptr; l = l->next_) l->reset();
    after();
  }
};

namespace {

// What this thread reads: a lock, how often, and in which generation.
struct Reading {
  const SharedLock* lock;
  int depth;
  std::uint64_t generation;
};
thread_local std::vector<Reading> t_reading;

Reading* reading(const SharedLock* lock) {
  const std::uint64_t now = ForkRegistry::instance().generation;
  for (Reading& r : t_reading)
    if (r.lock == lock && r.generation == now) return &r;
  return nullptr;
}

}  // namespace

SharedLock::SharedLock() {
  ForkRegistry& registry = ForkRegistry::instance();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  next_ = registry.first;
  if (next_ != nullptr) next_->previous_ = this;
  registry.first = this;
}

SharedLock::~SharedLock() {
  ForkRegistry& registry = ForkRegistry::instance();
  const std::lock_guard<std::mutex> lock(registry.mutex);
  (previous_ != nullptr ? previous_->next_ : registry.first) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

void SharedLock::reset() {
  new (&mutex_) std::mutex;
  new (&changed_) std::condition_variable;
  readers_ = waiting_writers_ = 0;
  writing_ = false;
  writer_ = std::thread::id();
}

void SharedLock::lock_shared() {
  if (writer_ == std::this_thread::get_id()) return;
  if (Reading* const mine = reading(this); mine != nullptr) {
    ++mine->depth;
    return;
  }
  t_reading.push_back({this, 1, ForkRegistry::instance().generation});
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait(lock, [this] { return !writing_ && waiting_writers_ == 0; });
  ++readers_;
}

void SharedLock::unlock_shared() {
  Reading* const mine = reading(this);
  if (mine == nullptr) return;  // within the thread's own write, or read before a fork: this process never had it
  if (--mine->depth > 0) return;
  t_reading.erase(t_reading.begin() + (mine - t_reading.data()));
  const std::lock_guard<std::mutex> lock(mutex_);
  if (--readers_ == 0) changed_.notify_all();
}

void SharedLock::lock() {
  const std::thread::id self = std::this_thread::get_id();
  if (writer_ == self) throw std::logic_error("a network cannot change while the same thread is changing it");
  if (reading(this) != nullptr) throw std::logic_error("a network cannot change while the same thread is reading it");
  std::unique_lock<std::mutex> lock(mutex_);
  ++waiting_writers_;
  changed_.wait(lock, [this] { return !writing_ && readers_ == 0; });
  --waiting_writers_;
  writing_ = true;
  writer_ = self;
}

void SharedLock::unlock() {
  const std::lock_guard<std::mutex> lock(mutex_);
  writing_ = false;
  writer_ = std::thread::id();
  changed_.notify_all();
}

Commit::Commit() { ForkRegistry::instance().commit.lock(); }
Commit::~Commit() { ForkRegistry::instance().commit.unlock(); }

}  // namespace pyffnn
