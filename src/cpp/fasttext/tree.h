// The Huffman tree of hierarchical softmax, as fastText builds it from the counts of the labels.
#pragma once
#include <vector>

#include "core/types.h"

namespace pyffnn::fasttext {

class Tree {
 public:
  struct Node {
    std::int32_t parent = -1, left = -1, right = -1;
    bool right_child = false;
  };
  // Counts are at least 0 and less than 10^15 in all.
  explicit Tree(const std::vector<std::int64_t>& counts);

  Index leaves() const { return leaves_; }
  // Leaves come first; inner node i has row i - leaves() of the output table. The last node is the root.
  const std::vector<Node>& nodes() const { return nodes_; }

 private:
  Index leaves_;
  std::vector<Node> nodes_;
};

}  // namespace pyffnn::fasttext
