// Where examples come from. A source is checked when it is made and may be read by any number of threads; what others may have written into
// its memory since is checked again as it is loaded, since a wrong id must not become a wrong address.
#pragma once
#include "net/batch.h"

namespace pyffnn::net {

enum class SourceKind { dense, sparse, bags, sequences, stream };

template <class T>
class Source {
 public:
  virtual ~Source() = default;
  virtual SourceKind kind() const = 0;
  virtual Index size() const = 0;
  // Numbers of an example (dense, sparse), rows of the table that ids are for, words of a vocabulary (stream).
  virtual Index width() const = 0;
  // Ids of an example: all have so many (sequences), else 0.
  virtual Index length() const { return 0; }
  // Ids that an example has at most; 0 for dense ones and streams.
  virtual Index max_entries(std::int64_t example) const = 0;
  // Fills `batch`, for dense examples x [m, ldx]. reach: words that a window over a stream
  // looks back on; of bags, words of a window that they are cut into (0: they are not). Allocates nothing once a batch as large was
  // there. Throws std::out_of_range for an id that is not there.
  virtual void load(const Visit& visit, Index reach, Batch<T>& batch, T* x, Index ldx) const = 0;
};

// Throws std::out_of_range naming the id where one of ids[0..n) is outside [low, rows).
void check_ids(const std::int32_t* ids, Index n, Index low, Index rows);

}  // namespace pyffnn::net
