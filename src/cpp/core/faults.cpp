#include "core/faults.h"

#if defined(PYFFNN_FAULTS)
#include <unwind.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace pyffnn::faults {
namespace {

std::atomic<Index> g_passed{0}, g_first{0}, g_end{0};
thread_local int t_spared = 0;
std::atomic<std::uint64_t*> g_places{nullptr};
std::atomic<Index> g_room{0};

// How far up the callers tell two places apart: through the containers of the standard library to what asked for them, and who asked that.
constexpr int kFrames = 14;

struct Callers {
  std::uint64_t hash = 0;
  int frames = 0;
};

std::uint64_t place() {
  Callers seen;
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* to) {
        Callers& s = *static_cast<Callers*>(to);
        s.hash = (s.hash ^ _Unwind_GetIP(context)) * 0x9E3779B97F4A7C15U;
        s.hash ^= s.hash >> 29;
        return ++s.frames < kFrames ? _URC_NO_REASON : _URC_END_OF_STACK;
      },
      &seen);
  return seen.hash;
}

bool fails() {
  if (t_spared > 0) return false;
  const Index n = g_passed.fetch_add(1) + 1;
  if (std::uint64_t* const places = g_places.load(); places != nullptr && n <= g_room.load()) places[n - 1] = place();
  return n >= g_first.load() && n < g_end.load();
}

// Null where the allocation fails, by order or in earnest.
void* attempt(std::size_t bytes, std::size_t align) noexcept {
  if (fails()) return nullptr;
  if (bytes == 0) bytes = 1;
  return align == 0 ? std::malloc(bytes) : std::aligned_alloc(align, (bytes + align - 1) / align * align);
}

void* taken(std::size_t bytes, std::size_t align = 0) {
  void* const p = attempt(bytes, align);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

}  // namespace

void arm(Index first, Index times) {
  g_end.store(0);
  g_passed.store(0);
  g_first.store(first);
  g_end.store(first > 0 ? first + times : 0);
}

Index passed() { return g_passed.load(); }

void trace(std::uint64_t* places, Index room) {
  g_places.store(nullptr);
  g_room.store(room);
  g_places.store(places);
}

Spared::Spared() { ++t_spared; }
Spared::~Spared() { --t_spared; }

void allocation() {
  if (fails()) throw std::bad_alloc();
}

}  // namespace pyffnn::faults

// The library's own operators. cmake/exports.map keeps them to the library, so other code of the process goes on with those it had; both
// kinds take from malloc and give back to free, for what one has taken the other may give back.
using pyffnn::faults::attempt;
using pyffnn::faults::taken;

void* operator new(std::size_t n) { return taken(n); }
void* operator new[](std::size_t n) { return taken(n); }
void* operator new(std::size_t n, std::align_val_t a) { return taken(n, static_cast<std::size_t>(a)); }
void* operator new[](std::size_t n, std::align_val_t a) { return taken(n, static_cast<std::size_t>(a)); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return attempt(n, 0); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return attempt(n, 0); }
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, const std::nothrow_t&) noexcept { std::free(p); }
void operator delete[](void* p, const std::nothrow_t&) noexcept { std::free(p); }
#endif
