// fastText's hash function, and remainders without a division.
#pragma once
#include <cstdint>
#include <string_view>

namespace pyffnn::fasttext {

constexpr std::uint32_t kHashStart = 2166136261u;
// FNV-1a, but each byte is extended with its sign first, as in all files that exist.
inline std::uint32_t hash_step(std::uint32_t h, char c) {
  return (h ^ static_cast<std::uint32_t>(static_cast<std::int32_t>(static_cast<std::int8_t>(c)))) * 16777619u;
}
inline std::uint32_t hash_of(std::string_view s) {
  std::uint32_t h = kHashStart;
  for (const char c : s) h = hash_step(h, c);
  return h;
}

// x % divisor, for divisors from 1 to 2^31. Without a branch: nothing about a hash can be predicted.
class Remainder {
 public:
  explicit Remainder(std::uint32_t divisor = 1)
      : divisor_(divisor), inverse_(~std::uint64_t{0} / divisor + 1), all_(divisor > 1 ? ~std::uint32_t{0} : 0) {}
  std::uint32_t of(std::uint64_t x) const {
    const auto quotient = static_cast<std::uint64_t>((static_cast<unsigned __int128>(x) * inverse_) >> 64);
    const auto rest = static_cast<std::int64_t>(x - quotient * divisor_);  // the quotient is at most one too large
    return static_cast<std::uint32_t>(rest + (static_cast<std::int64_t>(divisor_) & (rest >> 63))) & all_;
  }

 private:
  std::uint64_t divisor_, inverse_;  // 2^64 / divisor, rounded up
  std::uint32_t all_;
};

}  // namespace pyffnn::fasttext
