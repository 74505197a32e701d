#include "train/lm_output.h"

#include <cmath>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "train/lm_adaptive.h"
#include "train/lm_sampled.h"

namespace pyffnn::train::lm {

namespace {

// u_v . h + bias_v; returns the greatest, NaN where one is.
template <class T>
double logits_of(const Param<T>& u, const Param<T>& bias, const T* h, Index k, double* out) {
  const auto& kernels = dispatch::kernels<T>();
  const double work = 2.0 * static_cast<double>(u.rows) * static_cast<double>(k);
  threads::parallel_for(u.rows, threads::threads_for(work), [&](Index begin, Index end) {
    for (Index v = begin; v < end; ++v) out[v] = static_cast<double>(kernels.dot(u.w + v * u.ld, h, k) + bias.w[v]);
  });
  return dispatch::kernels<double>().row_max(out, u.rows);
}

}  // namespace

template <class T>
void log_softmax_of(const Param<T>& u, const Param<T>& bias, const T* h, Index k, double* out) {
  const double top = logits_of(u, bias, h, k, out);
  std::vector<double> exponentials(static_cast<std::size_t>(u.rows));
  const double shift = top + std::log(dispatch::kernels<double>().exp_sum(out, top, exponentials.data(), u.rows));
  for (Index v = 0; v < u.rows; ++v) out[v] -= shift;
}

template <class T>
void softmax_of(const Param<T>& u, const Param<T>& bias, const T* h, Index k, double* out) {
  const double top = logits_of(u, bias, h, k, out);
  const double sum = dispatch::kernels<double>().exp_sum(out, top, out, u.rows);
  for (Index v = 0; v < u.rows; ++v) out[v] /= sum;
}

namespace {

template <class T>
class FullOutput : public Output<T> {
 public:
  FullOutput(const Config& c, ParamSet<T>& params)
      : config_(c),
        u_(params.add("output.weight", c.vocab, c.output_size(), true)),
        bias_(params.add("output.bias", 1, c.vocab, false)),
        softmax_(c.precision) {}

  Param<T>* table() override { return u_; }

  void forward(const T* h, Index ldh, const std::int32_t* target, Index m, std::int64_t, const KeptColumns* kept, T* dh, Index lddh,
               double* log_prob) override {
    softmax_.forward(config_.vocab, config_.output_size(), u_->w, u_->ld, bias_->w, h, ldh, target, m, 1.0 / static_cast<double>(m), dh,
                     lddh, log_prob, nullptr, kept);
  }
  void backward(const T* h, Index ldh, const Update<T>& update, const SparseRows<T>* tied) override {
    softmax_.backward(*u_, *bias_, h, ldh, update, tied, config_.dim);
  }
  void log_prob(const T* h, Index ldh, const std::int32_t* target, Index m, double* out) override {
    softmax_.forward(config_.vocab, config_.output_size(), u_->w, u_->ld, bias_->w, h, ldh, target, m, 1.0, nullptr, 0, out);
  }
  void distribution(const T* h, double* p) override { softmax_of(*u_, *bias_, h, config_.output_size(), p); }
  Index workspace_bytes() const override { return softmax_.workspace_bytes(); }

 private:
  Config config_;
  Param<T>*u_, *bias_;
  TiledSoftmax<T> softmax_;
};

}  // namespace

template <class T>
std::unique_ptr<Output<T>> make_output(const Config& c, ParamSet<T>& params, const std::vector<std::int32_t>& by_frequency) {
  switch (c.output) {
    case OutputKind::adaptive:
      return std::make_unique<AdaptiveOutput<T>>(c, params, by_frequency);
    case OutputKind::sampled:
      return std::make_unique<SampledOutput<T>>(c, params, by_frequency);
    default:
      return std::make_unique<FullOutput<T>>(c, params);
  }
}

#define PYFFNN_INSTANTIATE(T)                                                                                     \
  template std::unique_ptr<Output<T>> make_output(const Config&, ParamSet<T>&, const std::vector<std::int32_t>&); \
  template void log_softmax_of(const Param<T>&, const Param<T>&, const T*, Index, double*);                       \
  template void softmax_of(const Param<T>&, const Param<T>&, const T*, Index, double*);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::train::lm
