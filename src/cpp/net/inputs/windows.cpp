#include "net/inputs/windows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/dispatch.h"
#include "core/random.h"
#include "net/layers/dropout.h"
#include "ops/products/dense.h"

namespace pyffnn::net {
namespace {

std::size_t bytes_of(Index count, std::size_t size) { return static_cast<std::size_t>(count) * size; }

}  // namespace

template <class T>
WindowInput<T>::WindowInput(const Spec& s, ParamSet<T>& params)
    : context_(s.context),
      kernels_(s.distant_kernels),
      window_(s.distant_window),
      dim_(s.dim),
      reach_(s.reach()),
      width_(s.width()),
      ld_span_(padded_lines<T>(padded_row(s.dim))),
      missing_(static_cast<std::int32_t>(s.rows)),
      dropout_(s.embedding_dropout),
      word_dropout_(s.word_dropout),
      frozen_(s.freeze_embeddings),
      table_(s.tied ? nullptr
                    : params.add_uniform("embedding", s.rows, s.dim, Role::table, table_scale(s), random::kInitialTable, s.embedding_by_row,
                                         s.row_rates)),
      distant_(kernels_ > 0 ? params.add("distant", kernels_, window_, Role::gates) : nullptr) {
  if (s.ngram_rows > 0) ngrams_.emplace(s, params);
}

// The weights of mean k fall by half in window / 2^(k + 1) words; each kernel is of unit norm.
template <class T>
void WindowInput<T>::initialise() const {
  for (Index k = 0; k < kernels_; ++k) {
    T* const a = distant_->w() + k * distant_->ld;
    const double half = std::max(static_cast<double>(window_) / std::pow(2.0, static_cast<double>(k + 1)), 1.0);
    double square = 0;
    for (Index j = 0; j < window_; ++j) square += std::pow(0.25, static_cast<double>(j) / half);
    for (Index j = 0; j < window_; ++j) a[j] = static_cast<T>(std::pow(0.5, static_cast<double>(j) / half) / std::sqrt(square));
  }
}

template <class T>
std::unique_ptr<State> WindowInput<T>::make_state() const {
  return std::make_unique<Spans>();
}

template <class T>
Index WindowInput<T>::packed_size(Index longest) const {
  return round_up(window_ + longest - 1, dispatch::kernels<T>().tile.nr) * dim_;
}

template <class T>
void WindowInput<T>::plan(Space<T>& space, const Plan& plan) const {
  space.x = space.x_rows.fit(plan.m, width_);
  space.dx = plan.backward ? space.dx_rows.fit(plan.m, width_) : View<T>{};
  auto& s = static_cast<Spans&>(*space.input);
  if (s.of_member.size() < static_cast<std::size_t>(plan.members)) s.of_member.resize(static_cast<std::size_t>(plan.members));
  if (ngrams_) ngrams_->plan(s.ngrams, plan);
  if (!plan.backward) return;
  if (distant_ != nullptr) {
    s.packed.template reserve_of<T>(plan.runs * packed_size(plan.longest));
    s.d_toeplitz.template reserve_of<T>(kernels_ * plan.longest * padded_lines<T>(window_ + plan.longest - 1));
    s.d_distant.template reserve_of<T>(kernels_ * window_);
  }
  this->plan_rows(space, plan, plan.entries);
}

template <class T>
typename WindowInput<T>::Shape WindowInput<T>::shape_of(const Pass<T>& pass) const {
  Shape shape{0, 0};
  for (Index s = 0; s < pass.visit.count; ++s) {
    shape.longest = std::max(shape.longest, pass.visit.length_of(s));
    if (s < pass.first) shape.before += span_length(pass.visit.length_of(s));
  }
  return shape;
}

// f(run, its number among the member's) for each run of the member's.
template <class T>
template <class F>
void WindowInput<T>::each_run(const Pass<T>& pass, F f) const {
  const auto runs = [&](Index begin, Index end) {
    for (Index s = begin; s < end; ++s) f(pass.member.batch.places[static_cast<std::size_t>(s)], s);
  };
  const double work = static_cast<double>(pass.size()) * static_cast<double>(width_) * (kernels_ > 0 ? 64.0 : 2.0);
  if (pass.crew.alone())
    threads::parallel_for(pass.entries(), threads::threads_for(work), runs);
  else
    runs(0, pass.entries());
}

// The matrix of a kernel's means, [longest][window + longest - 1] for each: entry (k, r, c) is the weight of span row c in the mean of
// example r, a_{k, r + window - c}.
template <class T>
const T* WindowInput<T>::build_toeplitz(Own& own, Index longest) const {
  const Index ld = padded_lines<T>(window_ + longest - 1), count = kernels_ * longest * ld;
  T* const t = own.toeplitz.template reserve_of<T>(count);
  std::memset(t, 0, bytes_of(count, sizeof(T)));
  for (Index k = 0; k < kernels_; ++k) {
    const T* const a = distant_->w() + k * distant_->ld;
    for (Index r = 0; r < longest; ++r) {
      T* const row = t + (k * longest + r) * ld + r;
      for (Index j = window_; j >= 1; --j) row[window_ - j] = a[j - 1];
    }
  }
  return t;
}

template <class T>
void WindowInput<T>::drop_words(const Pass<T>& pass, Index before) const {
  std::vector<std::int32_t>& ids = pass.member.batch.ids;
  std::replace(ids.begin(), ids.end(), std::int32_t{-1}, missing_);
  if (!pass.noise || word_dropout_ == 0) return;
  const std::uint64_t key = random::key(pass.spec.seed, static_cast<std::uint64_t>(pass.step), random::kWords);
  const std::uint64_t threshold = random::threshold(word_dropout_);
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (random::bits32(key, static_cast<std::uint64_t>(before) + i) < threshold) ids[i] = missing_;
}

template <class T>
void WindowInput<T>::forward(const Pass<T>& pass) const {
  const Shape shape = shape_of(pass);
  drop_words(pass, shape.before);
  Own& mine = own(pass);
  const std::vector<std::int32_t>& ids = pass.member.batch.ids;
  T* const span = mine.span.template reserve_of<T>(std::max<Index>(static_cast<Index>(ids.size()), 1) * ld_span_);
  const T* const toeplitz = kernels_ > 0 ? build_toeplitz(mine, shape.longest) : nullptr;
  const Index ld_toeplitz = padded_lines<T>(window_ + shape.longest - 1), lead = reach_ - context_;
  const View<T> x = pass.space.x;
  auto& ngrams = spans(pass).ngrams;
  if (ngrams_) ngrams_->begin(pass, ngrams);
  each_run(pass, [&](const Place& place, Index) {
    T* const rows = span + place.span * ld_span_;
    for (Index q = 0; q < span_length(place.length); ++q) {
      const std::int32_t id = ids[static_cast<std::size_t>(place.span + q)];
      if (id != missing_)
        std::memcpy(rows + q * ld_span_, table_->w() + id * table_->ld, bytes_of(dim_, sizeof(T)));
      else
        std::memset(rows + q * ld_span_, 0, bytes_of(dim_, sizeof(T)));
    }
    const Index first = pass.begin + place.row;
    for (Index r = 0; r < place.length; ++r)
      for (Index i = 0; i < context_; ++i)
        std::memcpy(x.row(first + r) + i * dim_, rows + (lead + r + i) * ld_span_, bytes_of(dim_, sizeof(T)));
    for (Index k = 0; k < kernels_; ++k)
      ops::gemm<T>(place.length, dim_, window_ + place.length - 1, {toeplitz + k * shape.longest * ld_toeplitz, ld_toeplitz, 1},
                   {rows, ld_span_, 1}, x.row(first) + (context_ + k) * dim_, x.ld);
    if (!ngrams_) return;
    for (Index r = 0; r < place.length; ++r)
      ngrams_->forward(pass, ngrams, place.row + r, ids.data() + place.span + reach_ + r, missing_,
                       x.row(first + r) + (context_ + kernels_) * dim_);
  });
  if (pass.noise && dropout_ > 0) drop(pass, x, x, width_, dropout_, random::kEmbedding);
}

template <class T>
void WindowInput<T>::backward(const Pass<T>& pass) const {
  const auto& kernels = dispatch::kernels<T>();
  const Index longest = shape_of(pass).longest, size = kernels_ > 0 ? packed_size(longest) : 0;
  Own& mine = own(pass);
  const View<T> dx = pass.space.dx;
  if (pass.noise && dropout_ > 0) drop(pass, dx, dx, width_, dropout_, random::kEmbedding);
  const Index rows = std::max<Index>(static_cast<Index>(pass.member.batch.ids.size()), 1);
  T* const d_span = mine.d_span.template reserve_of<T>(rows * ld_span_);
  const T* const span = static_cast<const T*>(mine.span.data());
  const T* const toeplitz = static_cast<const T*>(mine.toeplitz.data());
  T* const packed = static_cast<T*>(spans(pass).packed.data());
  const Index ld_toeplitz = padded_lines<T>(window_ + longest - 1), lead = reach_ - context_;
  each_run(pass, [&](const Place& place, Index run) {
    T* const out = d_span + place.span * ld_span_;
    std::memset(out, 0, bytes_of(span_length(place.length) * ld_span_, sizeof(T)));
    const Index first = pass.begin + place.row, width = window_ + place.length - 1;
    for (Index k = 0; k < kernels_; ++k)
      ops::gemm<T>(width, dim_, place.length, {toeplitz + k * longest * ld_toeplitz, 1, ld_toeplitz},
                   {dx.row(first) + (context_ + k) * dim_, dx.ld, 1}, out, ld_span_, {}, true);
    for (Index r = 0; r < place.length; ++r)
      for (Index i = 0; i < context_; ++i) kernels.axpy(T(1), dx.row(first + r) + i * dim_, out + (lead + r + i) * ld_span_, dim_);
    if (ngrams_)
      for (Index r = 0; r < place.length; ++r)
        ngrams_->backward(pass, spans(pass).ngrams, place.row + r, dx.row(first + r) + (context_ + kernels_) * dim_);
    // E_span^T in column panels, once for all kernels.
    if (kernels_ > 0) kernels.pack_b(span + place.span * ld_span_, 1, ld_span_, dim_, width, packed + (pass.first + run) * size);
  });
}

template <class T>
RowGrads<T> WindowInput<T>::gradients_of(const Pass<T>& pass, int member) const {
  const std::vector<std::int32_t>& ids = pass.space.members[static_cast<std::size_t>(member)].batch.ids;
  RowGrads<T> s{};
  s.ids = ids.data();
  s.bags = static_cast<Index>(ids.size());
  s.grad = static_cast<const T*>(spans(pass).of_member[static_cast<std::size_t>(member)].d_span.data());
  s.ldg = ld_span_;
  s.skip = missing_;
  return s;
}

template <class T>
void WindowInput<T>::update(const Pass<T>& pass, const Sink<T>& sink) const {
  if (distant_ != nullptr) update_distant(pass, sink);
  if (ngrams_) ngrams_->update(pass, spans(pass).ngrams, sink);
}

template <class T>
void WindowInput<T>::add_lazy_squares(const Space<T>& space, double& sum) const {
  if (ngrams_) ngrams_->add_squares(static_cast<const Spans&>(*space.input).ngrams, sum);
}

template <class T>
void WindowInput<T>::lazy_update(const Pass<T>& pass, const Sink<T>& sink) const {
  if (ngrams_) ngrams_->step_sums(pass, spans(pass).ngrams, sink);
}

// The position weights of a kernel have the sums along the diagonals of dX_k E_span^T, over all runs in turn: a kernel is one member's.
template <class T>
void WindowInput<T>::update_distant(const Pass<T>& pass, const Sink<T>& sink) const {
  const auto& kernels = dispatch::kernels<T>();
  const Index longest = shape_of(pass).longest, size = packed_size(longest), ld = padded_lines<T>(window_ + longest - 1),
              nr = kernels.tile.nr;
  Spans& s = spans(pass);
  const T* const packed = static_cast<const T*>(s.packed.data());
  T* const d_toeplitz = static_cast<T*>(s.d_toeplitz.data());
  T* const d_distant = static_cast<T*>(s.d_distant.data());
  const View<T> dx = pass.space.dx;
  const double work = 2.0 * static_cast<double>(pass.m) * static_cast<double>((window_ + longest) * dim_ * kernels_);
  pass.crew.each(kernels_, work, [&](Index begin, Index end) {
    for (Index k = begin; k < end; ++k) {
      T* const own = d_toeplitz + k * longest * ld;
      std::memset(own, 0, bytes_of(longest * ld, sizeof(T)));
      Index row = 0;
      for (Index run = 0; run < pass.visit.count; ++run) {
        const Index length = pass.visit.length_of(run);
        GemmArgs<T> g{};
        g.m = length;
        g.n = window_ + length - 1;
        g.k = dim_;
        g.a = dx.row(row) + (context_ + k) * dim_;
        g.a_panel = kernels.tile.mr * dx.ld;
        g.a_rs = dx.ld;
        g.a_cs = 1;
        g.b = packed + run * size;
        g.b_panel = dim_ * nr;
        g.b_rs = nr;
        g.load_c = true;
        g.c = own;
        g.ldc = ld;
        kernels.gemm(g);
        row += length;
      }
      T* const out = d_distant + k * window_;
      for (Index j = 1; j <= window_; ++j) {
        T sum = 0;
        for (Index r = 0; r < longest; ++r) sum += own[r * ld + r + window_ - j];
        out[j - 1] = sum;
      }
      sink.take(*distant_, k, 1, out, window_);
    }
  });
}

template class WindowInput<float>;
template class WindowInput<double>;

}  // namespace pyffnn::net
