#include "text/row_counts.h"

#include <algorithm>

#include "ops/distinct_ids.h"

namespace pyffnn::text {

void count_rows(const Corpus& corpus, const std::int64_t* groups, const std::int64_t* group_offsets, Index n_groups,
                std::int32_t* documents, std::int32_t* of_group, Interrupt& interrupt) {
  constexpr std::int64_t kAhead = 16;
  ops::DistinctIds distinct;
  std::vector<std::int32_t> rows;
  std::vector<std::int64_t> offsets;
  SlowPoll slow(interrupt, 1 << 12);
  for (std::int64_t d = 0; d < corpus.size(); ++d) {
    slow.step();
    corpus.expand_batch(&d, 1, rows, offsets);
    // A row counts once a document.
    const std::int64_t n = distinct.find(rows.data(), offsets[1], rows.data());
    for (std::int64_t i = 0; i < n; ++i) {
      const std::int64_t row = rows[static_cast<std::size_t>(i)], next = rows[static_cast<std::size_t>(std::min(i + kAhead, n - 1))];
      __builtin_prefetch(documents + next, 1);
      __builtin_prefetch(of_group + next * n_groups, 1);
      ++documents[row];
      for (std::int64_t g = group_offsets[d]; g < group_offsets[d + 1]; ++g) ++of_group[row * n_groups + groups[g]];
    }
  }
}

}  // namespace pyffnn::text
