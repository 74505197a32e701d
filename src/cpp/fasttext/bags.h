// The labelled lines of a text as the trainer of a classifier visits them, again and again: bags of rows of a table that has the rows of
// this text alone.
//   Within a bag a row stands once, with how often it came. Rows of hashes begin at zero and are moved together by each bag that has them:
//   those that one bag alone has are equal for ever, so they are one row, its own.
#pragma once
#include <vector>

#include "core/interrupt.h"
#include "fasttext/dictionary.h"
#include "text/pages.h"

namespace pyffnn::fasttext {

// Rows of odd and of even number are summed apart, so that two threads can share a bag: each keeps to its own rows.
constexpr int kShards = 2;

struct Bag {
  struct Shard {
    std::int32_t weighted, plain;
  };
  Shard shards[kShards];  // without the bag's own row, which stands between the two kinds
  std::int32_t size;      // how many rows there were
  std::int32_t labels;
  std::int32_t tokens;  // of this line, and of lines before it that have no label or no row
  std::int32_t own;     // in which shard the bag's own row is; -1: none
  std::int32_t rows() const { return shards[0].weighted + shards[0].plain + shards[1].weighted + shards[1].plain + (own >= 0 ? 1 : 0); }
  std::int32_t weights() const { return shards[0].weighted + shards[1].weighted + (own >= 0 ? 1 : 0); }
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

  // A text of more than `most` rows in all is not kept: complete() is then false. `shared`: rows of hashes begin at zero.
  Bags(const Dictionary& dictionary, std::string_view text, bool shared, Index most, Interrupt& interrupt);

  bool complete() const { return complete_; }
  Index chunks() const { return static_cast<Index>(chunks_.size()); }
  Chunk chunk(Index i) const;
  bool empty() const { return chunks_.empty(); }
  // Words and labels behind the last bag.
  std::int64_t tokens_left() const { return tokens_left_; }

  // The rows of the table: words, then those of hashes. row_of_hash()[h] is the row of hash h, or -1.
  Index rows() const { return rows_; }
  const text::Pages<std::int32_t>& row_of_hash() const { return row_of_hash_; }
  text::Pages<std::int32_t> take_row_of_hash() { return std::move(row_of_hash_); }

 private:
  struct Part {
    text::Pages<Bag> bags;
    text::Pages<std::int32_t> rows, labels;
    text::Pages<float> weights;
    std::int64_t tokens_left = 0;
    text::Pages<std::uint8_t> seen;  // how often each hash came, at most twice
  };
  struct Start {
    std::size_t part;
    Index begin, end, row, weight, label;
  };
  struct Folding;

  static void read(const Dictionary& dictionary, std::string_view text, Index most, Part& part, Interrupt& interrupt);
  void fold(Index words, bool shared, Interrupt& interrupt);
  void list_chunks();

  static constexpr Index kChunk = 64;
  std::vector<Part> parts_;
  std::vector<Start> chunks_;
  text::Pages<std::int32_t> row_of_hash_;
  Index rows_ = 0;
  std::int64_t tokens_left_ = 0;
  bool complete_ = true;
};

}  // namespace pyffnn::fasttext
