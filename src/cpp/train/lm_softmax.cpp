#include "train/lm_softmax.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "core/dispatch.h"
#include "core/thread_pool.h"
#include "ops/products/tile_gemm.h"

namespace pyffnn::train::lm {
namespace {

constexpr Index kDepth = 512;  // longest run of k in one block product; a longer k is cut, the sums run on

// Beyond it 1 / S would come near the subnormals.
template <class T>
constexpr double kSumLimit = sizeof(T) == 4 ? 1e18 : 1e150;

// Rows of U, of its gradient and the optimizer's state, and of P~, that stay in L2 together while the next such group comes in.
constexpr Index kGroupBytes = Index{192} << 10;

Index round_up(Index x, Index unit) { return (x + unit - 1) / unit * unit; }
Index depth_of(Index k) { return k <= kDepth + kDepth / 2 ? k : kDepth; }
std::size_t at(Index i) { return static_cast<std::size_t>(i); }

// bf16 numbers of a packed operand: `outer` rows of A or columns of B.
Index packed_size(Index outer, Index k, bool split) { return round_up(outer, kTileSide) * round_up(k, kTileDepth) * (split ? 2 : 1); }

// The product of A, element (i, p) at a[i * rs + p * cs], and a packed B; m, n, k and the rest are in g.
void multiply_on_tiles(const GemmArgs<float>& g, const float* a, Index rs, Index cs, const std::uint16_t* b, bool split) {
  const TileKernels& tiles = dispatch::active().tiles;
  auto* const packed = scratch(Scratch::pack_a).reserve_of<std::uint16_t>(packed_size(g.m, g.k, split));
  tiles.pack_a(a, rs, cs, g.m, g.k, split, packed);
  tiles.gemm({packed, b, split, g});
}
void pack_for_tiles(const float* b, Index rs, Index cs, Index k, Index n, bool split, std::uint16_t* out) {
  dispatch::active().tiles.pack_b(b, rs, cs, k, n, split, out);
}
// float64 never comes to the tiles.
void multiply_on_tiles(const GemmArgs<double>&, const double*, Index, Index, const std::uint16_t*, bool) {}
void pack_for_tiles(const double*, Index, Index, Index, Index, bool, std::uint16_t*) {}

}  // namespace

// H^T in column panels: for each block of examples, for each block of k, panels of nr examples.
template <class T>
void TiledSoftmax<T>::pack(const T* h, Index ldh) {
  const auto& kernels = dispatch::kernels<T>();
  const double work = static_cast<double>(b_.m) * static_cast<double>(b_.k) * 4;
  if (on_tiles()) {
    panel_block_ = packed_size(std::min(size_.block, b_.m), b_.k, split());
    auto* const out = packed_.template reserve_of<std::uint16_t>(blocks() * panel_block_);
    threads::parallel_for(blocks(), threads::threads_for(work), [&](Index begin, Index end) {
      for (Index block = begin; block < end; ++block) {
        const Index i = block * size_.block;
        pack_for_tiles(h + i * ldh, 1, ldh, b_.k, std::min(size_.block, b_.m - i), split(), out + block * panel_block_);
      }
    });
    return;
  }
  const Index nr = kernels.tile.nr;
  panel_block_ = round_up(size_.block, nr) * b_.k;
  T* const out = packed_.reserve_of<T>(blocks() * panel_block_);
  threads::parallel_for(blocks(), threads::threads_for(work), [&](Index begin, Index end) {
    for (Index block = begin; block < end; ++block) {
      const T* rows = h + block * size_.block * ldh;
      Index ld = ldh;
      if (b_.kept != nullptr) {
        T* const room = scratch(Scratch::op).reserve_of<T>(size_.block * ldt_);
        kernels.take_columns(rows, ldh, examples(block), b_.k, b_.kept->of(block), depth(block), room, ldt_);
        rows = room;
        ld = ldt_;
      }
      const Index k = depth(block), run = depth_of(k);
      for (Index p = 0; p < k; p += run)
        kernels.pack_b(rows + p, 1, ld, std::min(run, k - p), examples(block),
                       out + block * panel_block_ + p * round_up(examples(block), nr));
    }
  });
}

// Copying a tile of U, and the way back of its gradient, cost a few percent of the three products.
template <class T>
bool TiledSoftmax<T>::worth_taking(const KeptColumns& kept) const {
  if (on_tiles()) return false;
  Index total = 0;
  for (Index block = 0; block < blocks(); ++block) {
    if (kept.count(block) == 0) return false;
    total += kept.count(block);
  }
  return total * 8 <= blocks() * b_.k * 7;
}

template <class T>
T* TiledSoftmax<T>::taking_room() const {
  return b_.kept == nullptr ? nullptr : scratch(Scratch::pack_b).reserve_of<T>(size_.tile * ldt_);
}

template <class T>
typename TiledSoftmax<T>::Table TiledSoftmax<T>::table(Index word, Index words, Index block, T* room) const {
  const T* const u = b_.u + word * b_.ld;
  if (b_.kept == nullptr) return {u, b_.ld};
  dispatch::kernels<T>().take_columns(u, b_.ld, words, b_.k, b_.kept->of(block), depth(block), room, ldt_);
  return {room, ldt_};
}

// z^T without bias: rows are words, columns the examples of one block; out has row stride ldp_.
template <class T>
void TiledSoftmax<T>::logits(const Table& u, Index words, Index block, T* out) const {
  const auto& kernels = dispatch::kernels<T>();
  const Index nr = kernels.tile.nr, k = depth(block), run = depth_of(k);
  GemmArgs<T> g{};
  g.m = words;
  g.n = examples(block);
  g.c = out;
  g.ldc = ldp_;
  if (on_tiles()) {
    g.k = b_.k;
    multiply_on_tiles(g, u.p, u.ld, 1, static_cast<const std::uint16_t*>(packed_.data()) + block * panel_block_, split());
    return;
  }
  g.a_panel = kernels.tile.mr * u.ld;
  g.a_rs = u.ld;
  g.a_cs = 1;
  g.b_rs = nr;
  for (Index p = 0; p < k; p += run) {
    g.k = std::min(run, k - p);
    g.a = u.p + p;
    g.b = static_cast<const T*>(packed_.data()) + block * panel_block_ + p * round_up(g.n, nr);
    g.b_panel = g.k * nr;
    g.load_c = p > 0;
    kernels.gemm(g);
  }
}

template <class T>
template <class F>
void TiledSoftmax<T>::for_targets(Index word, Index words, F f) const {
  auto e = std::lower_bound(by_target_.begin(), by_target_.end(), word,
                            [this](std::int32_t i, Index w) { return static_cast<Index>(b_.target[i]) < w; });
  for (; e != by_target_.end() && b_.target[*e] < word + words; ++e) f(static_cast<Index>(*e));
}

// Moves the logits of targets so that adding the words' biases gives the targets' own.
template <class T>
void TiledSoftmax<T>::own_bias(Index word, Index words, Index block, T* z) const {
  if (b_.target_bias == nullptr) return;
  const Index i0 = block * size_.block, i1 = std::min(b_.m, i0 + size_.block);
  for_targets(word, words, [&](Index i) {
    const Index t = b_.target[i];
    if (i >= i0 && i < i1) z[(t - word) * ldp_ + i - i0] += b_.target_bias[i] - b_.bias[t];
  });
}

template <class T>
void TiledSoftmax<T>::pick_reference(bool all_words) {
  const auto& kernels = dispatch::kernels<T>();
  const Index words = all_words ? b_.vocab : std::min(kRefWords, b_.vocab);
  ref_.assign(at(b_.m), -std::numeric_limits<T>::infinity());
  const double work = 2.0 * static_cast<double>(words) * static_cast<double>(b_.k) * static_cast<double>(b_.m);
  threads::parallel_for(blocks(), threads::threads_for(work), [&](Index begin, Index end) {
    T* const z = scratch(Scratch::op).reserve_of<T>(size_.tile * ldp_);
    T* const room = taking_room();
    for (Index block = begin; block < end; ++block) {
      for (Index word = 0; word < words; word += size_.tile) {
        const Index count = std::min(size_.tile, words - word);
        logits(table(word, count, block, room), count, block, z);
        kernels.column_max(z, ldp_, count, examples(block), b_.bias + word, ref_.data() + block * size_.block);
      }
    }
  });
}

// False when a sum went beyond kSumLimit.
template <class T>
bool TiledSoftmax<T>::sweep(bool gradient) {
  const auto& kernels = dispatch::kernels<T>();
  const Index m = b_.m, tiles = (b_.vocab + size_.tile - 1) / size_.tile, n_blocks = blocks();
  T* const parts = static_cast<T*>(dh_parts_.data());
  T* const kept = static_cast<T*>(kept_.data());
  std::fill(chunk_sum_.begin(), chunk_sum_.end(), 0.0);
  const double work = (gradient ? 4.0 : 2.0) * static_cast<double>(b_.vocab) * static_cast<double>(b_.k) * static_cast<double>(m);
  threads::parallel_for(chunks_ * n_blocks, threads::threads_for(work), [&](Index begin, Index end) {
    T* const own = scratch(Scratch::op).reserve_of<T>(size_.tile * ldp_);
    T* const room = taking_room();
    T tile_sum[kTiles.block];
    for (Index task = begin; task < end; ++task) {
      const Index chunk = task / n_blocks, block = task % n_blocks;
      const Index first = tiles * chunk / chunks_, last = tiles * (chunk + 1) / chunks_;
      const Index i0 = block * size_.block, count = examples(block);
      double* const sum = chunk_sum_.data() + chunk * m + i0;
      for (Index tile = first; tile < last; ++tile) {
        const Index word = tile * size_.tile, words = std::min(size_.tile, b_.vocab - word);
        T* const p = gradient && word + words <= keep_words_ ? kept + word * ldp_ + i0 : own;
        const Table u = table(word, words, block, room);
        logits(u, words, block, p);
        own_bias(word, words, block, p);
        for_targets(word, words, [&](Index i) {
          if (i < i0 || i >= i0 + count) return;
          const Index t = b_.target[i];
          target_logit_[at(i)] = static_cast<double>(p[(t - word) * ldp_ + i - i0] + b_.bias[t]);
        });
        kernels.exp_columns(p, ldp_, words, count, b_.bias + word, ref_.data() + i0, tile_sum);
        for (Index i = 0; i < count; ++i) sum[i] += static_cast<double>(tile_sum[i]);
        if (!gradient) continue;
        GemmArgs<T> g{};
        g.m = count;
        g.n = depth(block);
        g.k = words;
        g.load_c = tile > first;
        g.c = parts + (chunk * m + i0) * lddh_;
        g.ldc = lddh_;
        if (on_tiles()) {
          auto* const rows = scratch(Scratch::pack_b).reserve_of<std::uint16_t>(packed_size(b_.k, words, split()));
          pack_for_tiles(u.p, u.ld, 1, words, b_.k, split(), rows);
          multiply_on_tiles(g, p, 1, ldp_, rows, split());
          continue;
        }
        const Index next = word + words, following = tile + 1 < last ? std::min(size_.tile, b_.vocab - next) : 0;
        Ahead ahead{reinterpret_cast<const char*>(b_.u + next * b_.ld), reinterpret_cast<const char*>(b_.u + (next + following) * b_.ld)};
        g.ahead = &ahead;
        g.aheads = 1;
        g.a = p;
        g.a_panel = kernels.tile.mr;
        g.a_rs = 1;
        g.a_cs = ldp_;
        g.b = u.p;
        g.b_panel = kernels.tile.nr;
        g.b_rs = u.ld;
        kernels.gemm(g);
      }
    }
  });
  bool finite = true;
  for (Index i = 0; i < m; ++i) {
    double s = 0;
    for (Index chunk = 0; chunk < chunks_; ++chunk) s += chunk_sum_[at(chunk * m + i)];
    sum_[at(i)] = s;
    finite &= s <= kSumLimit<T>;
  }
  return finite;
}

template <class T>
void TiledSoftmax<T>::forward(Index vocab, Index k, const T* u, Index ld, const T* bias, const T* h, Index ldh, const std::int32_t* target,
                              Index m, double weight, T* dh, Index lddh, double* log_prob, const T* target_bias, const KeptColumns* kept) {
  if (m == 0) return;
  const auto& kernels = dispatch::kernels<T>();
  b_ = {vocab, k, ld, m, u, bias, target_bias, target, nullptr};
  precision_ = sizeof(T) == sizeof(float) ? ops::choose(wanted_, m, vocab, k) : Precision::float32;
  size_ = on_tiles() ? kTiles : kFma;
  if (kept != nullptr && worth_taking(*kept)) b_.kept = kept;
  weight_ = weight;
  ldp_ = padded<T>(m);
  lddh_ = padded<T>(k + (b_.kept == nullptr ? 0 : kRowUnit));
  ldt_ = lddh_;
  const Index tiles = (vocab + size_.tile - 1) / size_.tile;
  chunks_ = std::min(kChunks, (tiles + 3) / 4);
  keep_words_ = std::min(vocab, kKeepBytes / (ldp_ * static_cast<Index>(sizeof(T))) / size_.tile * size_.tile);
  if (vocab * ldp_ * static_cast<Index>(sizeof(T)) <= kKeepBytes) keep_words_ = vocab;
  if (dh != nullptr) {
    // whole where it is much of it, so that a larger batch needs no second block beside one that was nearly as large
    const Index bytes = keep_words_ * ldp_ * static_cast<Index>(sizeof(T));
    kept_.reserve(bytes > kKeepBytes / 2 ? std::max(bytes, kKeepBytes) : bytes);
    dh_parts_.reserve_of<T>(chunks_ * m * lddh_);
  }
  by_target_.resize(at(m));
  std::iota(by_target_.begin(), by_target_.end(), 0);
  std::sort(by_target_.begin(), by_target_.end(),
            [target](std::int32_t a, std::int32_t b) { return target[a] != target[b] ? target[a] < target[b] : a < b; });
  target_logit_.resize(at(m));
  sum_.resize(at(m));
  chunk_sum_.resize(at(chunks_ * m));
  pack(h, ldh);
  pick_reference(false);
  if (!sweep(dh != nullptr)) {
    pick_reference(true);
    for (Index i = 0; i < m; ++i) ref_[at(i)] = std::max(ref_[at(i)], static_cast<T>(target_logit_[at(i)]));
    sweep(dh != nullptr);
  }
  for (Index i = 0; i < m; ++i)
    log_prob[i] = std::min(0.0, target_logit_[at(i)] - static_cast<double>(ref_[at(i)]) - std::log(sum_[at(i)]));
  for (Index i = 0; i < m; ++i)
    if (target_logit_[at(i)] != target_logit_[at(i)] || sum_[at(i)] != sum_[at(i)]) log_prob[i] = std::numeric_limits<double>::quiet_NaN();
  if (dh == nullptr) return;
  T* const parts = static_cast<T*>(dh_parts_.data());
  threads::parallel_for(m, threads::threads_for(static_cast<double>(chunks_ * m * k)), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      const Index block = i / size_.block, columns = depth(block);
      T* const out = dh + i * lddh;
      T* const sum = parts + i * lddh_;
      for (Index chunk = 1; chunk < chunks_; ++chunk) kernels.axpy(T(1), parts + (chunk * m + i) * lddh_, sum, columns);
      kernels.scal(static_cast<T>(weight / sum_[at(i)]), sum, columns);
      if (b_.kept != nullptr)
        kernels.put_columns(sum, lddh_, 1, k, b_.kept->of(block), columns, false, out, lddh);
      else
        std::memcpy(out, sum, at(k) * sizeof(T));
      kernels.axpy(static_cast<T>(-weight), u + static_cast<Index>(target[i]) * ld, out, k);
    }
  });
}

template <class T>
void TiledSoftmax<T>::rebuild(Index word, Index words, T* out) const {
  const auto& kernels = dispatch::kernels<T>();
  T unused[kTiles.block];
  T* const room = taking_room();
  for (Index block = 0; block < blocks(); ++block) {
    const Index i0 = block * size_.block;
    logits(table(word, words, block, room), words, block, out + i0);
    own_bias(word, words, block, out + i0);
    kernels.exp_columns(out + i0, ldp_, words, examples(block), b_.bias + word, ref_.data() + i0, unused);
  }
}

template <class T>
void TiledSoftmax<T>::backward(Param<T>& u, Param<T>& bias, const T* h, Index ldh, const Update<T>& update, const SparseRows<T>* extra,
                               Index extra_cols) {
  if (b_.m == 0) return;
  const auto& kernels = dispatch::kernels<T>();
  const Index m = b_.m, k = b_.k, nr = kernels.tile.nr, tiles = (b_.vocab + size_.tile - 1) / size_.tile;
  std::vector<T> share(at(m));  // weight / S, folded into H instead of normalising P~
  for (Index i = 0; i < m; ++i) share[at(i)] = static_cast<T>(weight_ / sum_[at(i)]);
  T* const scaled = scaled_.reserve_of<T>(m * lddh_);
  T* const panels = on_tiles() ? nullptr : packed_scaled_.reserve_of<T>(m * round_up(k, nr));
  auto* const tile_panels = on_tiles() ? packed_scaled_.template reserve_of<std::uint16_t>(packed_size(k, m, split())) : nullptr;
  threads::parallel_for(m, threads::threads_for(static_cast<double>(m * k) * 2), [&](Index begin, Index end) {
    for (Index i = begin; i < end; ++i) {
      T* const row = scaled + i * lddh_;
      const Index block = i / size_.block;
      if (b_.kept != nullptr)
        kernels.take_columns(h + i * ldh, ldh, 1, k, b_.kept->of(block), depth(block), row, lddh_);
      else
        std::memcpy(row, h + i * ldh, at(k) * sizeof(T));
      kernels.scal(share[at(i)], row, depth(block));
    }
  });
  if (b_.kept != nullptr) {
    threads::parallel_for(blocks(), threads::threads_for(static_cast<double>(m * k) * 2), [&](Index begin, Index end) {
      for (Index block = begin; block < end; ++block) {
        const Index i = block * size_.block;
        kernels.pack_b(scaled + i * lddh_, lddh_, 1, examples(block), depth(block), panels + i * round_up(k, nr));
      }
    });
  } else {
    threads::parallel_for(
        k, threads::threads_for(static_cast<double>(m * k) * 2),
        [&](Index begin, Index end) {
          if (on_tiles())
            pack_for_tiles(scaled + begin, lddh_, 1, m, end - begin, split(), tile_panels + packed_size(begin, m, split()));
          else
            kernels.pack_b(scaled + begin, lddh_, 1, m, end - begin, panels + begin * m);
        },
        on_tiles() ? kTileSide : nr);
  }
  const auto product = [&](GemmArgs<T>& g, const T* p) {
    if (on_tiles()) {
      multiply_on_tiles(g, p, ldp_, 1, tile_panels, split());
    } else if (b_.kept == nullptr) {
      kernels.gemm(g);
    } else {
      T* const out = g.c;
      const Index ld_out = g.ldc;
      g.c = taking_room();
      g.ldc = ldt_;
      for (Index block = 0; block < blocks(); ++block) {
        const Index i = block * size_.block;
        g.n = depth(block);
        g.k = examples(block);
        g.a = p + i;
        g.b = panels + i * round_up(k, nr);
        g.b_panel = g.k * nr;
        kernels.gemm(g);
        kernels.put_columns(g.c, ldt_, g.m, k, b_.kept->of(block), g.n, block > 0, out, ld_out);
      }
    }
  };
  T* const kept = static_cast<T*>(kept_.data());
  const OptimStep<T>& opt = update.rule(u);
  if (update.store) {
    u.reserve_gradient();
    u.squares.resize(at(u.rows));
    bias.reserve_gradient();
  }
  const bool in_epilogue = on_tiles() && !update.store && extra == nullptr;
  const auto state = [](T* base, Index offset) { return base == nullptr ? nullptr : base + offset; };
  const Index unit = kernels.tile.mr, row_bytes = (4 * u.ld + ldp_) * static_cast<Index>(sizeof(T));
  const Index group = on_tiles() ? size_.tile : std::clamp(kGroupBytes / (unit * row_bytes), Index{1}, size_.tile / unit) * unit;
  const double work = 2.0 * static_cast<double>(b_.vocab) * static_cast<double>(k) * static_cast<double>(m);
  threads::parallel_for(tiles, threads::threads_for(work), [&](Index begin, Index end) {
    T* const own = scratch(Scratch::op).reserve_of<T>(size_.tile * ldp_);
    T* const gradient = in_epilogue || update.store ? nullptr : scratch(Scratch::op2).reserve_of<T>(group * u.ld);
    // Words [word, word + words), whose P~ is at p. What the next `group` of them needs comes in meanwhile.
    const auto step = [&](Index word, Index words, const T* p) {
      T db[kTiles.tile];
      for (Index j = 0; j < words; ++j) db[j] = kernels.dot(p + j * ldp_, share.data(), m);
      const Index offset = word * u.ld, next = word + words, following = std::min(group, std::min(end * size_.tile, b_.vocab) - next);
      Ahead ahead[4];
      GemmArgs<T> g{};
      g.ahead = ahead;
      const auto fetch = [&](const T* base, Index ld) {
        if (base != nullptr && following > 0)
          ahead[g.aheads++] = {reinterpret_cast<const char*>(base + next * ld),
                               reinterpret_cast<const char*>(base + (next + following) * ld)};
      };
      if (next + following <= keep_words_) fetch(kept, ldp_);
      if (!update.store) {
        fetch(u.w, u.ld);
        fetch(u.s1, u.ld);
        fetch(u.s2, u.ld);
      }
      g.m = words;
      g.n = k;
      g.k = m;
      g.a = p;
      g.a_panel = kernels.tile.mr * ldp_;
      g.a_rs = ldp_;
      g.a_cs = 1;
      g.b = panels;
      g.b_panel = m * nr;
      g.b_rs = nr;
      g.ldc = u.ld;
      if (in_epilogue) {
        g.c = u.w + offset;
        g.epilogue = Epilogue::update;
        g.opt = &opt;
        g.s1 = state(u.s1, offset);
        g.s2 = state(u.s2, offset);
        product(g, p);
      } else {
        T* const out = update.store ? u.g + offset : gradient;
        g.c = out;
        product(g, p);
        if (extra != nullptr) {
          auto r = std::lower_bound(extra->ids.begin(), extra->ids.end(), word, [](std::int32_t id, Index w) { return id < w; });
          for (; r != extra->ids.end() && *r < word + words; ++r)
            kernels.axpy(T(1), extra->rows + (r - extra->ids.begin()) * extra->ld, out + (*r - word) * u.ld, extra_cols);
        }
        if (update.store) {
          for (Index j = 0; j < words; ++j) {
            const T* const row = out + j * u.ld;
            u.squares[at(word + j)] = static_cast<double>(kernels.dot(row, row, k));
          }
        } else {
          update.apply(u, word, words, gradient, u.ld);
        }
      }
      if (update.store)
        std::memcpy(bias.reserve_gradient() + word, db, at(words) * sizeof(T));
      else
        kernels.optim_step(update.plain, db, bias.w + word, state(bias.s1, word), state(bias.s2, word), words);
    };
    for (Index tile = begin; tile < end; ++tile) {
      const Index word = tile * size_.tile, words = std::min(size_.tile, b_.vocab - word);
      T* p = kept + word * ldp_;
      if (word + words > keep_words_) {
        p = own;
        rebuild(word, words, p);
      }
      for_targets(word, words, [&](Index i) { p[(b_.target[i] - word) * ldp_ + i] -= static_cast<T>(sum_[at(i)]); });
      for (Index row = 0; row < words; row += group) step(word + row, std::min(group, words - row), p + row * ldp_);
    }
  });
}

template <class T>
Index TiledSoftmax<T>::workspace_bytes() const {
  return packed_.capacity() + kept_.capacity() + dh_parts_.capacity() + scaled_.capacity() + packed_scaled_.capacity();
}

template class TiledSoftmax<float>;
template class TiledSoftmax<double>;

}  // namespace pyffnn::train::lm
