#include "text/row_counts.h"

namespace pyffnn::text {

void count_rows(const Corpus& corpus, const std::int64_t* groups, const std::int64_t* group_offsets, Index n_groups,
                std::int32_t* documents, std::int32_t* of_group, Interrupt& interrupt) {
  constexpr std::int64_t kAhead = 16;
  // The document that last had each row, plus one: a row counts once a document.
  std::vector<std::int32_t> last(static_cast<std::size_t>(corpus.num_rows()));
  std::vector<std::int32_t> rows;
  std::vector<std::int64_t> offsets;
  SlowPoll slow(interrupt, 1 << 12);
  for (std::int64_t d = 0; d < corpus.size(); ++d) {
    slow.step();
    corpus.expand_batch(&d, 1, rows, offsets);
    const std::int64_t n = offsets[1];
    const auto mark = static_cast<std::int32_t>(d + 1);
    for (std::int64_t i = 0; i < n; ++i) {
      const auto row = static_cast<std::size_t>(rows[static_cast<std::size_t>(i)]);
      if (i + kAhead < n) {
        const auto next = static_cast<std::size_t>(rows[static_cast<std::size_t>(i + kAhead)]);
        __builtin_prefetch(last.data() + next, 1);
        __builtin_prefetch(of_group + next * static_cast<std::size_t>(n_groups), 1);
      }
      if (last[row] == mark) continue;
      last[row] = mark;
      ++documents[row];
      for (std::int64_t g = group_offsets[d]; g < group_offsets[d + 1]; ++g)
        ++of_group[row * static_cast<std::size_t>(n_groups) + static_cast<std::size_t>(groups[g])];
    }
  }
}

}  // namespace pyffnn::text
