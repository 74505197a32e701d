// Kernels of the active ISA that no operation of `ops` exposes alone, for tests and for measuring the machine.
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

// Written in place, so it must be exactly what the kernel works on.
py::array state(py::handle x, const std::vector<Index>& shape, int num, const char* name) {
  return result(x, shape, num, {}, InPlace::allowed, name);
}

template <class T>
OptimStep<T> step_of(int kind, const py::dict& settings) {
  if (kind < 0 || kind >= kOptims)
    value_error("kind", "must be a number from 0 to " + std::to_string(kOptims - 1) + ", got " + std::to_string(kind));
  auto number = [&](const char* key) { return settings[key].cast<T>(); };
  OptimStep<T> o{};
  o.kind = static_cast<Optim>(kind);
  o.lr = number("lr");
  o.beta1 = number("beta1");
  o.beta2 = number("beta2");
  o.eps = number("eps");
  o.lr_over_c1 = number("lr_over_c1");
  o.rsqrt_c2 = number("rsqrt_c2");
  o.scale = number("scale");
  o.l2 = number("l2");
  o.decay = number("decay");
  return o;
}

void optim_step(int kind, const py::array& g_in, py::handle w_in, py::handle s1_in, py::handle s2_in, const py::dict& settings) {
  const py::array g = contiguous(as_floats(g_in, "g"));
  const int num = dtype_num(g);
  py::array w = state(w_in, shape_of(g), num, "w"), s1 = state(s1_in, shape_of(g), num, "s1"), s2 = state(s2_in, shape_of(g), num, "s2");
  auto run = [&](auto t) {
    using T = decltype(t);
    const OptimStep<T> o = step_of<T>(kind, settings);
    dispatch::kernels<T>().optim_step(o, in<T>(g), out<T>(w), out<T>(s1), out<T>(s2), g.size());
  };
  num == kFloat32 ? run(float{}) : run(double{});
}

void adagrad_row(const py::array& g_in, py::handle w_in, py::handle s_in, const py::dict& settings) {
  const py::array g = contiguous(as_floats(g_in, "g"));
  const int num = dtype_num(g);
  py::array w = state(w_in, shape_of(g), num, "w"), s = state(s_in, {1}, num, "s");
  auto run = [&](auto t) {
    using T = decltype(t);
    const OptimStep<T> o = step_of<T>(static_cast<int>(Optim::adagrad), settings);
    dispatch::kernels<T>().adagrad_row(o, in<T>(g), out<T>(w), out<T>(s), g.size());
  };
  num == kFloat32 ? run(float{}) : run(double{});
}

py::array dropout(const py::array& x_in, double rate, std::uint64_t key, std::uint64_t counter0) {
  if (!(rate >= 0 && rate <= 1)) value_error("rate", "must lie in [0, 1], got " + std::to_string(rate));
  const py::array x = contiguous(as_floats(x_in, "x"));
  py::array y = new_array(shape_of(x), dtype_num(x));
  by_dtype(dtype_num(x), [&](auto t) {
    using T = decltype(t);
    const T* const from = in<T>(x);
    T* const to = out<T>(y);
    const Index count = x.size();
    released([=] { dispatch::kernels<T>().dropout(from, to, count, static_cast<T>(rate), key, counter0); });
  });
  return y;
}

py::array uniform(Index n, double scale, std::uint64_t key, std::uint64_t counter0, bool f64) {
  py::array y = new_array({n}, f64 ? kFloat64 : kFloat32);
  by_dtype(dtype_num(y), [&](auto t) {
    using T = decltype(t);
    T* const to = out<T>(y);
    released([=] { dispatch::kernels<T>().uniform(to, n, static_cast<T>(scale), key, counter0); });
  });
  return y;
}

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

void register_kernels(py::module_& m) {
  m.def("kernel_optim_step", &optim_step);
  m.def("kernel_adagrad_row", &adagrad_row);
  m.def("kernel_dropout", &dropout);
  m.def("kernel_uniform", &uniform);
  // Flops done by `rounds` rounds of multiply-adds on registers, on each of `threads` threads.
  m.def("kernel_fma_loop", &fma_loop);
  m.def("kernel_tile_loop", &tile_flops);
  m.def("kernel_read_loop", &read_memory);
  m.def("kernel_core_probe", &core_probe);
}

}  // namespace pyffnn::bindings
