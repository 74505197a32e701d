#include "core/thread_pool.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/platform.h"
#include "core/spin.h"

namespace pyffnn::threads {
namespace {

constexpr int kMaxThreads = 1024;
// A sleeping thread takes 5 us to wake on bare metal and 50-100 us in a virtual machine, and the operations of a training loop follow one
// another more closely than that; so an idle worker polls about as long as a wake-up costs. Not by sched_yield: a scheduler that sees no
// load keeps both threads on one CPU. The caller, which waits only for parts already begun, yields soon: their owner may share its CPU.
constexpr auto kWorkerPoll = std::chrono::microseconds(200), kCallerPoll = std::chrono::microseconds(50);

std::atomic<int> g_num_threads{0};  // 0: not decided yet
thread_local int t_override = 0;
thread_local bool t_inside = false;

int parse_positive(const char* text) {
  char* end = nullptr;
  const long v = std::strtol(text, &end, 10);
  return (end == text || *end != '\0' || v < 1 || v > kMaxThreads) ? 0 : static_cast<int>(v);
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
  int n = platform::usable_cpus();
  if (const int quota = cgroup_cpus(); quota > 0 && quota < n) n = quota;
  return n < kMaxThreads ? n : kMaxThreads;
}

// A run's state in one word, so that a claim is one compare-and-swap: the number of workers that may take part, the parts, the next
// part nobody has taken. A worker that comes late finds nothing left and the run does not wait for it; a swap that succeeds always claims
// a part of the run that is current then, whatever run the worker saw before.
struct Ticket {
  std::uint32_t limit, parts, next;

  static Ticket unpack(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 48), static_cast<std::uint32_t>(word >> 24) & 0xffffffu,
            static_cast<std::uint32_t>(word) & 0xffffffu};
  }
  std::uint64_t pack() const { return std::uint64_t{limit} << 48 | std::uint64_t{parts} << 24 | next; }
  bool open_to(std::uint32_t worker) const { return next < parts && worker < limit; }
};

class Pool {
 public:
  // False when another caller holds the pool, or the system gives no more threads.
  bool try_run(Task task, void* context, int parts, int workers) {
    std::unique_lock<std::mutex> owner(owner_, std::try_to_lock);
    if (!owner.owns_lock()) return false;
    if (!grow(workers)) return false;
    task_ = task;
    context_ = context;
    unfinished_.store(parts, std::memory_order_relaxed);
    ticket_.store(Ticket{static_cast<std::uint32_t>(workers), static_cast<std::uint32_t>(parts), 1}.pack(), std::memory_order_seq_cst);
    for (int w = 0; w < workers; ++w) {
      Worker& worker = *workers_[static_cast<std::size_t>(w)];
      if (!worker.asleep.load(std::memory_order_seq_cst)) continue;
      {
        std::lock_guard<std::mutex> lock(mutex_);
      }
      worker.wake.notify_one();
    }
    work(0, false);
    for (int part; (part = claim(0)) > 0;) work(part, false);
    const auto done = [this] { return unfinished_.load(std::memory_order_acquire) == 0; };
    bool waited = spin_until(done, kCallerPoll);
    for (int i = 0; i < 64 && !waited; ++i) {
      platform::yield();
      waited = done();
    }
    if (!waited) {
      std::unique_lock<std::mutex> lock(mutex_);
      done_.wait(lock, done);
    }
    if (failed_.exchange(false, std::memory_order_acquire)) {
      std::exception_ptr error;
      {
        std::lock_guard<std::mutex> lock(mutex_);
        std::swap(error, error_);
      }
      std::rethrow_exception(error);
    }
    return true;
  }

  // Workers that poll for work or run it at this moment, and so start within a fraction of a microsecond.
  int awake() const { return awake_.load(std::memory_order_relaxed); }

 private:
  struct alignas(64) Worker {
    std::atomic<bool> asleep{false};
    std::condition_variable wake;
  };

  bool grow(int workers) {
    while (static_cast<int>(workers_.size()) < workers) {
      const auto index = static_cast<std::uint32_t>(workers_.size());
      workers_.push_back(std::make_unique<Worker>());
      try {
        std::thread([this, index, self = workers_.back().get()] { loop(index, *self); }).detach();
      } catch (const std::exception&) {
        // No thread (std::system_error) or no memory for one. The worker goes too, for all that are listed are counted on.
        workers_.pop_back();
        return false;
      }
      awake_.fetch_add(1, std::memory_order_relaxed);
    }
    return true;
  }

  // The part claimed for `worker`, or 0.
  int claim(std::uint32_t worker) {
    std::uint64_t word = ticket_.load(std::memory_order_acquire);
    for (;;) {
      Ticket t = Ticket::unpack(word);
      if (!t.open_to(worker)) return 0;
      const auto part = static_cast<int>(t.next++);
      if (ticket_.compare_exchange_weak(word, t.pack(), std::memory_order_acq_rel, std::memory_order_acquire)) return part;
    }
  }

  void loop(std::uint32_t index, Worker& self) {
    const auto open = [this, index] { return Ticket::unpack(ticket_.load(std::memory_order_seq_cst)).open_to(index); };
    for (;;) {
      if (!spin_until(open, kWorkerPoll)) {
        std::unique_lock<std::mutex> lock(mutex_);
        awake_.fetch_sub(1, std::memory_order_relaxed);
        self.asleep.store(true, std::memory_order_seq_cst);
        self.wake.wait(lock, open);
        self.asleep.store(false, std::memory_order_relaxed);
        awake_.fetch_add(1, std::memory_order_relaxed);
      }
      for (int part; (part = claim(index)) > 0;) work(part, true);
    }
  }

  void work(int part, bool notify) {
    t_inside = true;
    try {
      task_(context_, part, static_cast<int>(Ticket::unpack(ticket_.load(std::memory_order_relaxed)).parts));
    } catch (...) {
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
      failed_.store(true, std::memory_order_release);
    }
    t_inside = false;
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1 && notify) {
      {
        std::lock_guard<std::mutex> lock(mutex_);
      }
      done_.notify_one();
    }
  }

  std::mutex owner_, mutex_;
  std::condition_variable done_;
  std::vector<std::unique_ptr<Worker>> workers_;
  alignas(64) std::atomic<std::uint64_t> ticket_{0};
  alignas(64) std::atomic<int> unfinished_{0};
  alignas(64) std::atomic<int> awake_{0};
  std::atomic<bool> failed_{false};
  Task task_ = nullptr;
  void* context_ = nullptr;
  std::exception_ptr error_;
};

// Leaked on purpose: workers may outlive static destruction, and a forked child must drop its parent's pool without touching it.
std::atomic<Pool*> g_pool{nullptr};

Pool& pool() {
  Pool* p = g_pool.load(std::memory_order_acquire);
  if (p == nullptr) {
    static std::once_flag once;
    std::call_once(once, [] {
      platform::at_fork(nullptr, nullptr, [] {
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

// Whether to wake a sleeping pool: work that came in close succession and ran on one thread has by now cost as much as waking would have.
// Close: little time between where the last one ended, going by what its work usually takes, and where this one begins. Races between
// callers only make the sum vaguer.
bool worth_waking(double work) {
  constexpr double kWorkPerNanosecond = 16;
  static std::atomic<std::int64_t> ended{0};
  static std::atomic<double> missed{0};
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  const double lasts = std::min(work, kColdGrain) / kWorkPerNanosecond;
  const std::int64_t before = ended.exchange(now + static_cast<std::int64_t>(lasts), std::memory_order_relaxed);
  if (now - before > kWorkerPoll / std::chrono::nanoseconds(1)) missed.store(0, std::memory_order_relaxed);
  const double sum = missed.load(std::memory_order_relaxed) + work;
  missed.store(sum, std::memory_order_relaxed);
  return sum >= kColdGrain;
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

int threads_for_long(double work) {
  if (t_inside) return 1;
  const int limit = get_num_threads();
  if (limit == 1) return 1;
  const Pool* p = g_pool.load(std::memory_order_acquire);
  if ((p == nullptr || p->awake() == 0) && !worth_waking(work)) return 1;
  const double worth = work / kGrain;
  return worth < limit ? static_cast<int>(worth) : limit;
}

bool run_together(Task task, void* context, int parts) { return parts > 1 && !t_inside && pool().try_run(task, context, parts, parts - 1); }

void run(Task task, void* context, int parts) {
  if (parts > 1 && !t_inside) {
    const int workers = std::min(parts, get_num_threads()) - 1;
    if (workers > 0 && pool().try_run(task, context, parts, workers)) return;
  }
  for (int p = 0; p < parts; ++p) task(context, p, parts);
}

}  // namespace pyffnn::threads

#if defined(_WIN32)
#define PYFFNN_EXPORTED __declspec(dllexport)
#else
#define PYFFNN_EXPORTED __attribute__((visibility("default")))
#endif
extern "C" {
PYFFNN_EXPORTED int pyffnn_get_num_threads() {
  try {
    return pyffnn::threads::get_num_threads();
  } catch (...) {
    return 1;
  }
}
PYFFNN_EXPORTED void pyffnn_set_num_threads(int n) {
  if (n >= 1) pyffnn::threads::set_num_threads(n < 1024 ? n : 1024);
}
}
