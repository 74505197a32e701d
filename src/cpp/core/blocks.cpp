#include "core/blocks.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>

#include "core/faults.h"
#include "core/platform.h"

namespace pyffnn::blocks {
namespace {

constexpr Index kPage = Index{2} << 20, kLarge = kPage / 4;
constexpr Index kLimit = Index{256} << 20, kMost = Index{1} << 60;
constexpr int kSlots = 32;

std::atomic<Index> g_now{0}, g_most{0};

Block counted(Block block, Use use) {
  if (use == Use::result) return block;
  const Index now = g_now.fetch_add(block.bytes, std::memory_order_relaxed) + block.bytes;
  Index most = g_most.load(std::memory_order_relaxed);
  while (now > most && !g_most.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
  return block;
}

void free_all(const Block* blocks, int count) {
  for (int i = 0; i < count; ++i) platform::free_aligned(blocks[i].data);
}

// -1: no number of bytes. Without the variable: the default.
Index limit_of_environment() {
  const char* const text = std::getenv("PYFFNN_KEPT_MEMORY");
  if (text == nullptr || *text == '\0') return kLimit;
  Index value = 0;
  for (const char* c = text; *c != '\0'; ++c) {
    if (*c < '0' || *c > '9' || value > kMost / 10) return -1;
    value = 10 * value + (*c - '0');
  }
  return value;
}

struct Shelf {
  std::mutex mutex;
  Block blocks[kSlots];  // first those that have been here longest
  int count = 0;
  Index bytes = 0;
  std::atomic<Index> limit{kLimit};

  Block out(int i) {
    const Block block = blocks[i];
    std::copy(blocks + i + 1, blocks + count, blocks + i);
    --count;
    bytes -= block.bytes;
    return block;
  }
  // The oldest go until `more` bytes in `slots` blocks have room.
  int make_room(Index more, int slots, Block (&gone)[kSlots]) {
    int n = 0;
    while (count > 0 && (count + slots > kSlots || bytes + more > limit.load(std::memory_order_relaxed))) gone[n++] = out(0);
    return n;
  }
};

// Never destroyed: threads may give back their scratch after the static objects are gone. Whole, and open, in the child of a fork.
Shelf& shelf() {
  static Shelf* const kept = [] {
    static Shelf* const made = new Shelf;
    if (const Index limit = limit_of_environment(); limit >= 0) made->limit.store(limit);
    platform::at_fork([] { made->mutex.lock(); }, [] { made->mutex.unlock(); }, [] { made->mutex.unlock(); });
    return made;
  }();
  return *kept;
}

// The smallest kept block that is large enough and not wastefully large.
bool take_kept(Index bytes, Use use, Block& block) {
  Shelf& s = shelf();
  const Index most = use == Use::scratch ? 2 * bytes : bytes + bytes / 4;
  const std::lock_guard<std::mutex> lock(s.mutex);
  int best = -1;
  for (int i = 0; i < s.count; ++i) {
    const Index size = s.blocks[i].bytes;
    if (size >= bytes && size <= most && (best < 0 || size < s.blocks[best].bytes)) best = i;
  }
  if (best < 0) return false;
  block = s.out(best);
  return true;
}

bool keep(Block block) {
  Shelf& s = shelf();
  if (block.bytes > s.limit.load(std::memory_order_relaxed)) return false;
  platform::forget_content(block.data, static_cast<std::size_t>(block.bytes));
  Block gone[kSlots];
  int n = 0;
  {
    const std::lock_guard<std::mutex> lock(s.mutex);
    if (block.bytes > s.limit.load(std::memory_order_relaxed)) return false;
    n = s.make_room(block.bytes, 1, gone);
    s.blocks[s.count++] = block;
    s.bytes += block.bytes;
  }
  free_all(gone, n);
  return true;
}

}  // namespace

Block take(Index bytes, Use use) {
  if (bytes > kMost) throw std::bad_alloc();
  faults::allocation();
  const Index align = bytes >= kLarge ? kPage : 64;
  Block block{nullptr, (std::max<Index>(bytes, 1) + align - 1) / align * align};
  if (align == kPage && take_kept(block.bytes, use, block)) return counted(block, use);
  block.data = platform::allocate_aligned(static_cast<std::size_t>(align), static_cast<std::size_t>(block.bytes));
  if (block.data == nullptr) throw std::bad_alloc();
  const Index large = use == Use::scratch ? block.bytes : bytes / kPage * kPage;
  if (align == kPage && large > 0) platform::want_large_pages(block.data, static_cast<std::size_t>(large));
  return counted(block, use);
}

void give(Block block, Use use) noexcept {
  if (use == Use::scratch) g_now.fetch_sub(block.bytes, std::memory_order_relaxed);
  if (block.bytes < kPage || !keep(block)) platform::free_aligned(block.data);
}

Usage usage() { return {g_now.load(std::memory_order_relaxed), g_most.load(std::memory_order_relaxed)}; }

Index kept() {
  Shelf& s = shelf();
  const std::lock_guard<std::mutex> lock(s.mutex);
  return s.bytes;
}

Index limit() { return shelf().limit.load(std::memory_order_relaxed); }

void set_limit(Index bytes) {
  Shelf& s = shelf();
  Block gone[kSlots];
  int n = 0;
  {
    const std::lock_guard<std::mutex> lock(s.mutex);
    s.limit.store(bytes, std::memory_order_relaxed);
    n = s.make_room(0, 0, gone);
  }
  free_all(gone, n);
}

Index release() {
  Shelf& s = shelf();
  Block gone[kSlots];
  int n = 0;
  Index bytes = 0;
  {
    const std::lock_guard<std::mutex> lock(s.mutex);
    bytes = s.bytes;
    while (s.count > 0) gone[n++] = s.out(0);
  }
  free_all(gone, n);
  return bytes;
}

void check_environment() {
  if (limit_of_environment() >= 0) return;
  const std::string text = std::getenv("PYFFNN_KEPT_MEMORY");
  throw std::invalid_argument("PYFFNN_KEPT_MEMORY '" + text + "' is not usable; usable: a number of bytes, 0 to keep none");
}

}  // namespace pyffnn::blocks
