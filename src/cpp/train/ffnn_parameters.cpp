#include "train/ffnn_parameters.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "train/ffnn_random.h"

namespace pyffnn::train {
namespace {

constexpr std::uint64_t kTableStream = kInitialStream, kWeightStream = kInitialStream + 1;

template <class T>
void copy_into(const Matrix<T>& from, const Matrix<T>& to) {
  if (!from.exists()) return;
  const Index rows = from.cols == 0 ? 1 : from.rows, cols = from.cols == 0 ? from.rows : from.cols;
  for (Index r = 0; r < rows; ++r) std::memcpy(to.p() + r * to.ld, from.p() + r * from.ld, static_cast<std::size_t>(cols) * sizeof(T));
}

}  // namespace

template <class T>
Matrix<T> Parameters<T>::make(const std::string& name, Index rows, Index cols, Index ld, Index spare_rows) const {
  Matrix<T> m;
  m.name = name;
  m.rows = rows;
  m.cols = cols;
  m.ld = ld;
  m.memory = std::make_shared<Buffer>();
  const Index bytes = std::max<Index>((rows + spare_rows) * ld, 1) * static_cast<Index>(sizeof(T));
  void* const p = m.memory->reserve(bytes);
  threads::parallel_for(
      bytes, threads::threads_for(static_cast<double>(bytes) / 4),
      [p](Index b, Index e) { std::memset(static_cast<char*>(p) + b, 0, static_cast<std::size_t>(e - b)); }, 4096);
  return m;
}

template <class T>
Parameter<T> Parameters<T>::make_parameter(const std::string& name, Index rows, Index cols, Index ld, Index spare_rows, bool by_row) const {
  Parameter<T> p;
  p.value = make(name, rows, cols, ld, spare_rows);
  if (by_row) {
    p.s1 = make(name + ".s1", rows, 0, 1, spare_rows);
    if (spec_.row_rates) {
      p.s2 = make(name + ".rate", rows, 0, 1, spare_rows);
      std::fill_n(p.s2.p(), rows, T(1));
    }
    return p;
  }
  if (spec_.optimizer != Optim::sgd) p.s1 = make(name + ".s1", rows, cols, ld, spare_rows);
  if (spec_.optimizer == Optim::adam) p.s2 = make(name + ".s2", rows, cols, ld, spare_rows);
  return p;
}

template <class T>
void Parameters<T>::allocate() {
  // The spare row of the table stays zero: it stands for missing positions of a concatenation.
  table_ =
      spec_.has_table() ? make_parameter("embedding", spec_.rows, spec_.dim, padded(spec_.dim), 1, spec_.embedding_by_row) : Parameter<T>{};
  weights_.clear();
  biases_.clear();
  for (Index l = 0; l < spec_.layers(); ++l) {
    const Index rows = spec_.layer_inputs(l), cols = spec_.layer_outputs(l);
    const bool as_table = l == 0 && spec_.input == InputKind::sparse;
    weights_.push_back(make_parameter("weight" + std::to_string(l), rows, cols, as_table ? padded(cols) : cols, 0, false));
    if (!as_table) weights_.back().value.version = std::make_shared<Version>();
    biases_.push_back(make_parameter("bias" + std::to_string(l), cols, 0, 1, 0, false));
  }
}

template <class T>
Parameters<T>::Parameters(const Spec& spec) : spec_(spec), seed_(spec.seed) {
  spec_.check();
  allocate();
}

template <class T>
std::vector<Parameter<T>*> Parameters<T>::all() {
  std::vector<Parameter<T>*> list;
  if (spec_.has_table()) list.push_back(&table_);
  for (std::size_t l = 0; l < weights_.size(); ++l) {
    list.push_back(&weights_[l]);
    list.push_back(&biases_[l]);
  }
  return list;
}

template <class T>
void Parameters<T>::randomise(const Matrix<T>& m, Index first_row, double scale, std::uint64_t stream) const {
  const std::uint64_t key = random_key(seed_, 0, stream);
  const auto& kernels = dispatch::kernels<T>();
  const int parts = threads::threads_for(static_cast<double>(m.rows - first_row) * static_cast<double>(m.cols) * 4);
  threads::parallel_for(m.rows - first_row, parts, [&](Index begin, Index end) {
    for (Index r = first_row + begin; r < first_row + end; ++r)
      kernels.uniform(m.p() + r * m.ld, m.cols, static_cast<T>(scale), key, static_cast<std::uint64_t>(r * m.cols));
  });
}

template <class T>
double Parameters<T>::weight_scale(Index layer) const {
  const double in = static_cast<double>(spec_.layer_inputs(layer)), out = static_cast<double>(spec_.layer_outputs(layer));
  const bool before_relu = layer + 1 < spec_.layers() && spec_.activation == Act::relu;
  return before_relu ? std::sqrt(6.0 / in) : std::sqrt(6.0 / (in + out));
}

template <class T>
double Parameters<T>::table_scale() const {
  return spec_.embedding_scale > 0 ? spec_.embedding_scale : 1.0 / static_cast<double>(spec_.dim);
}

template <class T>
void Parameters<T>::initialise(std::uint64_t seed) {
  seed_ = seed;
  const auto clear = [](const Matrix<T>& m) {
    if (m.exists()) std::memset(m.p(), 0, static_cast<std::size_t>(m.rows * m.ld) * sizeof(T));
  };
  for (Parameter<T>* p : all()) {
    clear(p->s1);
    if (p != &table_ || !spec_.row_rates) clear(p->s2);
  }
  if (spec_.has_table()) randomise(table_.value, 0, table_scale(), kTableStream);
  for (Index l = 0; l < spec_.layers(); ++l) {
    randomise(weight(l).value, 0, weight_scale(l), kWeightStream + static_cast<std::uint64_t>(l));
    clear(bias(l).value);
  }
}

template <class T>
void Parameters<T>::grow(Index rows, Index n_outputs) {
  Spec larger = spec_;
  if (spec_.has_table()) larger.rows = std::max(rows, spec_.rows);
  larger.n_outputs = std::max(n_outputs, spec_.n_outputs);
  if (larger.rows == spec_.rows && larger.n_outputs == spec_.n_outputs) return;
  Parameters<T> next(larger);
  next.seed_ = seed_;
  if (spec_.has_table() && larger.rows > spec_.rows) next.randomise(next.table_.value, spec_.rows, table_scale(), kTableStream);
  const std::vector<Parameter<T>*> from = all(), to = next.all();
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i]->value.rows == to[i]->value.rows && from[i]->value.cols == to[i]->value.cols) {
      *to[i] = *from[i];
      continue;
    }
    copy_into(from[i]->value, to[i]->value);
    copy_into(from[i]->s1, to[i]->s1);
    copy_into(from[i]->s2, to[i]->s2);
  }
  *this = std::move(next);
}

template class Parameters<float>;
template class Parameters<double>;

}  // namespace pyffnn::train
