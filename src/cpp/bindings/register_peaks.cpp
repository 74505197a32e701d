// Loops that show what the machine can do, for `pyffnn bench`.
#include <pybind11/stl.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "bindings/arrays.h"
#include "bindings/register.h"
#include "core/dispatch.h"
#include "core/probe.h"
#include "core/thread_pool.h"

namespace pyffnn::bindings {
namespace {

void check_work(Index rounds, int threads) {
  if (rounds < 0) value_error("rounds", "must not be negative, got " + std::to_string(rounds));
  if (threads < 1 || threads > 1024) value_error("threads", "must be from 1 to 1024, got " + std::to_string(threads));
}

template <class T>
double fma_flops(Index rounds, int threads) {
  threads::run_parts(threads, [&](int, int) {
    volatile T sink = dispatch::kernels<T>().fma_loop(rounds, T{});
    (void)sink;
  });
  constexpr double kChains = 12, kFlops = 2;
  const int lanes = std::max(1, dispatch::active().lanes_f32 * 4 / static_cast<int>(sizeof(T)));
  return static_cast<double>(threads) * static_cast<double>(rounds) * kChains * kFlops * lanes;
}

double fma_loop(Index rounds, int threads, bool f64) {
  check_work(rounds, threads);
  return released([=] { return f64 ? fma_flops<double>(rounds, threads) : fma_flops<float>(rounds, threads); });
}

// Flops of `rounds` rounds of products on tiles, on each of `threads` threads; 0 where the ISA has none.
double tile_flops(Index rounds, int threads) {
  check_work(rounds, threads);
  return released([=] {
    const TileKernels& tiles = dispatch::active().tiles;
    if (tiles.product_loop == nullptr) return 0.0;
    threads::run_parts(threads, [&](int, int) { tiles.product_loop(rounds); });
    return static_cast<double>(threads) * static_cast<double>(rounds) * 4 * 2 * kTileSide * kTileNumbers;
  });
}

// Each thread reads its own part of x, `rounds` times.
void read_memory(py::handle x_in, int threads, Index rounds) {
  check_work(rounds, threads);
  const py::array x = contiguous(as_floats(x_in, "x"));
  if (dtype_num(x) != kFloat32) throw py::type_error("x must have dtype float32, got float64");
  const float* const from = in<float>(x);
  const Index count = x.size();
  released([=] {
    threads::parallel_for(
        count, threads,
        [&](Index b, Index e) {
          for (Index round = 0; round < rounds; ++round) {
            volatile float sink = dispatch::kernels<float>().read_loop(from + b, e - b);
            (void)sink;
          }
        },
        1024);
  });
}

// (adds a cycle, cycles a nanosecond) of each of `threads` cores.
std::vector<std::pair<double, double>> core_probe(int threads) {
  check_work(0, threads);
  return released([=] {
    std::vector<std::pair<double, double>> found;
    for (const probe::Core& core : probe::cores(threads)) found.emplace_back(core.adds_per_cycle, core.clock);
    return found;
  });
}

}  // namespace

void register_peaks(py::module_& m) {
  // Flops done by `rounds` rounds of multiply-adds on registers, on each of `threads` threads.
  m.def("kernel_fma_loop", &fma_loop);
  m.def("kernel_tile_loop", &tile_flops);
  m.def("kernel_read_loop", &read_memory);
  m.def("kernel_core_probe", &core_probe);
}

}  // namespace pyffnn::bindings
