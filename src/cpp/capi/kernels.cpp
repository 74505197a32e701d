#include "capi/kernels.h"

#include <algorithm>
#include <cmath>

#include "capi/checks.h"
#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "ops/linear_xent/linear_xent.h"
#include "ops/losses.h"
#include "ops/products/dense.h"
#include "ops/rowwise.h"

namespace pyffnn::capi {
namespace {

using Ids = const std::int64_t*;
using Result = const pyffnn_status*;

template <class T>
Result matmul(std::int32_t transpose_a, std::int32_t transpose_b, Index m, Index n, Index k, const T* a, Index lda, const T* b, Index ldb,
              T* c, Index ldc, std::int32_t accumulate) {
  return guarded([&] {
    check_size("m", m);
    check_size("n", n);
    check_size("k", k);
    const Span of_a = transpose_a != 0 ? matrix("a", a, k, m, lda) : matrix("a", a, m, k, lda);
    const Span of_b = transpose_b != 0 ? matrix("b", b, n, k, ldb) : matrix("b", b, k, n, ldb);
    check_apart(matrix("c", c, m, n, ldc), {of_a, of_b});
    if (m == 0 || n == 0) return;
    const ops::ConstMat<T> left = transpose_a != 0 ? ops::ConstMat<T>{a, 1, lda} : ops::ConstMat<T>{a, lda, 1};
    const ops::ConstMat<T> right = transpose_b != 0 ? ops::ConstMat<T>{b, 1, ldb} : ops::ConstMat<T>{b, ldb, 1};
    ops::gemm<T>(m, n, k, left, right, c, ldc, {}, accumulate != 0);
  });
}

template <class T>
Result linear(Index m, Index n, Index k, const T* x, Index ldx, const T* w, Index ldw, const T* bias, std::int32_t activation, T* y,
              Index ldy) {
  return guarded([&] {
    check_size("m", m);
    check_size("n", n);
    check_size("k", k);
    const Act act = act_of(activation);
    const Span of_x = matrix("x", x, m, k, ldx), of_w = matrix("w", w, k, n, ldw);
    check_apart(matrix("y", y, m, n, ldy), {of_x, of_w, flat("bias", bias, bias == nullptr ? 0 : n)});
    if (m == 0 || n == 0) return;
    ops::gemm<T>(m, n, k, {x, ldx, 1}, {w, ldw, 1}, y, ldy, ops::Fuse<T>::linear(bias, act));
  });
}

template <class T>
Result activation(std::int32_t code, Index n, const T* x, T* y) {
  return guarded([&] {
    check_size("n", n);
    const Act act = act_of(code);
    check_same_or_apart(flat("y", y, n), flat("x", x, n));
    ops::activation<T>(act, x, y, n);
  });
}

template <class T>
Result activation_backward(std::int32_t code, Index n, const T* dy, const T* y, T* dx) {
  return guarded([&] {
    check_size("n", n);
    const Act act = act_of(code);
    const Span out = flat("dx", dx, n);
    check_same_or_apart(out, flat("dy", dy, n));
    check_apart(out, {flat("y", y, n)});
    ops::activation_backward<T>(act, dy, y, dx, n);
  });
}

// A kernel over rows in parts.
template <class T, class Member>
Result rowwise(Index m, Index n, const T* x, Index ldx, T* y, Index ldy, Member kernel) {
  return guarded([&] {
    const auto f = dispatch::kernels<T>().*kernel;
    check_size("m", m);
    check_size("n", n);
    check_same_or_apart(matrix("y", y, m, n, ldy), matrix("x", x, m, n, ldx), ldx == ldy);
    if (n == 0) return;
    const int parts = threads::threads_for(static_cast<double>(m) * static_cast<double>(n) * 20);
    threads::parallel_for(m, parts, [&](Index b, Index e) { f(x + b * ldx, ldx, y + b * ldy, ldy, e - b, n); });
  });
}

template <class T>
Result softmax(Index m, Index n, const T* x, Index ldx, T* y, Index ldy) {
  return rowwise(m, n, x, ldx, y, ldy, &Kernels<T>::softmax);
}

template <class T>
Result log_softmax(Index m, Index n, const T* x, Index ldx, T* y, Index ldy) {
  return rowwise(m, n, x, ldx, y, ldy, &Kernels<T>::log_softmax);
}

template <class T>
Result gather(const T* table, Index rows, Index d, Index ld, Ids ids, Index count, T* out, Index ldo) {
  return guarded([&] {
    check_size("rows", rows);
    check_size("d", d);
    check_size("count", count);
    check_apart(matrix("out", out, count, d, ldo), {matrix("table", table, rows, d, ld), flat("ids", ids, count)});
    check_ids("ids", ids, count, rows);
    if (d > 0) ops::embedding<T, std::int64_t>(table, ld, ids, count, d, out, ldo);
  });
}

template <class T>
Result gather_backward(const T* dy, Ids ids, Index count, Index rows, Index d, T* grad) {
  return guarded([&] {
    check_size("rows", rows);
    check_size("d", d);
    check_size("count", count);
    check_apart(matrix("grad", grad, rows, d, d), {matrix("dy", dy, count, d, d), flat("ids", ids, count)});
    check_ids("ids", ids, count, rows);
    if (d > 0) ops::embedding_backward<T, std::int64_t>(dy, ids, count, rows, d, grad);
  });
}

template <class T>
void check_bags(const T* table, Index rows, Index d, Index ld, Ids ids, Index count, Ids offsets, Index bags, const T* weights, T* out,
                Index ldo) {
  check_size("rows", rows);
  check_size("d", d);
  check_size("count", count);
  check_size("bags", bags);
  check_apart(matrix("out", out, bags, d, ldo),
              {matrix("table", table, rows, d, ld), flat("ids", ids, count), flat("offsets", offsets, bags + 1),
               flat("weights", weights, weights == nullptr ? 0 : count)});
  if (offsets[0] < 0) refuse(PYFFNN_BAD_ARGUMENT, "offsets must not be negative, got %" PRId64, offsets[0]);
  for (Index b = 0; b < bags; ++b)
    if (offsets[b + 1] < offsets[b])
      refuse(PYFFNN_BAD_ARGUMENT, "offsets must not decrease; offsets[%" PRId64 "] = %" PRId64, static_cast<std::int64_t>(b + 1),
             offsets[b + 1]);
  if (offsets[bags] > count)
    refuse(PYFFNN_BAD_ARGUMENT, "offsets end at %" PRId64 ", beyond the %" PRId64 " ids", offsets[bags], static_cast<std::int64_t>(count));
  check_ids("ids", ids, count, rows);
  check_weights("weights", weights, count);
}

template <class T>
Result mean_pool(const T* table, Index rows, Index d, Index ld, Ids ids, Index count, Ids offsets, Index bags, const T* weights, T* out,
                 Index ldo) {
  return guarded([&] {
    check_bags(table, rows, d, ld, ids, count, offsets, bags, weights, out, ldo);
    if (d > 0) ops::mean_pool<T, std::int64_t>(table, ld, ids, offsets, weights, bags, d, out, ldo);
  });
}

template <class T>
Result sum_pool(const T* table, Index rows, Index d, Index ld, Ids ids, Index count, Ids offsets, Index bags, const T* weights, T* out,
                Index ldo) {
  return guarded([&] {
    check_bags(table, rows, d, ld, ids, count, offsets, bags, weights, out, ldo);
    if (d == 0) return;
    const auto& kernels = dispatch::kernels<T>();
    constexpr Index kBlock = 64;
    T ones[kBlock];
    for (T& one : ones) one = T(1);
    const int parts = threads::threads_for(static_cast<double>(offsets[bags] - offsets[0]) * static_cast<double>(d * 2 + 16));
    threads::parallel_for(bags, parts, [&](Index begin, Index end) {
      for (Index b = begin; b < end; b += kBlock)
        kernels.pool_i64(table, ld, ids, offsets + b, weights, ones, std::min(kBlock, end - b), d, out + b * ldo, ldo);
    });
  });
}

template <class T>
Result cross_entropy(Index m, Index n, const T* logits, Ids targets, const T* sample_weight, double* loss, T* dlogits) {
  return guarded([&] {
    check_size("m", m);
    check_size("n", n);
    check_pointer("loss", loss, 1);
    const Span of_logits = matrix("logits", logits, m, n, n);
    const Span of_targets = flat("targets", targets, m),
               of_weights = flat("sample_weight", sample_weight, sample_weight == nullptr ? 0 : m);
    if (dlogits != nullptr) check_apart(matrix("dlogits", dlogits, m, n, n), {of_logits, of_targets, of_weights});
    check_ids("targets", targets, m, n);
    check_weights("sample_weight", sample_weight, m);
    *loss = ops::cross_entropy<T>(logits, targets, nullptr, sample_weight, dlogits, m, n);
  });
}

template <class T>
Result binary_cross_entropy(Index m, Index n, const T* logits, const T* targets, const T* sample_weight, double* loss, T* dlogits) {
  return guarded([&] {
    check_size("m", m);
    check_size("n", n);
    check_pointer("loss", loss, 1);
    const Span of_logits = matrix("logits", logits, m, n, n), of_targets = matrix("targets", targets, m, n, n);
    const Span of_weights = flat("sample_weight", sample_weight, sample_weight == nullptr ? 0 : m);
    if (dlogits != nullptr) check_apart(matrix("dlogits", dlogits, m, n, n), {of_logits, of_targets, of_weights});
    for (Index i = 0; i < m * n; ++i)
      if (!(targets[i] >= T(0) && targets[i] <= T(1)))
        refuse(PYFFNN_BAD_ARGUMENT, "targets must lie in [0, 1], got %g", static_cast<double>(targets[i]));
    check_weights("sample_weight", sample_weight, m);
    *loss = ops::binary_cross_entropy<T>(logits, targets, sample_weight, dlogits, m, n);
  });
}

template <class T>
Result linear_cross_entropy(Index m, Index n, Index k, const T* x, const T* w, const T* bias, Ids targets, const T* sample_weight,
                            double* loss, T* dx, T* dw, T* dbias) {
  return guarded([&] {
    check_size("m", m);
    check_size("n", n);
    check_size("k", k);
    check_pointer("loss", loss, 1);
    const Span inputs[] = {matrix("x", x, m, k, k), matrix("w", w, k, n, n), flat("bias", bias, bias == nullptr ? 0 : n),
                           flat("targets", targets, m), flat("sample_weight", sample_weight, sample_weight == nullptr ? 0 : m)};
    const Span of_dx = matrix("dx", dx, m, k, k), of_dw = matrix("dw", dw, k, n, n);
    if ((bias == nullptr) != (dbias == nullptr) && n > 0) refuse(PYFFNN_BAD_ARGUMENT, "dbias must be NULL where bias is, and only there");
    const Span of_db = flat("dbias", dbias, dbias == nullptr ? 0 : n);
    for (const Span& in : inputs) {
      check_apart(of_dx, {in});
      check_apart(of_dw, {in});
      check_apart(of_db, {in});
    }
    check_apart(of_dx, {of_dw, of_db});
    check_apart(of_dw, {of_db});
    check_ids("targets", targets, m, n);
    check_weights("sample_weight", sample_weight, m);
    *loss = ops::linear_xent<T>(m, n, k, x, w, bias, targets, sample_weight, dx, dw, dbias);
  });
}

double number(const char* name, double x, bool below_one = false) {
  if (!(x >= 0) || !std::isfinite(x) || (below_one && x >= 1))
    refuse(PYFFNN_BAD_ARGUMENT, "%s must be %s, got %g", name, below_one ? "at least 0 and below 1" : "finite and not negative", x);
  return x;
}

template <class T>
OptimStep<T> step_of(const pyffnn_optimizer& o, Index step) {
  if (o.kind < 0 || o.kind >= kOptims)
    refuse(PYFFNN_BAD_ARGUMENT, "optimizer->kind must be between 0 and %d, got %d", kOptims - 1, static_cast<int>(o.kind));
  OptimStep<T> s{};
  s.kind = static_cast<Optim>(o.kind);
  s.lr = static_cast<T>(number("optimizer->lr", o.lr));
  s.eps = static_cast<T>(number("optimizer->eps", o.eps));
  s.l2 = static_cast<T>(number("optimizer->l2", o.l2));
  s.decay = static_cast<T>(o.lr * number("optimizer->weight_decay", o.weight_decay));
  s.scale = T(1);
  s.beta1 = static_cast<T>(number("optimizer->beta1", o.beta1, true));
  s.beta2 = static_cast<T>(number("optimizer->beta2", o.beta2, true));
  if (s.kind == Optim::adam) {
    if (step < 1) refuse(PYFFNN_BAD_ARGUMENT, "step must be at least 1, got %" PRId64, static_cast<std::int64_t>(step));
    const auto t = static_cast<double>(step);
    s.lr_over_c1 = static_cast<T>(o.lr / (1 - std::pow(o.beta1, t)));
    s.rsqrt_c2 = static_cast<T>(1 / std::sqrt(1 - std::pow(o.beta2, t)));
  }
  return s;
}

template <class T>
Result optimizer_step(const pyffnn_optimizer* optimizer, Index step, Index n, const T* g, T* w, T* s1, T* s2) {
  return guarded([&] {
    check_pointer("optimizer", optimizer, 1);
    const OptimStep<T> settings = step_of<T>(*optimizer, step);
    check_size("n", n);
    const Span of_g = flat("g", g, n), of_w = flat("w", w, n);
    const Span of_s1 = flat("s1", s1, settings.kind == Optim::sgd ? 0 : n), of_s2 = flat("s2", s2, settings.kind == Optim::adam ? n : 0);
    check_apart(of_w, {of_g, of_s1, of_s2});
    check_apart(of_s1, {of_g, of_s2});
    check_apart(of_s2, {of_g});
    const auto& kernels = dispatch::kernels<T>();
    const auto at = [](T* p, Index i) { return p == nullptr ? nullptr : p + i; };
    threads::parallel_for(
        n, threads::threads_for(static_cast<double>(n) * 16),
        [&](Index b, Index e) { kernels.optim_step(settings, g + b, w + b, at(s1, b), at(s2, b), e - b); }, 64);
  });
}

std::int32_t get_num_threads() {
  std::int32_t n = 0;
  (void)guarded([&] { n = threads::get_num_threads(); });
  return n;
}

Result set_num_threads(std::int32_t n) {
  return guarded([&] {
    if (n < 1) refuse(PYFFNN_BAD_ARGUMENT, "n must be at least 1, got %d", static_cast<int>(n));
    threads::set_num_threads(n);
  });
}

const char* isa() {
  const char* name = "";
  (void)guarded([&] { name = dispatch::active().isa; });
  return name;
}

}  // namespace

void add_kernels(pyffnn_api& api) {
  api.get_num_threads = &get_num_threads;
  api.set_num_threads = &set_num_threads;
  api.isa = &isa;
#define PYFFNN_BOTH(name)        \
  api.name##_f32 = &name<float>; \
  api.name##_f64 = &name<double>
  PYFFNN_BOTH(matmul);
  PYFFNN_BOTH(linear);
  PYFFNN_BOTH(activation);
  PYFFNN_BOTH(activation_backward);
  PYFFNN_BOTH(softmax);
  PYFFNN_BOTH(log_softmax);
  PYFFNN_BOTH(gather);
  PYFFNN_BOTH(gather_backward);
  PYFFNN_BOTH(mean_pool);
  PYFFNN_BOTH(sum_pool);
  PYFFNN_BOTH(cross_entropy);
  PYFFNN_BOTH(binary_cross_entropy);
  PYFFNN_BOTH(linear_cross_entropy);
  PYFFNN_BOTH(optimizer_step);
#undef PYFFNN_BOTH
}

}  // namespace pyffnn::capi
