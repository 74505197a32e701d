// What the two passes of linear_cross_entropy know of each row of logits, whichever way their products are taken.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "core/dispatch.h"
#include "core/math.h"
#include "core/thread_pool.h"

namespace pyffnn::ops::xent {

// The exponentials of pass 1 wait for pass 2 where the gradient of w will be: tiles go in groups of ceil(m / k), and the columns of a
// group's dw hold those of its first tile, k rows of them to a tile's width.
template <class T>
struct Stash {
  T* dw;
  Index n, k, tile, group;

  Stash(T* to, Index m, Index cols, Index depth, Index width)
      : dw(to), n(cols), k(depth), tile(width), group(std::max<Index>(1, ceil_div(m, std::max<Index>(k, 1)))) {}
  bool holds(Index number) const { return k > 0 && number % group == 0 && (number + group) * tile <= n; }
  // Whether a tile's exponentials lie in it as a matrix with rows of n.
  bool whole(Index number) const { return group == 1 && holds(number); }
  T* row(Index number, Index i) const { return dw + (i % k) * n + (number + i / k) * tile; }
};

template <class T>
class Rows {
 public:
  Rows(Index m, const std::int64_t* target, const T* sample_weight)
      : target_(target),
        sample_weight_(sample_weight),
        ref_(at(m)),
        weight_(at(m)),
        sum_(at(m), 0.0),
        target_logit_(at(m), 0.0),
        moved_(at(m)) {
    for (Index i = 0; i < m; ++i) total_ += weight_of(i);
  }

  double total() const { return total_; }

  // Pass 1: logits of row i over `width` words from `word` on, those of tile `number`, become exponentials against the row's reference;
  // they enter its sum. dx_k: the row's gradient so far, which follows where the reference moves.
  void take(Index i, Index number, Index word, Index width, T* z, T* dx, Index k) {
    const auto& kernels = dispatch::kernels<T>();
    const Index t = target_[i] - word;
    if (t >= 0 && t < width) target_logit_[at(i)] = static_cast<double>(z[t]);
    T& ref = ref_[at(i)];
    const T top = kernels.row_max(z, width);
    if (number == 0) {
      ref = std::max(top, std::numeric_limits<T>::lowest() / 2);  // a tile of -inf alone counts for nothing; NaN stays
    } else if (static_cast<double>(top) - static_cast<double>(ref) > kHeadroom || (top != top && ref == ref)) {
      const double factor = std::exp(static_cast<double>(ref) - static_cast<double>(top));
      sum_[at(i)] *= factor;
      kernels.scal(static_cast<T>(factor), dx, k);
      moved_[at(i)].push_back({number, static_cast<T>(factor)});
      ref = top;
    }
    sum_[at(i)] += static_cast<double>(kernels.exp_sum(z, ref, z, width));
  }

  // After pass 1: the weighted mean loss.
  double loss() {
    double loss = 0;
    for (std::size_t i = 0; i < sum_.size(); ++i) {
      const double w = weight_of(static_cast<Index>(i)) / total_;
      loss += w * (std::log(sum_[i]) + static_cast<double>(ref_[i]) - target_logit_[i]);
      weight_[i] = static_cast<T>(w);
    }
    return loss;
  }

  // After loss(): dx_mk, summed over exponentials, becomes the gradient. w: rows of n.
  void finish(const T* w, Index n, T* dx, Index k) const {
    const Index m = static_cast<Index>(sum_.size());
    // Columns of w by rows of w: a column alone would touch a page an entry.
    constexpr Index kDeep = 16;
    threads::parallel_for(
        k, threads::threads_for(static_cast<double>(m * k) * 16),
        [&](Index begin, Index end) {
          for (Index c = begin; c < end; c += kDeep) {
            const Index deep = std::min(kDeep, end - c);
            for (Index i = 0; i < m; ++i) {
              const T s = share(i), wi = weight_[at(i)];
              const T* const column = w + c * n + target_[i];
              T* const row = dx + i * k + c;
              for (Index d = 0; d < deep; ++d) row[d] = row[d] * s - wi * column[d * n];
            }
          }
        },
        kDeep);
  }

  // Pass 2: `width` words of row i from `word` on become the gradient by the logits: from the exponentials of pass 1 (of tile `number`), or
  // from logits.
  void gradient(Index i, Index number, Index word, Index width, bool exponentials, T* z) const {
    const auto& kernels = dispatch::kernels<T>();
    T scale = share(i);
    if (exponentials) {
      for (const Moved& move : moved_[at(i)])
        if (move.tile > number) scale *= move.factor;
    } else {
      kernels.exp_sum(z, ref_[at(i)], z, width);
    }
    kernels.scal(scale, z, width);
    const Index t = target_[i] - word;
    if (t >= 0 && t < width) z[t] -= weight_[at(i)];
  }

 private:
  // A row's reference is its maximum over the first tile. Exponentials against it are exact enough up to here, and their sum is finite; a
  // logit beyond it moves the reference.
  static constexpr double kHeadroom = 40;
  // A row took a new reference at tile `tile`: its exponentials of tiles before that count `factor` times.
  struct Moved {
    Index tile;
    T factor;
  };

  static std::size_t at(Index i) { return static_cast<std::size_t>(i); }
  double weight_of(Index i) const { return sample_weight_ != nullptr ? static_cast<double>(sample_weight_[i]) : 1.0; }
  T share(Index i) const { return static_cast<T>(static_cast<double>(weight_[at(i)]) / sum_[at(i)]); }

  const std::int64_t* target_;
  const T* sample_weight_;
  double total_ = 0;
  std::vector<T> ref_, weight_;
  std::vector<double> sum_, target_logit_;
  std::vector<std::vector<Moved>> moved_;
};

}  // namespace pyffnn::ops::xent
