#include "quant/product_quantiser.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "core/random.h"
#include "core/thread_pool.h"

namespace pyffnn::quant {
namespace {

constexpr Index kMostPoints = 256 * kCentroids;
constexpr int kRounds = 25;
constexpr float kApart = 1e-7f;  // what the two halves of a split cluster differ by

std::uint8_t nearest(const float* x, const float* centroids, Index d) {
  Index best = 0;
  float least = 0;
  for (Index c = 0; c < kCentroids; ++c) {
    float distance = 0;
    for (Index j = 0; j < d; ++j) {
      const float difference = x[j] - centroids[c * d + j];
      distance += difference * difference;
    }
    if (c == 0 || distance < least) {
      best = c;
      least = distance;
    }
  }
  return static_cast<std::uint8_t>(best);
}

// The first `chosen` of a random order of n.
std::vector<std::int32_t> draw(Index n, Index chosen, std::uint64_t key) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  for (Index i = 0; i < chosen; ++i) {
    const auto left = static_cast<double>(n - i);
    const Index other = i + static_cast<Index>(random::uniform(key, static_cast<std::uint64_t>(i)) * left);
    std::swap(order[static_cast<std::size_t>(i)], order[static_cast<std::size_t>(std::min(other, n - 1))]);
  }
  order.resize(static_cast<std::size_t>(chosen));
  return order;
}

}  // namespace

ProductQuantiser::ProductQuantiser(Index dim, Index dsub, std::vector<float> centroids)
    : dim_(dim), dsub_(dsub), parts_((dim + dsub - 1) / dsub), last_(dim - (parts_ - 1) * dsub), centroids_(std::move(centroids)) {
  if (centroids_.empty()) centroids_.resize(static_cast<std::size_t>(dim * kCentroids));
}

void ProductQuantiser::train(const float* x, Index n, std::uint64_t seed, Interrupt& interrupt) {
  if (n < kCentroids)
    throw std::invalid_argument("Matrix too small for quantization, must have at least " + std::to_string(kCentroids) + " rows, got " +
                                std::to_string(n));
  const Index points = std::min(n, kMostPoints);
  for (Index first = 0; first < parts_; first += 16) {
    interrupt.poll();
    const Index some = std::min<Index>(16, parts_ - first);
    threads::parallel_for(some, threads::threads_for(static_cast<double>(some * points) * 1e4), [&](Index begin, Index end) {
      for (Index m = first + begin; m < first + end; ++m) {
        const Index d = width(m);
        const std::vector<std::int32_t> rows = draw(n, points, random::key(seed, static_cast<std::uint64_t>(m), 1));
        std::vector<float> part(static_cast<std::size_t>(points * d));
        for (Index i = 0; i < points; ++i)
          std::copy_n(x + static_cast<Index>(rows[static_cast<std::size_t>(i)]) * dim_ + m * dsub_, d, part.data() + i * d);
        train_part(part.data(), points, centroids_.data() + m * kCentroids * dsub_, d, random::key(seed, static_cast<std::uint64_t>(m), 2));
      }
    });
  }
}

void ProductQuantiser::train_part(const float* x, Index n, float* centroids, Index d, std::uint64_t key) const {
  std::copy_n(x, kCentroids * d, centroids);
  std::vector<std::uint8_t> codes(static_cast<std::size_t>(n));
  std::vector<double> sums(static_cast<std::size_t>(kCentroids * d));
  std::vector<Index> members(kCentroids);
  std::uint64_t drawn = 0;
  for (int round = 0; round < kRounds; ++round) {
    std::fill(sums.begin(), sums.end(), 0.0);
    std::fill(members.begin(), members.end(), Index{0});
    for (Index i = 0; i < n; ++i) {
      const std::uint8_t code = nearest(x + i * d, centroids, d);
      codes[static_cast<std::size_t>(i)] = code;
      ++members[code];
      for (Index j = 0; j < d; ++j) sums[static_cast<std::size_t>(code * d + j)] += x[i * d + j];
    }
    for (Index c = 0; c < kCentroids; ++c)
      if (members[static_cast<std::size_t>(c)] > 0)
        for (Index j = 0; j < d; ++j)
          centroids[c * d + j] =
              static_cast<float>(sums[static_cast<std::size_t>(c * d + j)] / static_cast<double>(members[static_cast<std::size_t>(c)]));
    // A centroid that nothing is nearest to takes half of another's, of which large ones are likelier.
    for (Index c = 0; c < kCentroids; ++c) {
      if (members[static_cast<std::size_t>(c)] > 0) continue;
      Index from = 0;
      while (random::uniform(key, drawn++) * static_cast<double>(n) >= static_cast<double>(members[static_cast<std::size_t>(from)] - 1))
        from = (from + 1) % kCentroids;
      for (Index j = 0; j < d; ++j) {
        const float shift = j % 2 == 0 ? -kApart : kApart;
        centroids[c * d + j] = centroids[from * d + j] + shift;
        centroids[from * d + j] -= shift;
      }
      members[static_cast<std::size_t>(c)] = members[static_cast<std::size_t>(from)] / 2;
      members[static_cast<std::size_t>(from)] -= members[static_cast<std::size_t>(c)];
    }
  }
}

void ProductQuantiser::encode(const float* x, Index n, std::uint8_t* codes) const {
  threads::parallel_for(n, threads::threads_for(static_cast<double>(n * dim_) * 512), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i)
      for (Index m = 0; m < parts_; ++m)
        codes[i * parts_ + m] = nearest(x + i * dim_ + m * dsub_, centroids_.data() + m * kCentroids * dsub_, width(m));
  });
}

void ProductQuantiser::add(const std::uint8_t* code, float alpha, float* x) const {
  const float* part = centroids_.data();
  if (dsub_ == 2 && last_ == 2) {
    for (Index m = 0; m < parts_; ++m, part += 2 * kCentroids, x += 2) {
      const float* c = part + 2 * static_cast<Index>(code[m]);
      x[0] += alpha * c[0];
      x[1] += alpha * c[1];
    }
    return;
  }
  for (Index m = 0; m < parts_; ++m, part += kCentroids * dsub_, x += dsub_) {
    const Index d = width(m);
    const float* c = part + d * static_cast<Index>(code[m]);
    for (Index j = 0; j < d; ++j) x[j] += alpha * c[j];
  }
}

float ProductQuantiser::dot(const std::uint8_t* code, const float* x) const {
  float sum = 0;
  const float* part = centroids_.data();
  for (Index m = 0; m < parts_; ++m, part += kCentroids * dsub_, x += dsub_) {
    const Index d = width(m);
    const float* c = part + d * static_cast<Index>(code[m]);
    for (Index j = 0; j < d; ++j) sum += x[j] * c[j];
  }
  return sum;
}

}  // namespace pyffnn::quant
