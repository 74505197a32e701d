#include "core/blocks.h"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <new>

#include "core/faults.h"
#include "core/platform.h"

namespace pyffnn::blocks {
namespace {

constexpr Index kPage = Index{2} << 20, kLarge = kPage / 4;
constexpr Index kMostKept = Index{256} << 20;
constexpr int kSlots = 32;

std::atomic<Index> g_now{0}, g_most{0};

Block counted(Block block) {
  const Index now = g_now.fetch_add(block.bytes, std::memory_order_relaxed) + block.bytes;
  Index most = g_most.load(std::memory_order_relaxed);
  while (now > most && !g_most.compare_exchange_weak(most, now, std::memory_order_relaxed)) {
  }
  return block;
}

struct Shelf {
  std::mutex mutex;
  Block blocks[kSlots];
  int count = 0;
  Index bytes = 0;
};

// Never destroyed: threads may give back their scratch after the static objects are gone.
Shelf& shelf() {
  static Shelf* const kept = new Shelf;
  return *kept;
}

// The smallest kept block that is large enough and not wastefully large. A lock that another thread holds is not waited for, nor can be
// after a fork.
bool take_kept(Index bytes, Block& block) {
  Shelf& s = shelf();
  const std::unique_lock<std::mutex> lock(s.mutex, std::try_to_lock);
  if (!lock) return false;
  int best = -1;
  for (int i = 0; i < s.count; ++i) {
    const Index size = s.blocks[i].bytes;
    if (size >= bytes && size <= 2 * bytes && (best < 0 || size < s.blocks[best].bytes)) best = i;
  }
  if (best < 0) return false;
  block = s.blocks[best];
  s.blocks[best] = s.blocks[--s.count];
  s.bytes -= block.bytes;
  return true;
}

bool keep(Block block) {
  Shelf& s = shelf();
  const std::unique_lock<std::mutex> lock(s.mutex, std::try_to_lock);
  if (!lock || s.count == kSlots || s.bytes + block.bytes > kMostKept) return false;
  s.blocks[s.count++] = block;
  s.bytes += block.bytes;
  return true;
}

}  // namespace

Block take(Index bytes) {
  if (bytes > (Index{1} << 60)) throw std::bad_alloc();
  faults::allocation();
  const Index align = bytes >= kLarge ? kPage : 64;
  Block block{nullptr, (std::max<Index>(bytes, 1) + align - 1) / align * align};
  if (align == kPage && take_kept(block.bytes, block)) return counted(block);
  block.data = platform::allocate_aligned(static_cast<std::size_t>(align), static_cast<std::size_t>(block.bytes));
  if (block.data == nullptr) throw std::bad_alloc();
  if (align == kPage) platform::want_large_pages(block.data, static_cast<std::size_t>(block.bytes));
  return counted(block);
}

Usage usage() { return {g_now.load(std::memory_order_relaxed), g_most.load(std::memory_order_relaxed)}; }

void give(Block block) noexcept {
  g_now.fetch_sub(block.bytes, std::memory_order_relaxed);
  if (block.bytes >= kPage) {
    platform::forget_content(block.data, static_cast<std::size_t>(block.bytes));
    if (keep(block)) return;
  }
  platform::free_aligned(block.data);
}

}  // namespace pyffnn::blocks
