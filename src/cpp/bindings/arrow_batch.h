// Record batches of any library, by the Arrow C interface alone: columns in, columns out.
#pragma once
#include <pybind11/numpy.h>

#include <memory>
#include <string>
#include <vector>

#include "bindings/arrow_c.h"

namespace pyffnn::bindings {

// A column of a batch: `length` elements of `array` from `offset` on (beyond the array's own). `keeper` keeps both.
struct ArrowColumn {
  std::shared_ptr<const void> keeper;
  const ArrowSchema* schema;
  const ArrowArray* array;
  std::int64_t offset, length;
  std::string name() const { return schema->name == nullptr ? "" : schema->name; }
};

class __attribute__((visibility("hidden"))) ArrowBatch {
 public:
  // Takes what both hold. Throws TypeError (py::type_error) where they are no record batch.
  ArrowBatch(ArrowSchema* schema, ArrowArray* array);
  ArrowBatch(std::vector<ArrowColumn> columns, std::int64_t rows) : columns_(std::move(columns)), rows_(rows) {}

  std::int64_t rows() const { return rows_; }
  const std::vector<ArrowColumn>& columns() const { return columns_; }
  // Throws KeyError.
  const ArrowColumn& column(const std::string& name) const;
  // The batch with this column, in the place of one of the same name or behind all.
  ArrowBatch with(ArrowColumn column) const;

  // Copies that share the memory of the columns and keep it.
  void give(ArrowSchema* schema) const;
  void give(ArrowArray* array) const;

 private:
  std::vector<ArrowColumn> columns_;
  std::int64_t rows_;
};

// A column made here: what its buffers are, and of what children or dictionary.
struct MadeColumn {
  std::string name, format;
  std::int64_t length = 0;
  std::vector<std::shared_ptr<const std::vector<char>>> buffers;  // the first may be null: all are there
  std::unique_ptr<MadeColumn> child, dictionary;
};
ArrowColumn made(MadeColumn column);

// Texts as bytes and offsets, in place where they lie so. (bytes, offsets [n + 1], which are there (bool [n]) or None). Throws TypeError
// where the column holds none.
pybind11::tuple texts_of(const ArrowColumn& column);

}  // namespace pyffnn::bindings
