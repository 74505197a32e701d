// The library's own thread pool. No OpenMP: libgomp hangs in forked children and clashes with other runtimes (docs/decisions.md).
#pragma once
#include <type_traits>

#include "core/types.h"

namespace pyffnn::threads {

// Number of threads an operation may use: set_num_threads(), else PYFFNN_NUM_THREADS, else OMP_NUM_THREADS, else the CPUs
// of the affinity mask capped by the cgroup quota. Throws std::invalid_argument when PYFFNN_NUM_THREADS is no positive integer.
int get_num_threads();
void set_num_threads(int n);

// Per-call override for the calling thread (a model's n_threads); 0 restores the process-wide count.
class ScopedNumThreads {
 public:
  explicit ScopedNumThreads(int n);
  ~ScopedNumThreads();
  ScopedNumThreads(const ScopedNumThreads&) = delete;
  ScopedNumThreads& operator=(const ScopedNumThreads&) = delete;

 private:
  int previous_;
};

// Work below this many flops (or bytes moved) a thread is not worth handing over to a thread that polls for it.
constexpr double kGrain = 2.0e5;
// Less work than this does not wake sleeping threads (5 us on bare metal, 50-100 us in a virtual machine), unless so much has come in
// close succession.
constexpr double kColdGrain = 1.0e7;

int threads_for_long(double work);
// How many threads `work` flops or bytes are worth at this moment, at most get_num_threads(); 1 inside a worker.
inline int threads_for(double work) { return work < 2 * kGrain ? 1 : threads_for_long(work); }

using Task = void (*)(void* context, int part, int parts);

// Runs task(context, p, parts) once for every p in [0, parts), on the caller (p = 0 first) and on up to get_num_threads() - 1 workers, each
// taking the next part that nobody has: the caller never waits for a thread that has not started. Runs all parts inline, in order, when
// the pool is busy with another caller, or when called from inside a task: threads never multiply. The first exception is rethrown here.
void run(Task task, void* context, int parts);

// Runs all parts at the same time, so that they may wait for one another. False, and nothing is run, where that cannot be promised: the
// pool is busy, the caller is inside a task, or the system gives no more threads.
bool run_together(Task task, void* context, int parts);

// parallel_for(n, parts, f): f(begin, end) over a static contiguous partition of [0, n), each begin a multiple of `unit`.
template <class F>
void parallel_for(Index n, int parts, F&& f, Index unit = 1) {
  if (parts <= 1 || n <= unit) {
    if (n > 0) f(Index{0}, n);
    return;
  }
  struct Context {
    Index n, unit;
    std::remove_reference_t<F>* f;
  } context{n, unit, &f};
  run(
      [](void* raw, int part, int count) {
        auto& c = *static_cast<Context*>(raw);
        const Index units = (c.n + c.unit - 1) / c.unit;
        const Index begin = units * part / count * c.unit;
        Index end = units * (part + 1) / count * c.unit;
        if (end > c.n) end = c.n;
        if (begin < end) (*c.f)(begin, end);
      },
      &context, parts);
}

// run_parts(parts, f): f(part, parts) on each.
template <class F>
void run_parts(int parts, F&& f) {
  run([](void* raw, int part, int count) { (*static_cast<std::remove_reference_t<F>*>(raw))(part, count); }, &f, parts);
}

}  // namespace pyffnn::threads

extern "C" {
// For threadpoolctl, which finds the library by the prefix "_pyffnn" and calls these.
int pyffnn_get_num_threads();
void pyffnn_set_num_threads(int n);
}
