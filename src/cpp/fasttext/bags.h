// The labelled lines of a text as the trainer of a classifier visits them, again and again: bags of rows of a table that has the rows of
// this text alone.
//   Within a bag a row stands once, with how often it came. A row is moved by each bag that has it, and by nothing else: it is what it
// began with and the sum of what its bags have moved. So a row that came a few times only is not kept up. Each bag has a row of its own,
// which begins at zero and says how far it has moved; where the row of a word would be read, its bags' own rows are read instead, and what
// such words began with is one more row of the bag, its constant.
#pragma once
#include <vector>

#include "core/interrupt.h"
#include "fasttext/places.h"
#include "fasttext/word_stream.h"

namespace pyffnn::fasttext {

// Rows of odd and of even number are summed apart, so that two threads can share a bag: each keeps to its own rows. They lie apart as
// well: processors fetch what lies behind a row, and would take it out of the other core's cache.
constexpr int kShards = 2;

struct Bag {
  struct Shard {
    std::int32_t others, weighted, plain;
  };
  // First rows that are read only, then those with weights, without the bag's own row, which comes next, then those without.
  Shard shards[kShards];
  std::int32_t size;  // how many rows there were
  std::int32_t labels;
  std::int32_t tokens;  // of this line, and of lines before it that have no label or no row
  std::int32_t own;     // in which shard the bag's own row is; -1: none
  std::int32_t rows(int shard) const { return weights(shard) + shards[shard].plain; }
  std::int32_t weights(int shard) const { return shards[shard].others + shards[shard].weighted + (own == shard ? 1 : 0); }
  std::int32_t rows() const { return rows(0) + rows(1); }
  std::int32_t weights() const { return weights(0) + weights(1); }
};

// A row that came a few times only, and the bags where it did.
struct FewRow {
  static constexpr int kMost = 2;
  std::int32_t row;
  std::int32_t bags[kMost];  // -1 behind the last
};

class Bags {
 public:
  // Some bags in a row, and what is theirs.
  struct Chunk {
    const Bag* begin;
    const Bag* end;
    const std::int32_t* rows;  // as many as all bags from here to the end of the chunk's part have, and which may be looked at
    const std::int32_t* rows_end;
    const float* weights;
    const std::int32_t* labels;
  };

  // `stream`: the words of the text, if they are known. A text of more than `most` rows in all is not kept: complete() is then false.
  Bags(const Dictionary& dictionary, std::string_view text, const WordStream& stream, Index most, Interrupt& interrupt);

  bool complete() const { return complete_; }
  Index chunks() const { return static_cast<Index>(chunks_.size()); }
  Chunk chunk(Index i) const;
  bool empty() const { return chunks_.empty(); }
  // Words and labels behind the last bag.
  std::int64_t tokens_left() const { return tokens_left_; }

  // The rows of the table: words, the bags' own rows, their constants, rows of hashes. What bags and row_of_hash() hold are their places;
  // row_of_hash()[h] is that of hash h, or -1.
  Index rows() const { return rows_; }
  const Places& places() const { return places_; }
  Index own_row(Index bag) const { return words_ + bag; }
  Index constant(Index bag) const { return words_ + bags_ + bag; }
  // Numbers, not places.
  const text::Pages<FewRow>& few() const { return few_; }
  text::Pages<std::int32_t> take_row_of_hash() { return std::move(row_of_hash_); }

 private:
  struct Part {
    text::Pages<Bag> bags;
    text::Pages<std::int32_t> rows, labels;
    text::Pages<float> weights;
    std::int64_t tokens_left = 0;
    text::Pages<std::uint8_t> seen;  // how often each word and hash came, at most FewRow::kMost + 1 times
  };
  struct Start {
    std::size_t part;
    Index begin, end, row, weight, label;
  };
  struct Folding;

  template <class Lines>
  static void read(Lines lines, Index expected, Index all, Index most, Part& part, Interrupt& interrupt);
  void add_up_seen();
  void name_rows(Interrupt& interrupt);
  void fold(Interrupt& interrupt);
  // The bags of a part, the first of which has that number.
  void fold(Part& part, Index number, Interrupt& interrupt) const;
  void list_chunks();

  static constexpr Index kChunk = 64;
  std::vector<Part> parts_;
  std::vector<Start> chunks_;
  text::Pages<std::int32_t> row_of_hash_;
  text::Pages<FewRow> few_;
  Places places_;
  Index words_ = 0, bags_ = 0, rows_ = 0;
  std::int64_t tokens_left_ = 0;
  bool complete_ = true;
};

}  // namespace pyffnn::fasttext
