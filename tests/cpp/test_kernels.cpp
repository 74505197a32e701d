// Every table of this machine against plain loops, under the sanitizers: products with each epilogue, rows, tables, optimizers.
#include <cmath>
#include <cstdint>
#include <vector>

#include "check.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "ops/embedding.h"
#include "ops/products/dense.h"
#include "ops/rowwise.h"

using namespace pyffnn;

namespace {

std::uint32_t g_state = 1;

double uniform() {
  g_state = g_state * 1664525u + 1013904223u;
  return static_cast<double>(g_state >> 8) / 8388608.0 - 1.0;
}

// Exactly n numbers on the heap: the address sanitizer sees one read too many.
template <class T>
std::vector<T> numbers(Index n) {
  std::vector<T> x(static_cast<std::size_t>(n));
  for (T& v : x) v = static_cast<T>(uniform());
  return x;
}

template <class T>
bool close(T a, double b, double scale) {
  return std::fabs(static_cast<double>(a) - b) <= (sizeof(T) == 4 ? 1e-5 : 1e-13) * (1 + scale);
}

template <class T>
void products(Index m, Index n, Index k) {
  const auto a = numbers<T>(m * k), b = numbers<T>(k * n), bias = numbers<T>(n), y = numbers<T>(m * n);
  std::vector<double> sum(static_cast<std::size_t>(m * n), 0.0);
  for (Index i = 0; i < m; ++i)
    for (Index p = 0; p < k; ++p)
      for (Index j = 0; j < n; ++j)
        sum[static_cast<std::size_t>(i * n + j)] +=
            static_cast<double>(a[static_cast<std::size_t>(i * k + p)]) * static_cast<double>(b[static_cast<std::size_t>(p * n + j)]);
  const double scale = static_cast<double>(k);
  const ops::ConstMat<T> am{a.data(), k, 1}, bm{b.data(), n, 1};
  std::vector<T> c(static_cast<std::size_t>(m * n), static_cast<T>(NAN));
  ops::gemm<T>(m, n, k, am, bm, c.data(), n);
  for (std::size_t i = 0; i < c.size(); ++i) CHECK(close(c[i], sum[i], scale));
  ops::gemm<T>(m, n, k, am, bm, c.data(), n, {}, true);
  for (std::size_t i = 0; i < c.size(); ++i) CHECK(close(c[i], 2 * sum[i], scale));
  ops::gemm<T>(m, n, k, am, bm, c.data(), n, ops::Fuse<T>::linear(bias.data(), Act::relu));
  for (std::size_t i = 0; i < c.size(); ++i) {
    const double z = sum[i] + static_cast<double>(bias[i % static_cast<std::size_t>(n)]);
    CHECK(close(c[i], z > 0 ? z : 0, scale));
  }
  ops::gemm<T>(m, n, k, am, bm, c.data(), n, ops::Fuse<T>::dact(Act::tanh, y.data(), n));
  for (std::size_t i = 0; i < c.size(); ++i) {
    const double yi = static_cast<double>(y[i]);
    CHECK(close(c[i], sum[i] * (1 - yi * yi), scale));
  }
  // one SGD step whose gradient is never stored
  OptimStep<T> step{};
  step.kind = Optim::sgd;
  step.lr = T(0.5);
  step.scale = T(1);
  auto w = numbers<T>(m * n);
  const auto before = w;
  ops::gemm<T>(m, n, k, am, bm, w.data(), n, ops::Fuse<T>::update(step, nullptr, nullptr));
  for (std::size_t i = 0; i < w.size(); ++i) CHECK(close(w[i], static_cast<double>(before[i]) - 0.5 * sum[i], scale));
}

template <class T>
void rows(Index m, Index n) {
  const auto x = numbers<T>(m * n);
  std::vector<T> y(x.size());
  ops::softmax<T>(x.data(), y.data(), m, n);
  for (Index i = 0; i < m; ++i) {
    double total = 0;
    for (Index j = 0; j < n; ++j) total += static_cast<double>(y[static_cast<std::size_t>(i * n + j)]);
    CHECK(close(static_cast<T>(total), 1.0, 1));
  }
  ops::activation<T>(Act::sigmoid, x.data(), y.data(), m * n);
  for (std::size_t i = 0; i < x.size(); ++i) CHECK(close(y[i], 1 / (1 + std::exp(-static_cast<double>(x[i]))), 1));
}

template <class T>
void tables(Index vocabulary, Index d, Index count) {
  const auto table = numbers<T>(vocabulary * d);
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  for (auto& id : ids) id = static_cast<std::int32_t>((uniform() + 1) / 2 * static_cast<double>(vocabulary - 1));
  const std::vector<Index> offsets{0, count / 3, count / 3, count};
  std::vector<T> out(static_cast<std::size_t>(3 * d)), grad(table.size());
  ops::mean_pool<T>(table.data(), d, ids.data(), offsets.data(), static_cast<const T*>(nullptr), 3, d, out.data(), d);
  for (Index j = 0; j < d; ++j) CHECK(out[static_cast<std::size_t>(d + j)] == T(0));
  ops::mean_pool_backward<T>(out.data(), ids.data(), offsets.data(), static_cast<const T*>(nullptr), 3, vocabulary, d, grad.data());
  std::vector<T> gathered(static_cast<std::size_t>(count * d));
  ops::embedding<T>(table.data(), d, ids.data(), count, d, gathered.data(), d);
  for (Index i = 0; i < count; ++i)
    for (Index j = 0; j < d; ++j)
      CHECK(gathered[static_cast<std::size_t>(i * d + j)] == table[static_cast<std::size_t>(ids[static_cast<std::size_t>(i)] * d + j)]);
  ops::embedding_backward<T>(gathered.data(), ids.data(), count, vocabulary, d, grad.data());
  CHECK(ops::first_bad_id(ids.data(), count, vocabulary) == -1);
}

template <class T>
void all() {
  const Index sizes[] = {1, 3, 7, 8, 15, 16, 17, 33, 64};
  for (const Index m : sizes)
    for (const Index n : sizes) products<T>(m, n, (m * 7 + n) % 40 + 1);
  products<T>(100, 90, 600);
  products<T>(2, 500, 1100);
  for (const Index n : sizes) rows<T>(5, n);
  rows<T>(300, 1000);
  for (const Index d : sizes) tables<T>(11, d, 40);
  tables<T>(2000, 64, 9000);
}

}  // namespace

int main() {
  threads::set_num_threads(3);
  for (const KernelTable* table : dispatch::available()) {
    dispatch::set_isa(table->isa);
    all<float>();
    all<double>();
  }
  return g_failures != 0;
}
