// Stochastic gradient descent of a classifier over bags that are kept.
//   Two threads share each step: each sums and moves the rows of one shard, and both do the same with what is between, each on an output
//   table of its own. So no row is touched by both, they wait for each other once a bag, and one thread gives the same bits.
#pragma once
#include "fasttext/bags.h"
#include "fasttext/rows.h"
#include "fasttext/schedule.h"

namespace pyffnn::fasttext {

// Returns the mean loss. Throws Diverged, Stopped, std::invalid_argument where there are no bags.
double descend(const Bags& bags, const Dictionary& dictionary, const TrainSettings& settings, Rows& input, Rows& output,
               Interrupt& interrupt, const Watch& watch);

}  // namespace pyffnn::fasttext
