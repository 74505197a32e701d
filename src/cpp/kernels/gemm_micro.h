// The only FMA loop for dense products: an MR x NV register tile, vectorised over n, one FMA chain an output in the order of k.
//
// Tile sizes: FMA has a latency of 4 cycles and a throughput of up to 2 a cycle, so at least 8 independent sums are wanted; the
// tile takes as many as the registers hold beside the NV vectors of B and one broadcast of A:
//   AVX-512 (32 registers): 14 x 2 = 28 + 2 + 1;  AVX2 and SSE2 (16): 6 x 2 = 12 + 2 + 1;  NEON (32): 8 x 3 = 24 + 3 + 1.
// Few rows take more vectors instead (nv_max), for the same number of independent sums.
#pragma once
#include "core/types.h"
#include "simd/vec.h"

namespace pyffnn {
namespace PYFFNN_ISA {
namespace {

#if PYFFNN_VEC_BYTES == 64
constexpr int kMR = 14, kNV = 2;
constexpr int nv_max(int mr) { return mr <= 2 ? 8 : mr <= 6 ? 4 : 2; }
#elif PYFFNN_VEC_BYTES == 32
constexpr int kMR = 6, kNV = 2;
constexpr int nv_max(int mr) { return mr == 1 ? 13 : mr <= 3 ? 4 : 2; }
#elif defined(__aarch64__) && defined(PYFFNN_VEC_BYTES)
constexpr int kMR = 8, kNV = 3;
constexpr int nv_max(int mr) { return mr <= 2 ? 8 : mr <= 4 ? 6 : 3; }
#elif defined(PYFFNN_VEC_BYTES)
constexpr int kMR = 6, kNV = 2;
constexpr int nv_max(int mr) { return mr == 1 ? 8 : mr <= 3 ? 4 : 2; }
#else
constexpr int kMR = 3, kNV = 5;  // odd on purpose: every edge path runs
constexpr int nv_max(int) { return 5; }
#endif

template <class T>
constexpr Index kNR = kNV * kLanes<T>;

// Rows of a tile over B in place: fewer than kMR, but over twice the columns, where the registers hold that. The rest of a row of C then
// seldom makes a narrow tile of its own, and a row of B is read for more whole lines at a time. At least 6 rows share each load of B.
constexpr int in_place_rows() {
  int rows = kMR;
  while (rows > 0 && nv_max(rows) < 2 * kNV) --rows;
  return rows >= 6 ? rows : kMR;
}
constexpr Index kInPlaceRows = in_place_rows();

constexpr int most_vectors() {
  int most = 0;
  for (int mr = 1; mr <= kMR; ++mr) most = nv_max(mr) > most ? nv_max(mr) : most;
  return most;
}
constexpr int kMostVectors = most_vectors();
constexpr int max_tile_vectors() {
  int most = 0;
  for (int mr = 1; mr <= kMR; ++mr) most = mr * nv_max(mr) > most ? mr * nv_max(mr) : most;
  return most;
}
template <class T>
constexpr Index kMaxTile = max_tile_vectors() * kLanes<T>;

template <class T>
PYFFNN_INLINE Vec<T> load_v(const T* p, bool tail, Index n) {
  return tail ? load_tail(p, n) : load(p);
}
template <class T>
PYFFNN_INLINE void store_v(T* p, Vec<T> v, bool tail, Index n) {
  if (tail)
    store_tail(p, v, n);
  else
    store(p, v);
}

// The last vector of a tile's row. On AVX-512 it is always masked, which costs nothing there, and a rest of at most half a vector takes
// half a vector: two of those issue where one whole does on CPUs that split 512-bit operations. Elsewhere a masked access is dear, so a
// whole vector has its own kernel.
enum class Tail { whole, part, half };
#if PYFFNN_VEC_BYTES == 64
constexpr bool kHalves = true;
#else
constexpr bool kHalves = false;
#endif
template <class T>
constexpr Tail tail_of(Index lanes) {
  if (kHalves) return lanes <= kLanes<T> / 2 ? Tail::half : Tail::part;
  return lanes < kLanes<T> ? Tail::part : Tail::whole;
}

template <class T, Tail kTail>
struct Last {
  using V = Vec<T>;
  static PYFFNN_INLINE Index mask(Index lanes) { return lanes; }
  static PYFFNN_INLINE V load(const T* p, Index lanes) { return kTail == Tail::whole ? PYFFNN_ISA::load(p) : load_tail(p, lanes); }
  static PYFFNN_INLINE void store(T* p, V v, Index lanes) {
    if (kTail == Tail::whole)
      PYFFNN_ISA::store(p, v);
    else
      store_tail(p, v, lanes);
  }
  static PYFFNN_INLINE V mul_add(Vec<T> a, V b, V c) { return fma(a, b, c); }
  static PYFFNN_INLINE V mul_add(T a, V b, V c) { return fma(set1(a), b, c); }
};
#if PYFFNN_VEC_BYTES == 64
template <class T>
struct Last<T, Tail::part> {
  using V = Vec<T>;
  static PYFFNN_INLINE LaneMask mask(Index lanes) { return lane_mask(lanes); }
  static PYFFNN_INLINE V load(const T* p, LaneMask m) { return load_masked(p, m); }
  static PYFFNN_INLINE void store(T* p, V v, LaneMask m) { store_masked(p, v, m); }
  static PYFFNN_INLINE V mul_add(Vec<T> a, V b, V c) { return fma(a, b, c); }
  static PYFFNN_INLINE V mul_add(T a, V b, V c) { return fma(set1(a), b, c); }
};
template <class T>
struct Last<T, Tail::half> {
  using V = HalfVec<T>;
  static PYFFNN_INLINE LaneMask mask(Index lanes) { return lane_mask(lanes); }
  static PYFFNN_INLINE V load(const T* p, LaneMask m) { return load_masked_half(p, m); }
  static PYFFNN_INLINE void store(T* p, V v, LaneMask m) { store_masked(p, v, m); }
  static PYFFNN_INLINE V mul_add(Vec<T> a, V b, V c) { return fma_half(low_half(a), b, c); }
  static PYFFNN_INLINE V mul_add(T a, V b, V c) { return fma_half(a - V{}, b, c); }
};
#endif

// p += n, kept from turning into an offset of its own for every row.
template <class T>
PYFFNN_INLINE void walk(T*& p, Index n) {
  p += n;
  __asm__("" : "+r"(p));
}

// N rows a constant distance apart, by a base for every five of them, since an address holds one base and one multiple of 1, 2, 4 or 8.
// The empty asm keeps the compiler from making a pointer or an offset a row out of that, more than there are registers.
template <int N>
struct Rows {
  static constexpr int kBases = (N + 4) / 5;
  char* base[kBases];
  Index distance, distance3;

  PYFFNN_INLINE Rows(const void* first, Index bytes) : distance(bytes), distance3(3 * bytes) {
    __asm__("" : "+r"(distance));
    __asm__("" : "+r"(distance3));
    base[0] = const_cast<char*>(static_cast<const char*>(first));
    PYFFNN_UNROLL for (int q = 1; q < kBases; ++q) {
      base[q] = base[q - 1] + 5 * distance;
      __asm__("" : "+r"(base[q]));
    }
  }
  template <class T>
  PYFFNN_INLINE T* at(int i) const {
    const int r = i % 5;
    return reinterpret_cast<T*>(base[i / 5] + (r == 3 ? distance3 : r * distance));
  }
  PYFFNN_INLINE void advance(Index bytes) { PYFFNN_UNROLL for (int q = 0; q < kBases; ++q) base[q] += bytes; }
};

// Column p of a row panel of A, which runs along k or along m.
template <class T, int MR, bool kRowA>
struct ColumnOfA;
template <class T, int MR>
struct ColumnOfA<T, MR, true> {
  Rows<MR> rows;
  PYFFNN_INLINE ColumnOfA(const T* a, Index rs, Index) : rows(a, rs * static_cast<Index>(sizeof(T))) {}
  PYFFNN_INLINE T at(int i) const { return *rows.template at<const T>(i); }
  PYFFNN_INLINE void advance() { rows.advance(sizeof(T)); }
};
template <class T, int MR>
struct ColumnOfA<T, MR, false> {
  const T* p;
  Index cs;
  PYFFNN_INLINE ColumnOfA(const T* a, Index, Index cs_) : p(a), cs(cs_) {}
  PYFFNN_INLINE T at(int i) const { return p[i]; }
  PYFFNN_INLINE void advance() { p += cs; }
};

// Where a run of tiles stands: `rows` row panels from a on, each over `cols` column panels from b on, sums to c. The last vector of each
// has `tail` lanes. Of B, what stands b_ahead elements further on is fetched (b_back in the last panel, after which the first one comes
// again): the next panel's part of a row that is read in place, which no hardware prefetcher foresees. A part that begins inside a line
// shares it with the panel before, so the line of its end is the one.
template <class T>
struct Tiles {
  const T* a;
  Index a_panel;
  const T* b;
  T* c;
  Index ldc, rows, cols, b_panel, b_ahead, b_back, tail;
  // Steps whose last vector of B may be read whole: what lies behind its lanes is B, too (the next row, or what is between rows).
  Index whole_steps;
  // Steps after which `ahead` begins at the tile's B again: from there on it would ask for what lies behind B, and where no page is there
  // each such request takes a walk of the page table.
  Index steps_ahead;
};

// Where a masked load takes longer than all multiply-adds of a step (9 cycles on Zen 1), lanes beyond the tail are read and multiplied for
// nothing: each lane is a chain of its own, and those are not stored.
#if PYFFNN_VEC_BYTES == 32
template <Tail kTail>
constexpr bool kReadsOver = kTail == Tail::part;
#else
template <Tail kTail>
constexpr bool kReadsOver = false;
#endif
constexpr Index whole_steps(Index k, Index b_rs, Index lanes, Index tail) {
  if (b_rs <= 0) return 0;
  const Index behind = (lanes - tail + b_rs - 1) / b_rs;  // rows at the end that have too little after them
  return k > behind ? k - behind : 0;
}

// What lives across this call cannot be in these registers, so they are left to the loop behind it. GCC gives registers to the variables
// around that loop else and keeps the loop's own on the stack and in vectors (6 % of the time of 32 x 300 x 100).
PYFFNN_INLINE void free_registers() {
#if defined(__x86_64__) && !defined(__clang__)
  __asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15");
#endif
}

// Where the next k lines ahead begin; null when all have been asked for.
template <class T>
PYFFNN_INLINE const char* next_ahead(const GemmArgs<T>& g) {
  for (Ahead* r = g.ahead; r < g.ahead + g.aheads; ++r) {
    if (r->at >= r->end) continue;
    const char* const from = r->at;
    r->at += 64 * g.k;
    return from;
  }
  return nullptr;
}

template <class T, int MR, int NV, bool kRowA, Tail kTail>
__attribute__((noinline)) void micro(const GemmArgs<T>& g, const Tiles<T>& t) {
  constexpr int L = kLanes<T>, W = NV - 1;  // W whole vectors and a last one
  constexpr int kLine = 64 / sizeof(T);
  using End = Last<T, kTail>;
  const Index k = g.k, b_rs = g.b_rs, ldc = t.ldc;
  const auto mask = End::mask(t.tail);
  const T* a = t.a;
  T* c_panel = t.c;
  for (Index rows = t.rows; rows > 0; --rows, a += t.a_panel, c_panel += MR * ldc) {
    const T* b = t.b;
    T* c = c_panel;
    for (Index cols = t.cols; cols > 0; --cols, b += t.b_panel, c += NV * L) {
      Vec<T> acc[MR][W > 0 ? W : 1];
      typename End::V last[MR];
      PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
        PYFFNN_UNROLL for (int v = 0; v < W; ++v) acc[i][v] = zero<T>();
        last[i] = typename End::V{};
      }
      if (__builtin_expect(g.load_c, 0)) {
        const T* row = c;
        PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
          PYFFNN_UNROLL for (int v = 0; v < W; ++v) acc[i][v] = load(row + v * L);
          last[i] = End::load(row + W * L, mask);
          walk(row, ldc);
        }
      }
      if (k >= 64) {
        // The lines of C arrive while the sums are formed.
        T* row = c;
        PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
          PYFFNN_UNROLL for (int j = 0; j < NV * L; j += kLine) __builtin_prefetch(row + j, 1, 3);
          walk(row, ldc);
        }
      }
      ColumnOfA<T, MR, kRowA> column(a, g.a_rs, g.a_cs);
      const T* bp = b;
      const char* far = next_ahead(g);
      free_registers();
      Index ahead = (cols > 1 ? t.b_ahead : t.b_back) * static_cast<Index>(sizeof(T));  // in bytes
      const auto step = [&](typename End::V bl) PYFFNN_LAMBDA_INLINE {
        if constexpr (W == 0) {
          PYFFNN_UNROLL for (int i = 0; i < MR; ++i) last[i] = End::mul_add(column.at(i), bl, last[i]);
        } else {
          Vec<T> bv[W];
          PYFFNN_UNROLL for (int v = 0; v < W; ++v) bv[v] = load(bp + v * L);
          PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
            const Vec<T> av = set1(column.at(i));
            PYFFNN_UNROLL for (int v = 0; v < W; ++v) acc[i][v] = fma(av, bv[v], acc[i][v]);
            last[i] = End::mul_add(av, bl, last[i]);
          }
        }
        PYFFNN_UNROLL for (int j = 0; j < NV * L; j += kLine) prefetch(reinterpret_cast<const char*>(bp + j + kLine - 1) + ahead);
        // A branch that is foreseen: a request for L2 costs a narrow tile a tenth, even where the line is there.
        if (far != nullptr) {
          prefetch_l2(far);
          far += 64;
        }
        column.advance();
        bp += b_rs;
      };
      // The empty asm keeps each loop apart from the next: GCC makes one of them else, of two jumps a step (a tenth of a narrow tile).
      Index left = t.steps_ahead < k ? t.steps_ahead : k, then = k - left, whole = t.whole_steps;
      for (;;) {
        if constexpr (kReadsOver<kTail>) {
          if (Index over = left < whole ? left : whole; over > 0) {
            left -= over;
            whole -= over;
            do step(load(bp + W * L));
            while (--over > 0);
            __asm__ volatile("");
          }
        }
        if (left > 0) {
          do step(End::load(bp + W * L, mask));
          while (--left > 0);
          __asm__ volatile("");
        }
        if (then == 0) break;
        // From here on what is ahead begins at the tile's B again.
        left = then;
        then = 0;
        ahead = (b - bp) * static_cast<Index>(sizeof(T));
      }
      T* row = c;
      PYFFNN_UNROLL for (int i = 0; i < MR; ++i) {
        PYFFNN_UNROLL for (int v = 0; v < W; ++v) store(row + v * L, acc[i][v]);
        End::store(row + W * L, last[i], mask);
        walk(row, ldc);
      }
    }
  }
}

template <class T>
using Micro = void (*)(const GemmArgs<T>&, const Tiles<T>&);

template <class T>
struct MicroTable {
  Micro<T> at[kMR][kMostVectors][2][2];  // rows - 1, vectors - 1, row A, kind of tail

  Micro<T> get(Index rows, Index vectors, bool row_a, Index tail) const {
    return at[rows - 1][vectors - 1][row_a][tail_of<T>(tail) == Tail::part];
  }
};

template <class T, int MR, int NV>
constexpr void fill_micro(MicroTable<T>& t) {
  constexpr Tail other = kHalves ? Tail::half : Tail::whole;
  t.at[MR - 1][NV - 1][0][0] = &micro<T, MR, NV, false, other>;
  t.at[MR - 1][NV - 1][0][1] = &micro<T, MR, NV, false, Tail::part>;
  constexpr bool row_a = MR > 1;  // of one row both ways are the same steps
  t.at[MR - 1][NV - 1][1][0] = &micro<T, MR, NV, row_a, other>;
  t.at[MR - 1][NV - 1][1][1] = &micro<T, MR, NV, row_a, Tail::part>;
  if constexpr (NV < nv_max(MR)) {
    fill_micro<T, MR, NV + 1>(t);
  } else if constexpr (MR < kMR) {
    fill_micro<T, MR + 1, 1>(t);
  }
}

template <class T>
constexpr MicroTable<T> make_micro_table() {
  MicroTable<T> t{};
  fill_micro<T, 1, 1>(t);
  return t;
}
template <class T>
constexpr MicroTable<T> kMicros = make_micro_table<T>();

}  // namespace
}  // namespace PYFFNN_ISA
}  // namespace pyffnn
