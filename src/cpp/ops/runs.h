// Rows of a matrix that stand in runs, one after another: run r is rows [offsets[r], offsets[r + 1]) of x [.., d]. Threads own whole runs.
#pragma once
#include "core/types.h"

namespace pyffnn::ops {

// out_r = sum (mean: divided by the length) of the run's rows, in order; zeros for an empty run.
template <class T>
void run_sums(const T* x, Index d, const Index* offsets, Index runs, bool mean, T* out);
// Every row of run r = dy_r (mean: divided by the length).
template <class T>
void run_sums_backward(const T* dy, Index d, const Index* offsets, Index runs, bool mean, T* dx);

// best_r = max over the run's rows, which_r the first row of the run that has it, one a column; NaN wins. No run is empty.
template <class T>
void run_max(const T* x, Index d, const Index* offsets, Index runs, T* best, std::int32_t* which);
// dx = 0, then dx[offsets[r] + which_rj, j] = dy_rj
template <class T>
void run_max_backward(const T* dy, const std::int32_t* which, Index d, const Index* offsets, Index runs, T* dx);

// Cells of `pieces` > 0 neighbouring numbers: best_i = max over cell i, which_i the first of the cell that has it; NaN wins.
template <class T>
void cell_max(const T* x, Index pieces, Index cells, T* best, std::int32_t* which);
// dx = 0, then dx[i, which_i] = dy_i
template <class T>
void cell_max_backward(const T* dy, const std::int32_t* which, Index pieces, Index cells, T* dx);

// out_i = sum over j of table[ids_ij], `per` ids each, in their order; ids are already checked.
template <class T, class I>
void gather_sum(const T* table, Index ld, const I* ids, Index count, Index per, Index d, T* out);

}  // namespace pyffnn::ops
