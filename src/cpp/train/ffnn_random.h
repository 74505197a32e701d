// Random numbers by counter: a number depends on what it is for (seed, step, purpose, position) and not on who draws it or when.
#pragma once
#include <cstdint>

namespace pyffnn::train {

// splitmix64's finaliser, as in the dropout kernel.
inline std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

// Purposes: a stream each, so that no two masks share numbers.
constexpr std::uint64_t kWordStream = 1, kInputStream = 2, kLayerStream = 16, kInitialStream = 1 << 20;

inline std::uint64_t random_key(std::uint64_t seed, std::uint64_t step, std::uint64_t stream) {
  constexpr std::uint64_t golden = 0x9e3779b97f4a7c15u;
  return mix64(mix64(mix64(seed + golden) + step * golden) + stream * golden);
}

// 32 random bits for a counter.
inline std::uint32_t random_bits(std::uint64_t key, std::uint64_t counter) {
  return static_cast<std::uint32_t>(mix64(key + counter * 0x9e3779b97f4a7c15u) >> 32);
}

}  // namespace pyffnn::train
