#include "ops/products/core_trait.h"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "core/dispatch.h"

namespace pyffnn::ops {
namespace {

// The product: six register tiles high, seven panels wide, so deep that a panel of the next columns does not stay in L1 and all of B stays
// in L2. Rows begin 16 bytes off a line, as NumPy's do.
constexpr Index kTiles = 6, kPanels = 7, kDepth = 300, kOff = 4;
constexpr int kRounds = 5;
// Even: columns take no less than the first and no more than the second part of the rows' time.
constexpr double kEvenFrom = 0.9, kEvenTo = 1.05;
// Multiply-adds that make the measurement worth its time.
constexpr double kWorthwhile = 4e6;

constexpr int kSlots = 8;
struct Slot {
  const KernelTable* table;
  CoreTrait trait;
};
// Held by a thread that stores what it found. Nobody waits for it: a fork may leave it held.
std::atomic_flag g_measuring = ATOMIC_FLAG_INIT;
Slot g_slots[kSlots];
std::atomic<int> g_known{0};

const CoreTrait* known(const KernelTable& table) {
  const int count = g_known.load(std::memory_order_acquire);
  for (int i = 0; i < count; ++i)
    if (g_slots[i].table == &table) return &g_slots[i].trait;
  return nullptr;
}

template <class F>
double microseconds(F f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count();
}

CoreTrait measure(const KernelTable& table) {
  if (std::strcmp(table.isa, "reference") == 0) return {CoreKind::rows, 0, 0};
  const Kernels<float>& kernels = table.f32;
  const Index m = kTiles * kernels.tile.mr, n = kPanels * kernels.tile.nr, a_size = m * kDepth + 16, b_size = kDepth * n + 16;
  // Not from the blocks of scratch memory, beside which it would count.
  constexpr Index kLine = 16;
  std::vector<float> memory(static_cast<std::size_t>(a_size + b_size + m * n + kDepth * kernels.tile.nr + 64 + kLine));
  const auto past = static_cast<Index>(reinterpret_cast<std::uintptr_t>(memory.data()) / sizeof(float)) % kLine;
  float* const a = memory.data() + (kLine - past) % kLine;
  float *const b = a + a_size, *const c = b + b_size, *const room = c + m * n + (64 - (a_size + b_size + m * n) % 64) % 64;
  GemmArgs<float> g{};
  g.m = m;
  g.n = n;
  g.k = kDepth;
  g.a = a + kOff;
  g.a_rs = kDepth;
  g.a_cs = 1;
  g.a_rows = kernels.tile.mr;
  g.a_panel = g.a_rows * kDepth;
  g.b = b + kOff;
  g.b_rs = n;
  g.b_panel = kernels.tile.nr;
  g.c = c;
  g.ldc = n;
  CoreTrait t{CoreKind::rows, 1e30, 1e30};
  for (int round = 0; round < kRounds; ++round) {
    const double rows = microseconds([&] { kernels.gemm(g); });
    const double columns = microseconds([&] { kernels.gemm_tall({g, 1, true, room, nullptr}); });
    t.rows_us = rows < t.rows_us ? rows : t.rows_us;
    t.columns_us = columns < t.columns_us ? columns : t.columns_us;
  }
  if (t.columns_us <= kEvenTo * t.rows_us) t.kind = t.columns_us < kEvenFrom * t.rows_us ? CoreKind::columns : CoreKind::either;
  return t;
}

}  // namespace

std::atomic<int> g_forced_way{-1};

CoreTrait core_trait() {
  const KernelTable& table = dispatch::active();
  if (const CoreTrait* t = known(table); t != nullptr) return *t;
  const CoreTrait found = measure(table);
  if (g_measuring.test_and_set(std::memory_order_acquire)) return found;
  const int at = g_known.load(std::memory_order_relaxed);
  if (at < kSlots && known(table) == nullptr) {
    g_slots[at] = {&table, found};
    g_known.store(at + 1, std::memory_order_release);
  }
  g_measuring.clear(std::memory_order_release);
  const CoreTrait* const kept = known(table);
  return kept != nullptr ? *kept : found;
}

CoreKind core_kind_for(Index m, Index n, Index k) {
  if (const std::optional<Way> way = forced_way(); way)
    return *way == Way::down || *way == Way::copy || *way == Way::ahead ? CoreKind::columns : CoreKind::rows;
  const KernelTable& table = dispatch::active();
  if (const CoreTrait* t = known(table); t != nullptr) return t->kind;
  if (static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k) < kWorthwhile) return CoreKind::rows;
  // One thread of a team measures; the others go on meanwhile.
  static std::atomic_flag first = ATOMIC_FLAG_INIT;
  if (first.test_and_set(std::memory_order_acquire)) return CoreKind::rows;
  const CoreKind kind = core_trait().kind;
  first.clear(std::memory_order_release);
  return kind;
}

std::optional<Way> forced_way() {
  const int way = g_forced_way.load(std::memory_order_relaxed);
  return way < 0 ? std::nullopt : std::optional<Way>(static_cast<Way>(way));
}

void force_way(const std::string& name, const char* source) {
  std::string names = "auto";
  int found = name == "auto" ? -1 : kWays;
  for (int w = 0; w < kWays; ++w) {
    if (name == kWayNames[w]) found = w;
    names += std::string(", ") + kWayNames[w];
  }
  if (found == kWays) throw std::invalid_argument(std::string(source) + " must be one of " + names + ", got '" + name + "'");
  g_forced_way.store(found, std::memory_order_relaxed);
}

std::string forced_way_name() {
  const std::optional<Way> way = forced_way();
  return way ? kWayNames[static_cast<int>(*way)] : "auto";
}

}  // namespace pyffnn::ops
