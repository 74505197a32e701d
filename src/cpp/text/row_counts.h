// How many documents of a corpus have each row, in all and among those of each group: what weights of rows are computed from.
#pragma once
#include "text/corpus.h"

namespace pyffnn::text {

// groups[group_offsets[i]..group_offsets[i + 1]) are those of document i, each in [0, n_groups). documents [rows] and of_group [rows,
// n_groups] begin at zero.
void count_rows(const Corpus& corpus, const std::int64_t* groups, const std::int64_t* group_offsets, Index n_groups,
                std::int32_t* documents, std::int32_t* of_group, Interrupt& interrupt);

}  // namespace pyffnn::text
