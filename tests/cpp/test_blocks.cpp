// Kept blocks under the sanitizers: no block has two owners, whatever threads take, give, free and fork meanwhile, and the limit holds.
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "child.h"
#include "core/blocks.h"

namespace blocks = pyffnn::blocks;
using pyffnn::Index;

namespace {

constexpr Index kMB = Index{1} << 20;

// Writes its mark into a block and finds it there later.
bool alone(blocks::Use use, Index bytes, int mark) {
  const blocks::Block block = blocks::take(bytes, use);
  int* const first = static_cast<int*>(block.data);
  int* const last = reinterpret_cast<int*>(static_cast<char*>(block.data) + bytes) - 1;
  *first = *last = mark;
  std::this_thread::yield();
  const bool good = block.bytes >= bytes && *first == mark && *last == mark;
  blocks::give(block, use);
  return good;
}

void threads_share_nothing() {
  blocks::set_limit(16 * kMB);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&wrong, t] {
      for (int i = 0; i < 200; ++i) {
        const auto use = i % 2 == 0 ? blocks::Use::scratch : blocks::Use::result;
        if (!alone(use, (1 + (i + t) % 5) * kMB, 1000 * t + i)) ++wrong;
        if (i % 50 == t) blocks::release();
        if (i % 50 == 10 + t) blocks::set_limit((8 + t) * kMB);
      }
    });
  }
  for (int i = 0; i < 5; ++i) {
    in_child([i] { CHECK(alone(blocks::Use::result, 3 * kMB, i) && blocks::kept() > 0); });
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(blocks::kept() <= 16 * kMB);
  CHECK(blocks::usage().now == 0);
}

void the_oldest_goes_first() {
  blocks::set_limit(8 * kMB);
  blocks::release();
  blocks::Block taken[3];
  for (blocks::Block& b : taken) b = blocks::take(4 * kMB);
  const void* const last[] = {taken[1].data, taken[2].data};
  for (const blocks::Block& b : taken) blocks::give(b);
  CHECK(blocks::kept() == 8 * kMB);
  const blocks::Block a = blocks::take(4 * kMB), b = blocks::take(4 * kMB);
  CHECK((a.data == last[0] && b.data == last[1]) || (a.data == last[1] && b.data == last[0]));
  CHECK(blocks::kept() == 0);
  blocks::give(a);
  blocks::give(b);
  CHECK(blocks::release() == 8 * kMB);
}

void a_result_takes_no_block_that_is_much_too_large() {
  blocks::set_limit(64 * kMB);
  blocks::release();
  const blocks::Block large = blocks::take(8 * kMB);
  blocks::give(large);
  const blocks::Block result = blocks::take(4 * kMB, blocks::Use::result);
  CHECK(result.data != large.data && result.bytes == 4 * kMB);
  const blocks::Block scratch = blocks::take(4 * kMB);
  CHECK(scratch.data == large.data);
  blocks::give(result, blocks::Use::result);
  blocks::give(scratch);
  blocks::set_limit(0);
  CHECK(blocks::kept() == 0);
}

}  // namespace

int main() {
  threads_share_nothing();
  the_oldest_goes_first();
  a_result_takes_no_block_that_is_much_too_large();
  return g_failures == 0 ? 0 : 1;
}
