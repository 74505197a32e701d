#include "ops/fingerprint.h"

#include <array>
#include <cstring>
#include <vector>

#include "core/thread_pool.h"

namespace pyffnn::ops {
namespace {

using Word = std::uint64_t;
__extension__ using Wide = unsigned __int128;

constexpr Index kBlock = 64 << 10;  // bytes: the unit of work, the same whatever the thread count
constexpr Index kStripe = 128;      // words that are summed into one number of 128 bits

// Every change of the argument changes the result, and one bit in it about half of the bits (the finaliser of MurmurHash3).
constexpr Word scrambled(Word h) {
  h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDull;
  h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53ull;
  return h ^ (h >> 33);
}
constexpr Word mix(Word h, Word w) { return scrambled(h ^ w); }

constexpr std::array<Word, kStripe> make_keys() {
  std::array<Word, kStripe> keys{};
  for (Index i = 0; i < kStripe; ++i) keys[static_cast<std::size_t>(i)] = scrambled(static_cast<Word>(i + 1) * 0x9E3779B97F4A7C15ull);
  return keys;
}
constexpr std::array<Word, kStripe> kKeys = make_keys();

Word load(const char* p) {
  Word w;
  std::memcpy(&w, p, sizeof w);
  return w;
}

Wide product(const char* p, const Word* key) { return static_cast<Wide>(load(p) + key[0]) * (load(p + 8) + key[1]); }

// NH (Black et al., UMAC, 1999): the sum over pairs of words of (a + key) (b + key'). Of all choices of the keys, no more than one in 2^64
// gives two different stripes one sum, whatever the stripes: there is no pattern of bits whose flipping goes unseen as a rule.
Wide stripe_sum(const char* p, Index words) {
  const Word* const key = kKeys.data();
  Wide even = 0, odd = 0;
  Index i = 0;
  for (; i + 4 <= words; i += 4) {
    even += product(p + 8 * i, key + i);
    odd += product(p + 8 * i + 16, key + i + 2);
  }
  if (i < words) even += product(p + 8 * i, key + i);
  return even + odd;
}

Word with_stripe(Word h, const char* p, Index words) {
  const Wide sum = stripe_sum(p, words);
  return mix(mix(h, static_cast<Word>(sum)), static_cast<Word>(sum >> 64));
}

Word block_hash(const char* p, Index count) {
  Word h = scrambled(static_cast<Word>(count) + 1);
  for (; count >= 8 * kStripe; p += 8 * kStripe, count -= 8 * kStripe) h = with_stripe(h, p, kStripe);
  if (count == 0) return h;
  // Pairs of words, the last of which may be short.
  const Index whole = count / 16 * 16;
  if (whole > 0) h = with_stripe(h, p, whole / 8);
  if (whole < count) {
    char rest[16] = {};
    std::memcpy(rest, p + whole, static_cast<std::size_t>(count - whole));
    h = mix(mix(h, load(rest)), load(rest + 8));
  }
  return h;
}

}  // namespace

std::uint64_t fingerprint(const void* bytes, Index count) {
  const char* p = static_cast<const char*>(bytes);
  if (count <= kBlock) return block_hash(p, count);
  const Index blocks = (count + kBlock - 1) / kBlock;
  std::vector<Word> hashes(static_cast<std::size_t>(blocks));
  threads::parallel_for(blocks, threads::threads_for(static_cast<double>(count)), [&](Index b, Index e) {
    for (Index i = b; i < e; ++i)
      hashes[static_cast<std::size_t>(i)] = block_hash(p + i * kBlock, i + 1 < blocks ? kBlock : count - i * kBlock);
  });
  Word h = scrambled(static_cast<Word>(blocks));
  for (const Word w : hashes) h = mix(h, w);
  return h;
}

}  // namespace pyffnn::ops
