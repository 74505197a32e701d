#include "ops/fingerprint.h"

#include <cstring>
#include <vector>

#include "core/thread_pool.h"

namespace pyffnn::ops {
namespace {

constexpr Index kLanes = 8;         // independent multiply chains: one multiply has a latency of 3-4 cycles
constexpr Index kBlock = 64 << 10;  // the unit of work, the same whatever the thread count
constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15ull;

std::uint64_t load(const char* p) {
  std::uint64_t w;
  std::memcpy(&w, p, sizeof w);
  return w;
}

// Each step is a bijection of h for a fixed w and of w for a fixed h.
std::uint64_t mix(std::uint64_t h, std::uint64_t w) {
  h = (h ^ w) * kOdd;
  return h ^ (h >> 32);
}

std::uint64_t block_hash(const char* p, Index count) {
  std::uint64_t lane[kLanes];
  for (Index i = 0; i < kLanes; ++i) lane[i] = kOdd * static_cast<std::uint64_t>(i + 1);
  const char* const end = p + count;
  for (; end - p >= kLanes * 8; p += kLanes * 8)
    for (Index i = 0; i < kLanes; ++i) lane[i] = (lane[i] ^ load(p + 8 * i)) * kOdd;
  std::uint64_t h = static_cast<std::uint64_t>(count);
  for (Index i = 0; i < kLanes; ++i) h = mix(h, lane[i] ^ (lane[i] >> 32));
  for (; end - p >= 8; p += 8) h = mix(h, load(p));
  if (p < end) {
    std::uint64_t tail = 0;
    std::memcpy(&tail, p, static_cast<std::size_t>(end - p));
    h = mix(h, tail);
  }
  return h;
}

}  // namespace

std::uint64_t fingerprint(const void* bytes, Index count) {
  const char* p = static_cast<const char*>(bytes);
  if (count <= kBlock) return block_hash(p, count);
  const Index blocks = (count + kBlock - 1) / kBlock;
  std::vector<std::uint64_t> hashes(static_cast<std::size_t>(blocks));
  threads::parallel_for(blocks, threads::threads_for(static_cast<double>(count)), [&](Index b, Index e) {
    for (Index i = b; i < e; ++i)
      hashes[static_cast<std::size_t>(i)] = block_hash(p + i * kBlock, i + 1 < blocks ? kBlock : count - i * kBlock);
  });
  std::uint64_t h = kOdd;
  for (const std::uint64_t w : hashes) h = mix(h, w);
  return h;
}

}  // namespace pyffnn::ops
