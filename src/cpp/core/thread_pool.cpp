#include "core/thread_pool.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace pyffnn::threads {
namespace {

constexpr int kMaxThreads = 1024;
// About 5 us of polling before sleeping: steps follow one another closely, but a pure spin barrier starves a shared core.
constexpr int kSpin = 2000;

std::atomic<int> g_num_threads{0};  // 0: not decided yet
thread_local int t_override = 0;
thread_local bool t_inside = false;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

int parse_positive(const char* text) {
  char* end = nullptr;
  const long v = std::strtol(text, &end, 10);
  return (end == text || *end != '\0' || v < 1 || v > kMaxThreads) ? 0 : static_cast<int>(v);
}

int affinity_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    const int n = CPU_COUNT(&set);
    if (n > 0) return n;
  }
#endif
  const unsigned n = std::thread::hardware_concurrency();
  return n > 0 ? static_cast<int>(n) : 1;
}

// CPUs that the cgroup quota allows (v2, then v1); 0 when there is no quota.
int cgroup_cpus() {
  auto cpus = [](double quota, double period) {
    if (quota <= 0 || period <= 0) return 0;
    const int n = static_cast<int>(quota / period + 0.999);
    return n < 1 ? 1 : n;
  };
  if (std::ifstream in("/sys/fs/cgroup/cpu.max"); in) {
    std::string quota;
    double period = 0;
    if (in >> quota >> period && quota != "max") return cpus(std::atof(quota.c_str()), period);
    return 0;
  }
  std::ifstream q("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"), p("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  double quota = 0, period = 0;
  return (q >> quota && p >> period) ? cpus(quota, period) : 0;
}

int default_num_threads() {
  if (const char* own = std::getenv("PYFFNN_NUM_THREADS"); own != nullptr && *own != '\0') {
    const int n = parse_positive(own);
    if (n == 0)
      throw std::invalid_argument("PYFFNN_NUM_THREADS '" + std::string(own) + "' is not usable; usable: an integer from 1 to " +
                                  std::to_string(kMaxThreads));
    return n;
  }
  if (const char* omp = std::getenv("OMP_NUM_THREADS"); omp != nullptr) {
    if (const int n = parse_positive(omp); n > 0) return n;
  }
  int n = affinity_cpus();
  if (const int quota = cgroup_cpus(); quota > 0 && quota < n) n = quota;
  return n < kMaxThreads ? n : kMaxThreads;
}

class Pool {
 public:
  // Null when another caller holds the pool.
  bool try_run(Task task, void* context, int parts) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner.owns_lock()) return false;
    grow(parts - 1);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      task_ = task;
      context_ = context;
      parts_ = parts;
      error_ = nullptr;
      pending_.store(parts - 1, std::memory_order_relaxed);
      generation_.fetch_add(1, std::memory_order_release);
    }
    wake_.notify_all();
    work(0);
    for (int spin = 0; spin < kSpin && pending_.load(std::memory_order_acquire) != 0; ++spin) relax();
    if (pending_.load(std::memory_order_acquire) != 0) {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, [&] { return pending_.load(std::memory_order_acquire) == 0; });
    }
    std::exception_ptr error;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      error = error_;
      error_ = nullptr;
    }
    if (error) std::rethrow_exception(error);
    return true;
  }

 private:
  void grow(int workers) {
    while (static_cast<int>(threads_.size()) < workers) {
      const int part = static_cast<int>(threads_.size()) + 1;
      const std::uint64_t seen = generation_.load(std::memory_order_acquire);
      threads_.emplace_back([this, part, seen] { loop(part, seen); });
      threads_.back().detach();
    }
  }

  void loop(int part, std::uint64_t seen) {
    for (;;) {
      for (int spin = 0; spin < kSpin && generation_.load(std::memory_order_acquire) == seen; ++spin) relax();
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [&] { return generation_.load(std::memory_order_acquire) != seen; });
        seen = generation_.load(std::memory_order_acquire);
        if (part >= parts_) continue;
      }
      work(part);
      if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
        std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_one();
      }
    }
  }

  void work(int part) {
    t_inside = true;
    try {
      task_(context_, part, parts_);
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
    t_inside = false;
  }

  std::mutex owner_, mutex_;
  std::condition_variable wake_, done_;
  std::vector<std::thread> threads_;
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<int> pending_{0};
  Task task_ = nullptr;
  void* context_ = nullptr;
  int parts_ = 0;
  std::exception_ptr error_;
};

// Leaked on purpose: workers may outlive static destruction, and a forked child must drop its parent's pool without touching it.
std::atomic<Pool*> g_pool{nullptr};

Pool& pool() {
  Pool* p = g_pool.load(std::memory_order_acquire);
  if (p == nullptr) {
    static std::once_flag once;
    std::call_once(once, [] {
      pthread_atfork(nullptr, nullptr, [] {
        g_pool.store(nullptr, std::memory_order_release);
        t_inside = false;
      });
    });
    Pool* fresh = new Pool;
    if (g_pool.compare_exchange_strong(p, fresh)) return *fresh;
    delete fresh;
  }
  return *p;
}

}  // namespace

int get_num_threads() {
  if (t_override > 0) return t_override;
  int n = g_num_threads.load(std::memory_order_relaxed);
  if (n == 0) {
    n = default_num_threads();
    g_num_threads.store(n, std::memory_order_relaxed);
  }
  return n;
}

void set_num_threads(int n) {
  if (n < 1 || n > kMaxThreads)
    throw std::invalid_argument("n must be from 1 to " + std::to_string(kMaxThreads) + ", got " + std::to_string(n));
  g_num_threads.store(n, std::memory_order_relaxed);
}

ScopedNumThreads::ScopedNumThreads(int n) : previous_(t_override) {
  if (n > 0) t_override = n < kMaxThreads ? n : kMaxThreads;
}
ScopedNumThreads::~ScopedNumThreads() { t_override = previous_; }

int threads_for(double work) {
  if (t_inside || work < 2 * kGrain) return 1;
  const int limit = get_num_threads();
  const double worth = work / kGrain;
  return worth < limit ? static_cast<int>(worth) : limit;
}

void run(Task task, void* context, int parts) {
  if (parts > 1 && !t_inside && pool().try_run(task, context, parts)) return;
  for (int p = 0; p < parts; ++p) task(context, p, parts);
}

}  // namespace pyffnn::threads

extern "C" {
__attribute__((visibility("default"))) int pyffnn_get_num_threads() {
  try {
    return pyffnn::threads::get_num_threads();
  } catch (...) {
    return 1;
  }
}
__attribute__((visibility("default"))) void pyffnn_set_num_threads(int n) {
  if (n >= 1) pyffnn::threads::set_num_threads(n < 1024 ? n : 1024);
}
}
