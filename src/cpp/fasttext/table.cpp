#include "fasttext/table.h"

#include <cmath>
#include <string>

#include "core/dispatch.h"
#include "core/math.h"

namespace pyffnn::fasttext {

void Table::means(const std::int32_t* ids, const Index* offsets, Index lines, float* out) const {
  for (Index i = 0; i < lines; ++i) {
    if (offsets[i] < offsets[i + 1])
      mean(ids + offsets[i], offsets[i + 1] - offsets[i], out + i * dim_);
    else
      std::fill_n(out + i * dim_, dim_, 0.0f);
  }
}

void DenseTable::means(const std::int32_t* ids, const Index* offsets, Index lines, float* out) const {
  std::vector<float> scale(static_cast<std::size_t>(lines));
  for (Index i = 0; i < lines; ++i) {
    const Index n = offsets[i + 1] - offsets[i];
    scale[static_cast<std::size_t>(i)] = n == 0 ? 0.0f : static_cast<float>(1.0 / static_cast<double>(n));
  }
  dispatch::kernels<float>().pool_i32(data_, dim_, ids, offsets, nullptr, scale.data(), lines, dim_, out, dim_);
}

void DenseTable::mean(const std::int32_t* ids, Index n, float* out) const {
  const Index offsets[2] = {0, n};
  const auto scale = static_cast<float>(1.0 / static_cast<double>(n));
  dispatch::kernels<float>().pool_i32(data_, dim_, ids, offsets, nullptr, &scale, 1, dim_, out, dim_);
}

void DenseTable::add(Index row, float* x) const { dispatch::kernels<float>().axpy(1.0f, data_ + row * dim_, x, dim_); }

void DenseTable::dots(const float* x, Index begin, Index end, float* out) const {
  const auto& kernels = dispatch::kernels<float>();
  for (Index i = begin; i < end; ++i) out[i - begin] = kernels.dot(data_ + i * dim_, x, dim_);
}

void DenseTable::write(Writer& to) const {
  to.put(rows_);
  to.put(dim_);
  to.put_bytes(data_, checked_product({rows_, dim_, Index{sizeof(float)}}));
}

QuantisedTable::QuantisedTable(Index rows, std::shared_ptr<const void> owner, const std::uint8_t* codes, quant::ProductQuantiser quantiser,
                               const std::uint8_t* norm_codes, quant::ProductQuantiser norms)
    : Table(rows, quantiser.dim()),
      owner_(std::move(owner)),
      codes_(codes),
      quantiser_(std::move(quantiser)),
      norm_codes_(norm_codes),
      norms_(std::move(norms)) {
  decode();
}

void QuantisedTable::decode() {
  if (rows_ == 0 || rows_ > kSmall / (dim_ * Index{sizeof(float)})) return;
  decoded_.assign(static_cast<std::size_t>(rows_ * dim_), 0.0f);
  for (Index i = 0; i < rows_; ++i) quantiser_.add(codes_ + i * quantiser_.parts(), norm(i), decoded_.data() + i * dim_);
}

TablePtr QuantisedTable::make(const Table& table, Index dsub, bool qnorm, Interrupt& interrupt) {
  const Index rows = table.rows(), dim = table.dim();
  std::vector<float> x(static_cast<std::size_t>(checked_product({rows, dim})));
  for (Index i = 0; i < rows; ++i) table.copy(i, x.data() + i * dim);
  std::vector<float> lengths;
  if (qnorm) {
    lengths.resize(static_cast<std::size_t>(rows));
    for (Index i = 0; i < rows; ++i) {
      float* const row = x.data() + i * dim;
      double sum = 0;
      for (Index j = 0; j < dim; ++j) sum += static_cast<double>(row[j]) * row[j];
      const auto length = static_cast<float>(std::sqrt(sum));
      lengths[static_cast<std::size_t>(i)] = length;
      if (length != 0)
        for (Index j = 0; j < dim; ++j) row[j] /= length;
    }
  }
  quant::ProductQuantiser quantiser(dim, dsub), norms(1, 1);
  auto codes = std::make_shared<std::vector<std::uint8_t>>(static_cast<std::size_t>(rows * (quantiser.parts() + (qnorm ? 1 : 0))));
  constexpr std::uint64_t kSeed = 1234;
  quantiser.train(x.data(), rows, kSeed, interrupt);
  quantiser.encode(x.data(), rows, codes->data());
  std::uint8_t* norm_codes = nullptr;
  if (qnorm) {
    norm_codes = codes->data() + rows * quantiser.parts();
    norms.train(lengths.data(), rows, kSeed + 1, interrupt);
    norms.encode(lengths.data(), rows, norm_codes);
  }
  const std::uint8_t* const data = codes->data();
  return std::make_shared<QuantisedTable>(rows, codes, data, std::move(quantiser), norm_codes, std::move(norms));
}

void QuantisedTable::mean(const std::int32_t* ids, Index n, float* out) const {
  if (!decoded_.empty()) return DenseTable(rows_, dim_, nullptr, decoded_.data()).mean(ids, n, out);
  for (Index j = 0; j < dim_; ++j) out[j] = 0;
  const Index parts = quantiser_.parts();
  constexpr Index kAhead = 12;
  for (Index i = 0; i < n; ++i) {
    if (i + kAhead < n) __builtin_prefetch(codes_ + static_cast<Index>(ids[i + kAhead]) * parts);
    const Index row = ids[i];
    quantiser_.add(codes_ + row * parts, norm(row), out);
  }
  const auto scale = static_cast<float>(1.0 / static_cast<double>(n));
  for (Index j = 0; j < dim_; ++j) out[j] *= scale;
}

void QuantisedTable::means(const std::int32_t* ids, const Index* offsets, Index lines, float* out) const {
  if (!decoded_.empty()) return DenseTable(rows_, dim_, nullptr, decoded_.data()).means(ids, offsets, lines, out);
  Table::means(ids, offsets, lines, out);
}

void QuantisedTable::add(Index row, float* x) const { quantiser_.add(codes_ + row * quantiser_.parts(), norm(row), x); }

void QuantisedTable::dots(const float* x, Index begin, Index end, float* out) const {
  if (!decoded_.empty()) return DenseTable(rows_, dim_, nullptr, decoded_.data()).dots(x, begin, end, out);
  for (Index i = begin; i < end; ++i) out[i - begin] = quantiser_.dot(codes_ + i * quantiser_.parts(), x) * norm(i);
}

namespace {

void write_quantiser(Writer& to, const quant::ProductQuantiser& q) {
  for (const Index value : {q.dim(), q.parts(), q.dsub(), q.last()}) to.put(static_cast<std::int32_t>(value));
  to.put_bytes(q.centroids().data(), static_cast<Index>(q.centroids().size() * sizeof(float)));
}

quant::ProductQuantiser read_quantiser(Reader& from, Index dim, const char* what) {
  const Index own_dim = from.take<std::int32_t>(what), parts = from.take<std::int32_t>(what), dsub = from.take<std::int32_t>(what),
              last = from.take<std::int32_t>(what);
  if (own_dim != dim || dsub < 1 || dsub > dim || parts != ceil_div(dim, dsub) || last != dim - (parts - 1) * dsub)
    throw std::invalid_argument("the model file is damaged: the product quantiser of " + std::string(what) + " does not fit its table");
  const Index numbers = checked_product({dim, quant::kCentroids});
  const char* const bytes = from.take_bytes(numbers, what, sizeof(float));
  std::vector<float> centroids(static_cast<std::size_t>(numbers));
  std::memcpy(centroids.data(), bytes, centroids.size() * sizeof(float));
  for (const float c : centroids)
    if (!std::isfinite(c)) throw std::invalid_argument("the model file is damaged: a number of " + std::string(what) + " is not finite");
  return {dim, dsub, std::move(centroids)};
}

}  // namespace

void QuantisedTable::write(Writer& to) const {
  to.put(static_cast<std::uint8_t>(norm_codes_ != nullptr));
  to.put(rows_);
  to.put(dim_);
  const Index codes = rows_ * quantiser_.parts();
  if (codes > INT32_MAX) throw std::invalid_argument("a table of more than 2^31 codes fits in no .ftz file");
  to.put(static_cast<std::int32_t>(codes));
  to.put_bytes(codes_, codes);
  write_quantiser(to, quantiser_);
  if (norm_codes_ == nullptr) return;
  to.put_bytes(norm_codes_, rows_);
  write_quantiser(to, norms_);
}

namespace {

constexpr Index kMostRows = INT32_MAX;

void check_shape(Index rows, Index dim, const char* what) {
  if (rows < 0 || rows > kMostRows || dim < 1 || dim > kMostRows)
    throw std::invalid_argument("the model file is damaged: " + std::string(what) + " of " + std::to_string(rows) + " rows of " +
                                std::to_string(dim));
}

}  // namespace

TablePtr read_dense(Reader& from, const std::shared_ptr<const void>& owner, const char* what) {
  const auto rows = from.take<std::int64_t>(what), dim = from.take<std::int64_t>(what);
  check_shape(rows, dim, what);
  const char* const bytes = from.take_bytes(rows * dim, what, sizeof(float));
  return std::make_shared<DenseTable>(rows, dim, owner, reinterpret_cast<const float*>(bytes));
}

TablePtr read_quantised(Reader& from, const std::shared_ptr<const void>& owner, const char* what) {
  const bool qnorm = from.take_bool(what);
  const auto rows = from.take<std::int64_t>(what), dim = from.take<std::int64_t>(what);
  check_shape(rows, dim, what);
  const Index size = from.take<std::int32_t>(what);
  const auto* const codes = reinterpret_cast<const std::uint8_t*>(from.take_bytes(size, what));
  quant::ProductQuantiser quantiser = read_quantiser(from, dim, what);
  if (size != rows * quantiser.parts())
    throw std::invalid_argument("the model file is damaged: " + std::string(what) + " has " + std::to_string(size) + " codes for " +
                                std::to_string(rows) + " rows");
  const std::uint8_t* norm_codes = nullptr;
  quant::ProductQuantiser norms(1, 1);
  if (qnorm) {
    norm_codes = reinterpret_cast<const std::uint8_t*>(from.take_bytes(rows, what));
    norms = read_quantiser(from, 1, what);
  }
  return std::make_shared<QuantisedTable>(rows, owner, codes, std::move(quantiser), norm_codes, std::move(norms));
}

}  // namespace pyffnn::fasttext
