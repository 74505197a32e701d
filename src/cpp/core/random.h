// Random numbers by counter: a number depends on what it is for (seed, step, stream, position) and not on who draws it or when.
#pragma once
#include <cstdint>

namespace pyffnn::random {

constexpr std::uint64_t kGolden = 0x9e3779b97f4a7c15u;

// splitmix64's finaliser, as in the dropout kernel.
inline std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// What numbers are drawn for: a stream each, so that no two masks share numbers. Streams from kHidden, kInitialWeights and kInitialWords on
// are counted by layer.
enum Stream : std::uint64_t {
  kWords = 1,
  kInput = 2,
  kSampled = 3,
  kOutputColumns = 4,
  kNgrams = 5,
  kEmbedding = 16,
  kHidden = 17,
  kInitialTable = 1 << 20,
  kInitialWeights = (1 << 20) + 1,
  kInitialWords = 1 << 24,
};

inline std::uint64_t key(std::uint64_t seed, std::uint64_t step, std::uint64_t stream) {
  return mix64(mix64(mix64(seed + kGolden) + step * kGolden) + stream * kGolden);
}

// 64 random bits for a counter.
inline std::uint64_t bits64(std::uint64_t key, std::uint64_t counter) { return mix64(key + counter * kGolden); }
inline std::uint32_t bits32(std::uint64_t key, std::uint64_t counter) { return static_cast<std::uint32_t>(bits64(key, counter) >> 32); }
// In [0, 1).
inline double uniform(std::uint64_t key, std::uint64_t counter) { return static_cast<double>(bits64(key, counter) >> 11) * 0x1p-53; }
// bits32() below this number happen with probability `rate`.
inline std::uint64_t threshold(double rate) { return static_cast<std::uint64_t>(rate * 4294967296.0); }

}  // namespace pyffnn::random
