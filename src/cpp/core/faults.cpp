#include "core/faults.h"

#if defined(PYFFNN_FAULTS)
#include <atomic>
#include <cstdlib>
#include <new>

namespace pyffnn::faults {
namespace {

std::atomic<Index> g_passed{0}, g_first{0}, g_end{0};
thread_local int t_spared = 0;

bool fails() {
  if (t_spared > 0) return false;
  const Index n = g_passed.fetch_add(1) + 1;
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
