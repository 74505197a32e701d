#include "ops/linear_xent/panels_fma.h"

#include "core/dispatch.h"
#include "core/math.h"
#include "core/thread_pool.h"
#include "core/workspace.h"

namespace pyffnn::ops::xent {
namespace {

constexpr Index kColumns = 128;

}  // namespace

// A tile of w and one of exponentials stay in L2 together; a fiftieth of the vocabulary keeps them small beside the logits.
template <class T>
FmaPanels<T>::FmaPanels(const Problem<T>& p)
    : p_(p),
      tile_(std::min(p.n, std::clamp<Index>(p.n / 50 / 64 * 64, 64, 256))),
      parts_(threads::threads_for(4.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k))) {}

template <class T>
void FmaPanels<T>::logits(Index word, Index words, Index begin, Index end, T* z, Index ldz) const {
  gemm<T>(end - begin, words, p_.k, {p_.x + begin * p_.k, p_.k, 1}, {p_.w + word, p_.n, 1}, z, ldz, p_.bias(word));
}

template <class T>
void FmaPanels<T>::first(Walk<T>& walk) const {
  const Index n = p_.n, k = p_.k;
  threads::parallel_for(
      p_.m, parts_,
      [&](Index begin, Index end) {
        T* const own = scratch(Scratch::op).reserve_of<T>((end - begin) * tile_);
        for (Index number = 0; number < walk.tiles(); ++number) {
          const Index words = walk.width(number), word = number * tile_;
          const bool in_place = walk.stash.whole(number);
          T* const z = in_place ? walk.stash.row(number, begin) : own;
          const Index ldz = in_place ? n : tile_;
          logits(word, words, begin, end, z, ldz);
          walk.absorb(number, begin, end, z, ldz, in_place);
          // W^T is packed, so many columns of dx at a time as keep that small beside the logits.
          for (Index c = 0; c < k; c += kColumns) {
            const Index cols = std::min(kColumns, k - c);
            gemm<T>(end - begin, cols, words, {z, ldz, 1}, {p_.w + c * n + word, 1, n}, p_.dx + begin * k + c, k, {}, true);
          }
        }
      },
      dispatch::kernels<T>().tile.mr);
}

template <class T>
void FmaPanels<T>::second(const Walk<T>& walk) const {
  const Index m = p_.m, n = p_.n, k = p_.k, group = walk.stash.group;
  // A thread has a part of a tile for itself.
  const Index narrow = std::max<Index>(std::min<Index>(tile_, 64), tile_ / parts_ / 32 * 32);
  threads::parallel_for(ceil_div(walk.tiles(), group), parts_, [&](Index begin, Index end) {
    T* const z = scratch(Scratch::op).reserve_of<T>(m * narrow);
    for (Index number = begin * group; number < std::min(walk.tiles(), end * group); ++number) {
      const bool held = walk.stash.holds(number);
      const Index last = number * tile_ + walk.width(number);
      for (Index word = number * tile_; word < last; word += narrow) {
        const Index words = std::min(narrow, last - word);
        if (!held) logits(word, words, 0, m, z, narrow);
        walk.gradients(number, word, words, z, narrow, held ? Walk<T>::Source::stash : Walk<T>::Source::logits);
        gemm<T>(k, words, m, {p_.x, 1, k}, {z, narrow, 1}, p_.dw + word, n);
      }
    }
  });
}

template class FmaPanels<float>;
template class FmaPanels<double>;

}  // namespace pyffnn::ops::xent
