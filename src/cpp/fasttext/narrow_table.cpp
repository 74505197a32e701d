#include "fasttext/narrow_table.h"

#include <cmath>
#include <string>

#include "core/dispatch.h"
#include "core/math.h"

namespace pyffnn::fasttext {
namespace {

// Numbers are taken eight at a time, in loops whose length the compiler knows.
constexpr Index kStep = 8;

template <class To, class From>
To bits_of(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To bits;
  std::memcpy(&bits, &x, sizeof(To));
  return bits;
}

struct Float16 {
  using Code = std::uint16_t;
  static constexpr Index kHead = 0;
  static constexpr float kTooLarge = 65520.0f;  // from here on the nearest is infinity

  static Code of(float x) {
    const auto bits = bits_of<std::uint32_t>(x);
    const auto sign = static_cast<std::uint32_t>(bits >> 16 & 0x8000u);
    const float size = std::fabs(x);
    if (!(size < kTooLarge))
      throw std::invalid_argument("the table holds " + std::to_string(x) + ", for which float16 has no number (up to 65504)");
    std::uint32_t code = 0;
    if (size < 0x1p-14f) {
      code = static_cast<std::uint32_t>(std::nearbyint(size * 0x1p24f));  // subnormal
    } else {
      const std::uint32_t magnitude = bits & 0x7fffffffu;
      code = ((magnitude + 0xfff + (magnitude >> 13 & 1)) >> 13) - (112u << 10);
    }
    return static_cast<Code>(sign | code);
  }
  static void encode(const float* x, Index n, char* row) {
    for (Index j = 0; j < n; ++j) {
      const Code code = of(x[j]);
      std::memcpy(row + j * static_cast<Index>(sizeof(Code)), &code, sizeof(Code));
    }
  }
  // sum += kStep numbers
  static void add(const char* codes, const char*, float* sum) {
    Code code[kStep];
    std::memcpy(code, codes, sizeof(code));
    std::uint32_t bits[kStep];
    for (Index j = 0; j < kStep; ++j) bits[j] = static_cast<std::uint32_t>(code[j] & 0x7fff) << 13;
    float x[kStep];
    std::memcpy(x, bits, sizeof(x));
    for (Index j = 0; j < kStep; ++j) x[j] *= 0x1p112f;  // subnormals, too
    std::memcpy(bits, x, sizeof(x));
    for (Index j = 0; j < kStep; ++j) bits[j] |= static_cast<std::uint32_t>(code[j] & 0x8000) << 16;
    std::memcpy(x, bits, sizeof(x));
    for (Index j = 0; j < kStep; ++j) sum[j] += x[j];
  }
};

struct Int8 {
  using Code = std::int8_t;
  static constexpr Index kHead = sizeof(float);  // the scale

  static void encode(const float* x, Index n, char* row) {
    constexpr float kMost = 127;
    float most = 0;
    for (Index j = 0; j < n; ++j) {
      if (!std::isfinite(x[j])) throw std::invalid_argument("the table holds " + std::to_string(x[j]) + ", for which int8 has no number");
      most = std::max(most, std::fabs(x[j]));
    }
    const float scale = most / kMost;
    std::memcpy(row, &scale, sizeof(scale));
    if (scale == 0) return;
    for (Index j = 0; j < n; ++j) {
      const float code = std::min(std::max(std::nearbyint(x[j] / scale), -kMost), kMost);
      row[kHead + j] = static_cast<char>(static_cast<Code>(code));
    }
  }
  static void add(const char* codes, const char* row, float* sum) {
    float scale = 0;
    std::memcpy(&scale, row, sizeof(scale));
    Code code[kStep];
    std::memcpy(code, codes, sizeof(code));
    for (Index j = 0; j < kStep; ++j) sum[j] += scale * static_cast<float>(code[j]);
  }
};

template <class Kind>
class NarrowTable final : public Table {
 public:
  NarrowTable(const Table& from, Interrupt& interrupt)
      : Table(from.rows(), from.dim()),
        row_bytes_(row_size(from.dim())),
        numbers_(ceil_div(checked_product({from.rows(), row_bytes_}), Index{sizeof(float)})) {
    std::vector<float> row(static_cast<std::size_t>(dim_));
    for (Index i = 0; i < rows_; ++i) {
      if (i % 65536 == 0) interrupt.poll();
      from.copy(i, row.data());
      Kind::encode(row.data(), dim_, reinterpret_cast<char*>(numbers_.data()) + i * row_bytes_);
    }
  }

  using Table::mean;
  void mean(const std::int32_t* ids, Index n, float* out) const override {
    constexpr Index kAhead = 16, kLine = 64;
    const auto scale = static_cast<float>(1.0 / static_cast<double>(n));
    for (Index from = 0; from < dim_; from += kBlock) {
      float sum[kBlock] = {};
      const Index end = std::min(dim_, from + kBlock);
      for (Index i = 0; i < n; ++i) {
        if (from == 0 && i + kAhead < n)
          for (Index at = 0; at < row_bytes_; at += kLine) __builtin_prefetch(row(ids[i + kAhead]) + at);
        add_block(row(ids[i]), from, end, sum);
      }
      for (Index j = from; j < end; ++j) out[j] = sum[j - from] * scale;
    }
  }
  void add(Index i, float* x) const override {
    for (Index from = 0; from < dim_; from += kBlock) {
      float sum[kBlock] = {};
      const Index end = std::min(dim_, from + kBlock);
      add_block(row(i), from, end, sum);
      for (Index j = from; j < end; ++j) x[j] += sum[j - from];
    }
  }
  void dots(const float* x, Index begin, Index end, float* out) const override {
    const auto& kernels = dispatch::kernels<float>();
    std::vector<float> numbers(static_cast<std::size_t>(dim_));
    for (Index i = begin; i < end; ++i) {
      copy(i, numbers.data());
      out[i - begin] = kernels.dot(numbers.data(), x, dim_);
    }
  }
  void write(Writer& to) const override {
    to.put(rows_);
    to.put(dim_);
    std::vector<float> numbers(static_cast<std::size_t>(dim_));
    for (Index i = 0; i < rows_; ++i) {
      copy(i, numbers.data());
      to.put_bytes(numbers.data(), dim_ * static_cast<Index>(sizeof(float)));
    }
  }

 private:
  static constexpr Index kBlock = 128;  // numbers whose sums are kept
  // Whole steps; rows that are no longer than a cache line lie within one.
  static Index row_size(Index dim) {
    constexpr Index kLine = 64;
    const Index bytes = Kind::kHead + round_up(dim, kStep) * static_cast<Index>(sizeof(typename Kind::Code));
    if (bytes > kLine) return round_up(bytes, Index{4});
    Index size = kStep;
    while (size < bytes) size *= 2;
    return size;
  }
  const char* row(Index i) const { return reinterpret_cast<const char*>(numbers_.data()) + i * row_bytes_; }
  static void add_block(const char* row, Index from, Index end, float* sum) {
    const char* const codes = row + Kind::kHead;
    for (Index j = from; j < end; j += kStep) Kind::add(codes + j * static_cast<Index>(sizeof(typename Kind::Code)), row, sum + (j - from));
  }

  Index row_bytes_;
  Numbers numbers_;
};

}  // namespace

TablePtr narrowed(const Table& table, Narrow kind, Interrupt& interrupt) {
  if (kind == Narrow::float16) return std::make_shared<NarrowTable<Float16>>(table, interrupt);
  return std::make_shared<NarrowTable<Int8>>(table, interrupt);
}

}  // namespace pyffnn::fasttext
