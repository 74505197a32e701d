#include "fasttext/tree.h"

namespace pyffnn::fasttext {

Tree::Tree(const std::vector<std::int64_t>& counts) : leaves_(static_cast<Index>(counts.size())) {
  if (leaves_ == 0) return;
  const auto all = static_cast<std::size_t>(2 * leaves_ - 1);
  constexpr std::int64_t kNotYet = 1000000000000000;
  nodes_.resize(all);
  std::vector<std::int64_t> weight(all, kNotYet);
  for (std::size_t i = 0; i < counts.size(); ++i) weight[i] = counts[i];
  // Labels come by falling count, inner nodes are made by rising weight: the lightest two are always at the ends of these lists.
  Index leaf = leaves_ - 1;
  auto inner = static_cast<std::size_t>(leaves_);
  for (std::size_t i = inner; i < all; ++i) {
    std::size_t lightest[2];
    for (std::size_t& node : lightest)
      node = leaf >= 0 && weight[static_cast<std::size_t>(leaf)] < weight[inner] ? static_cast<std::size_t>(leaf--) : inner++;
    nodes_[i].left = static_cast<std::int32_t>(lightest[0]);
    nodes_[i].right = static_cast<std::int32_t>(lightest[1]);
    weight[i] = weight[lightest[0]] + weight[lightest[1]];
    for (const std::size_t node : lightest) nodes_[node].parent = static_cast<std::int32_t>(i);
    nodes_[lightest[1]].right_child = true;
  }
}

}  // namespace pyffnn::fasttext
