#include "net/outputs/sweep.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/dispatch.h"

namespace pyffnn::net {
namespace {

// Beyond it 1 / S would come near the subnormals.
template <class T>
constexpr double kSumLimit = sizeof(T) == 4 ? 1e18 : 1e150;

// Rows of U, of its gradient and the optimizer's state, and of P~, that stay in L2 together while the next such group comes in.
constexpr Index kGroupBytes = Index{192} << 10;

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

template <class T>
T* moved(T* base, Index by) {
  return base == nullptr ? nullptr : base + by;
}

}  // namespace

template <class T>
void Sweep<T>::plan(const SweepShape<T>& s, bool gradient) {
  products_.plan(s, wanted_, gradient);
  const Index ldp = products_.ldp(), item = static_cast<Index>(sizeof(T)), tile = products_.tile();
  chunks_ = std::min(kChunks, (products_.tiles() + 3) / 4);
  keep_words_ = s.vocab * ldp * item <= kKeepBytes ? s.vocab : std::min(s.vocab, kKeepBytes / (ldp * item) / tile * tile);
  const Index unit = dispatch::kernels<T>().tile.mr, row_bytes = (4 * s.ld + ldp) * item;
  group_ = products_.on_tiles() ? tile : std::clamp(kGroupBytes / (unit * row_bytes), Index{1}, tile / unit) * unit;
  by_target_.resize(at(s.m));
  target_logit_.resize(at(s.m));
  sum_.resize(at(s.m));
  ref_.resize(at(s.m));
  chunk_sum_.resize(at(chunks_ * s.m));
  if (!gradient) return;
  share_.resize(at(s.m));
  // Whole where it is much of it, so that a larger batch needs no second block beside one that was nearly as large.
  const Index bytes = keep_words_ * ldp * item;
  kept_.reserve(bytes > kKeepBytes / 2 ? std::max(bytes, kKeepBytes) : bytes);
  dh_parts_.reserve_of<T>(chunks_ * s.m * products_.lddh());
  scaled_.reserve_of<T>(s.m * products_.lddh());
}

template <class T>
template <class F>
void Sweep<T>::for_targets(Index word, Index words, F f) const {
  auto e = std::lower_bound(by_target_.begin(), by_target_.end(), word,
                            [this](std::int32_t i, Index w) { return static_cast<Index>(b_.target[i]) < w; });
  for (; e != by_target_.end() && b_.target[*e] < word + words; ++e) f(static_cast<Index>(*e));
}

// Moves the logits of targets so that adding the words' biases gives the targets' own.
template <class T>
void Sweep<T>::own_bias(Index word, Index words, Index block, T* z) const {
  if (b_.target_bias == nullptr) return;
  const Index i0 = block * products_.block(), i1 = i0 + products_.examples(block);
  for_targets(word, words, [&](Index i) {
    const Index t = b_.target[i];
    if (i >= i0 && i < i1) z[(t - word) * products_.ldp() + i - i0] += b_.target_bias[i] - b_.bias[t];
  });
}

template <class T>
void Sweep<T>::begin(const SweepBatch<T>& batch, bool gradient) {
  b_ = batch;
  // Planned anew, since the precision is a matter of this batch's size and not of the largest of its call.
  plan(batch.shape, gradient);
  products_.begin(batch.kept);
  std::iota(by_target_.begin(), by_target_.end(), 0);
  const std::int32_t* const target = batch.target;
  std::sort(by_target_.begin(), by_target_.end(),
            [target](std::int32_t a, std::int32_t b) { return target[a] != target[b] ? target[a] < target[b] : a < b; });
}

template <class T>
void Sweep<T>::pick_reference(const threads::Crew& crew, bool all_words) {
  const auto& kernels = dispatch::kernels<T>();
  const SweepShape<T>& s = b_.shape;
  const Index words = all_words ? s.vocab : std::min(kRefWords, s.vocab), tile = products_.tile();
  const double work = 2.0 * static_cast<double>(words) * static_cast<double>(s.k) * static_cast<double>(s.m);
  crew.each(products_.blocks(), work, [&](Index begin, Index end) {
    T* const z = scratch(Scratch::op).reserve_of<T>(tile * products_.ldp());
    T* const room = scratch(Scratch::pack_b).reserve_of<T>(products_.room_size());
    for (Index block = begin; block < end; ++block) {
      const Index i0 = block * products_.block(), n = products_.examples(block);
      std::fill_n(ref_.data() + i0, n, -std::numeric_limits<T>::infinity());
      for (Index word = 0; word < words; word += tile) {
        const Index count = std::min(tile, words - word);
        products_.logits(products_.table(word, count, block, room), count, block, z);
        kernels.column_max(z, products_.ldp(), count, n, b_.bias + word, ref_.data() + i0);
      }
      if (!all_words) continue;
      for (Index i = i0; i < i0 + n; ++i) ref_[at(i)] = std::max(ref_[at(i)], static_cast<T>(target_logit_[at(i)]));
    }
  });
}

template <class T>
void Sweep<T>::sweep(const threads::Crew& crew, bool gradient) {
  const auto& kernels = dispatch::kernels<T>();
  const SweepShape<T>& s = b_.shape;
  const Index m = s.m, tile_words = products_.tile(), tiles = products_.tiles(), n_blocks = products_.blocks(), ldp = products_.ldp();
  T* const parts = static_cast<T*>(dh_parts_.data());
  T* const kept = static_cast<T*>(kept_.data());
  const double work = (gradient ? 4.0 : 2.0) * static_cast<double>(s.vocab) * static_cast<double>(s.k) * static_cast<double>(m);
  crew.each(chunks_ * n_blocks, work, [&](Index begin, Index end) {
    T* const own = scratch(Scratch::op).reserve_of<T>(tile_words * ldp);
    T* const room = scratch(Scratch::op2).reserve_of<T>(products_.room_size());
    T tile_sum[SweepProducts<T>::kMostExamples];
    for (Index task = begin; task < end; ++task) {
      const Index chunk = task / n_blocks, block = task % n_blocks;
      const Index first = tiles * chunk / chunks_, last = tiles * (chunk + 1) / chunks_;
      const Index i0 = block * products_.block(), count = products_.examples(block);
      double* const sum = chunk_sum_.data() + chunk * m + i0;
      std::fill_n(sum, count, 0.0);
      for (Index tile = first; tile < last; ++tile) {
        const Index word = tile * tile_words, words = std::min(tile_words, s.vocab - word);
        T* const p = gradient && word + words <= keep_words_ ? kept + word * ldp + i0 : own;
        const auto u = products_.table(word, words, block, room);
        products_.logits(u, words, block, p);
        own_bias(word, words, block, p);
        for_targets(word, words, [&](Index i) {
          if (i < i0 || i >= i0 + count) return;
          const Index t = b_.target[i];
          target_logit_[at(i)] = static_cast<double>(p[(t - word) * ldp + i - i0] + b_.bias[t]);
        });
        kernels.exp_columns(p, ldp, words, count, b_.bias + word, ref_.data() + i0, tile_sum);
        for (Index i = 0; i < count; ++i) sum[i] += static_cast<double>(tile_sum[i]);
        if (!gradient) continue;
        const Index next = tile + 1 < last ? std::min(tile_words, s.vocab - word - words) : 0;
        products_.add_dh(u, word, words, block, p, tile > first, next, parts + (chunk * m + i0) * products_.lddh());
      }
    }
  });
}

template <class T>
void Sweep<T>::add_up() {
  const Index m = b_.shape.m;
  in_range_ = true;
  for (Index i = 0; i < m; ++i) {
    double s = 0;
    for (Index chunk = 0; chunk < chunks_; ++chunk) s += chunk_sum_[at(chunk * m + i)];
    sum_[at(i)] = s;
    in_range_ &= s <= kSumLimit<T>;
  }
}

template <class T>
void Sweep<T>::finish(Index begin, Index end, View<T> dh, double* log_prob) const {
  const auto& kernels = dispatch::kernels<T>();
  const SweepShape<T>& s = b_.shape;
  const Index m = s.m, k = s.k, lddh = products_.lddh();
  T* const parts = static_cast<T*>(dh_parts_.data());
  for (Index i = begin; i < end; ++i) {
    const double logit = target_logit_[at(i)], sum = sum_[at(i)];
    log_prob[i] = std::min(0.0, logit - static_cast<double>(ref_[at(i)]) - std::log(sum));
    if (logit != logit || sum != sum) log_prob[i] = std::numeric_limits<double>::quiet_NaN();
    if (!dh.exists()) continue;
    const Index block = i / products_.block(), columns = products_.depth(block);
    T* const out = dh.row(i);
    T* const total = parts + i * lddh;
    for (Index chunk = 1; chunk < chunks_; ++chunk) kernels.axpy(T(1), parts + (chunk * m + i) * lddh, total, columns);
    kernels.scal(static_cast<T>(b_.weight[i] / sum), total, columns);
    if (products_.kept() != nullptr)
      kernels.put_columns(total, lddh, 1, k, products_.kept()->of(block), columns, false, out, dh.ld);
    else
      std::memcpy(out, total, at(k) * sizeof(T));
    kernels.axpy(static_cast<T>(-b_.weight[i]), s.u + static_cast<Index>(b_.target[i]) * s.ld, out, k);
  }
}

template <class T>
void Sweep<T>::forward(const threads::Crew& crew, const SweepBatch<T>& batch, Index first, Index last, View<T> dh, double* log_prob) {
  const bool gradient = dh.exists();
  if (crew.leads()) begin(batch, gradient);
  crew.barrier();
  products_.pack_h(crew, batch.h, batch.ldh);
  crew.barrier();
  pick_reference(crew, false);
  crew.barrier();
  sweep(crew, gradient);
  crew.barrier();
  if (crew.leads()) add_up();
  crew.barrier();
  if (!in_range_) {
    pick_reference(crew, true);
    crew.barrier();
    sweep(crew, gradient);
    crew.barrier();
    if (crew.leads()) add_up();
    crew.barrier();
  }
  if (!crew.alone()) return finish(first, last, dh, log_prob);
  threads::parallel_for(last - first, threads::threads_for(static_cast<double>((gradient ? chunks_ * batch.shape.k : 20) * (last - first))),
                        [&](Index b, Index e) { finish(first + b, first + e, dh, log_prob); });
}

template <class T>
void Sweep<T>::rebuild(Index word, Index words, T* out) const {
  T unused[SweepProducts<T>::kMostExamples];
  T* const room = scratch(Scratch::pack_b).reserve_of<T>(products_.room_size());
  for (Index block = 0; block < products_.blocks(); ++block) {
    const Index i0 = block * products_.block();
    products_.logits(products_.table(word, words, block, room), words, block, out + i0);
    own_bias(word, words, block, out + i0);
    dispatch::kernels<T>().exp_columns(out + i0, products_.ldp(), words, products_.examples(block), b_.bias + word, ref_.data() + i0,
                                       unused);
  }
}

// Words [word, word + words), whose P~ is at p. What the `following` words after them need comes in meanwhile.
template <class T>
void Sweep<T>::step(const SweepSink<T>& u, const SweepSink<T>& bias, const TouchedRows<T>* extra, Index extra_cols, Index word, Index words,
                    const T* p, Index following, T* gradient) const {
  const auto& kernels = dispatch::kernels<T>();
  const Index ldp = products_.ldp(), offset = word * u.ld, next = word + words;
  const bool store = u.g != nullptr, in_epilogue = !store && extra == nullptr && products_.steps_in_epilogue();
  T db[SweepProducts<T>::kMostWords];
  for (Index j = 0; j < words; ++j) db[j] = kernels.dot(p + j * ldp, share_.data(), b_.shape.m);
  Ahead ahead[4];
  GemmArgs<T> g{};
  g.ahead = ahead;
  const auto fetch = [&](const T* base, Index ld) {
    if (base != nullptr && following > 0)
      ahead[g.aheads++] = {reinterpret_cast<const char*>(base + next * ld), reinterpret_cast<const char*>(base + (next + following) * ld)};
  };
  if (next + following <= keep_words_) fetch(static_cast<const T*>(kept_.data()), ldp);
  if (!store) {
    fetch(u.w, u.ld);
    fetch(u.s1, u.ld);
    fetch(u.s2, u.ld);
  }
  g.m = words;
  g.ldc = u.ld;
  T* const room = scratch(Scratch::pack_b).reserve_of<T>(products_.room_size());
  if (in_epilogue) {
    g.c = u.w + offset;
    g.epilogue = Epilogue::update;
    g.opt = u.opt;
    g.s1 = moved(u.s1, offset);
    g.s2 = moved(u.s2, offset);
    products_.gradient(g, p, room);
  } else {
    const Index k = b_.shape.k;
    T* const out = store ? u.g + offset : gradient;
    g.c = out;
    products_.gradient(g, p, room);
    if (extra != nullptr) {
      auto r = std::lower_bound(extra->ids.begin(), extra->ids.end(), word, [](std::int32_t id, Index w) { return id < w; });
      for (; r != extra->ids.end() && *r < word + words; ++r)
        kernels.axpy(T(1), extra->sums[static_cast<std::size_t>(r - extra->ids.begin())], out + (*r - word) * u.ld, extra_cols);
    }
    for (Index j = 0; j < words; ++j) {
      const Index row = (word + j) * u.ld;
      if (store)
        u.squares[word + j] = squares_of(out + j * u.ld, k);
      else
        kernels.optim_step(*u.opt, out + j * u.ld, u.w + row, moved(u.s1, row), moved(u.s2, row), k);
    }
  }
  if (store)
    std::memcpy(bias.g + word, db, at(words) * sizeof(T));
  else
    kernels.optim_step(*bias.opt, db, bias.w + word, moved(bias.s1, word), moved(bias.s2, word), words);
}

template <class T>
void Sweep<T>::backward(const threads::Crew& crew, const SweepSink<T>& u, const SweepSink<T>& bias, const TouchedRows<T>* extra,
                        Index extra_cols) {
  const auto& kernels = dispatch::kernels<T>();
  const SweepShape<T>& s = b_.shape;
  const Index m = s.m, k = s.k, ldp = products_.ldp(), lddh = products_.lddh(), tile_words = products_.tile();
  T* const scaled = static_cast<T*>(scaled_.data());
  crew.each(m, static_cast<double>(m * k) * 2, [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      T* const row = scaled + i * lddh;
      const Index block = i / products_.block();
      share_[at(i)] = static_cast<T>(b_.weight[i] / sum_[at(i)]);  // folded into H instead of normalising P~
      if (products_.kept() != nullptr)
        kernels.take_columns(b_.h + i * b_.ldh, b_.ldh, 1, k, products_.kept()->of(block), products_.depth(block), row, lddh);
      else
        std::memcpy(row, b_.h + i * b_.ldh, at(k) * sizeof(T));
      kernels.scal(share_[at(i)], row, products_.depth(block));
    }
  });
  crew.barrier();
  products_.pack_scaled(crew, scaled);
  crew.barrier();
  T* const kept = static_cast<T*>(kept_.data());
  const double work = 2.0 * static_cast<double>(s.vocab) * static_cast<double>(k) * static_cast<double>(m);
  crew.each(products_.tiles(), work, [&](Index begin, Index end) {
    T* const own = scratch(Scratch::op).reserve_of<T>(tile_words * ldp);
    T* const gradient = u.g != nullptr ? nullptr : scratch(Scratch::op2).reserve_of<T>(group_ * u.ld);
    const Index end_word = std::min(end * tile_words, s.vocab);
    for (Index tile = begin; tile < end; ++tile) {
      const Index word = tile * tile_words, words = std::min(tile_words, s.vocab - word);
      T* p = kept + word * ldp;
      if (word + words > keep_words_) {
        p = own;
        rebuild(word, words, p);
      }
      for_targets(word, words, [&](Index i) { p[(b_.target[i] - word) * ldp + i] -= static_cast<T>(sum_[at(i)]); });
      for (Index row = 0; row < words; row += group_) {
        const Index count = std::min(group_, words - row);
        step(u, bias, extra, extra_cols, word + row, count, p + row * ldp, std::min(group_, end_word - (word + row + count)), gradient);
      }
    }
  });
}

namespace {

// u_v . h + bias_v; returns the greatest, NaN where one is.
template <class T>
double logits_of(const Param<T>& u, const Param<T>& bias, const T* h, Index k, double* out) {
  const auto& kernels = dispatch::kernels<T>();
  const double work = 2.0 * static_cast<double>(u.rows) * static_cast<double>(k);
  threads::parallel_for(u.rows, threads::threads_for(work), [&](Index begin, Index end) {
    for (Index v = begin; v < end; ++v) out[v] = static_cast<double>(kernels.dot(u.w() + v * u.ld, h, k) + bias.w()[v]);
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

#define PYFFNN_INSTANTIATE(T)                                                               \
  template class Sweep<T>;                                                                  \
  template void log_softmax_of(const Param<T>&, const Param<T>&, const T*, Index, double*); \
  template void softmax_of(const Param<T>&, const Param<T>&, const T*, Index, double*);
PYFFNN_INSTANTIATE(float)
PYFFNN_INSTANTIATE(double)
#undef PYFFNN_INSTANTIATE

}  // namespace pyffnn::net
