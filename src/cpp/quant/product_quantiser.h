// Product quantisation (Jegou, Douze & Schmid, 2011): a row of numbers is cut into parts, and each part is replaced by the nearest of 256
// centroids, which is one byte.
#pragma once
#include <vector>

#include "core/interrupt.h"
#include "core/types.h"

namespace pyffnn::quant {

constexpr Index kCentroids = 256;

class ProductQuantiser {
 public:
  // Rows of `dim` numbers in parts of `dsub`, the last of which may be shorter. Centroids of part m lie at m * 256 * dsub, one after the
  // other in the width of that part; dim * 256 numbers in all.
  ProductQuantiser(Index dim, Index dsub, std::vector<float> centroids = {});

  // k-means over n rows (at most 65,536 of them, drawn by `seed`). Throws std::invalid_argument for fewer than 256 rows. The bits do not
  // depend on the number of threads.
  void train(const float* x, Index n, std::uint64_t seed, Interrupt& interrupt);
  void encode(const float* x, Index n, std::uint8_t* codes) const;

  // x += alpha * row
  void add(const std::uint8_t* code, float alpha, float* x) const;
  float dot(const std::uint8_t* code, const float* x) const;

  Index dim() const { return dim_; }
  Index dsub() const { return dsub_; }
  Index parts() const { return parts_; }
  Index last() const { return last_; }
  const std::vector<float>& centroids() const { return centroids_; }

 private:
  Index width(Index part) const { return part == parts_ - 1 ? last_ : dsub_; }
  void train_part(const float* x, Index n, float* centroids, Index d, std::uint64_t key) const;

  Index dim_, dsub_, parts_, last_;
  std::vector<float> centroids_;
};

}  // namespace pyffnn::quant
