/* ---- from words and n-grams to rows of the table ---- */

static uint32_t crc32_of(const Byte *p, size_t n) {
  static const uint32_t step[16] = {0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
                                    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C};
  uint32_t crc = 0xFFFFFFFFu;
  for (size_t i = 0; i < n; ++i) {
    crc ^= p[i];
    crc = step[crc & 15] ^ crc >> 4;
    crc = step[crc & 15] ^ crc >> 4;
  }
  return ~crc;
}

/* The entry of p[0..n) in a table of strings, or -1: those of one hash lie together, index[hash] .. index[hash + 1]. */
static int64_t find_string(const uint32_t *index, uint32_t mask, const uint32_t *starts, const Byte *bytes, const Byte *p, size_t n) {
  const uint32_t hash = crc32_of(p, n) & mask;
  for (uint32_t e = index[hash]; e < index[hash + 1]; ++e)
    if (starts[e + 1] - starts[e] == n && memcmp(bytes + starts[e], p, n) == 0) return (int64_t)e;
  return -1;
}

#if BUCKETS
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *high) {
  const uint64_t m32 = 0xFFFFFFFFu, p00 = (a & m32) * (b & m32), p01 = (a & m32) * (b >> 32), p10 = (a >> 32) * (b & m32);
  const uint64_t mid = (p00 >> 32) + (p01 & m32) + (p10 & m32);
  *high = (a >> 32) * (b >> 32) + (p01 >> 32) + (p10 >> 32) + (mid >> 32);
  return (p00 & m32) | mid << 32;
}

#define HASH_B UINT64_C(0xD6E8FEB86659FD93)
#define HASH_C UINT64_C(0xA0761D6478BD642F)
static uint64_t fold(uint64_t a, uint64_t b) {
  uint64_t high;
  const uint64_t low = multiply(a, b, &high);
  return low ^ high;
}
static int64_t hashed_row(uint64_t hash) {
  uint64_t high;
  (void)multiply(hash, BUCKETS, &high);
  return HASHED_FIRST + (int64_t)high;
}
#endif

#if BUCKETS && CHAR_HIGH
static uint64_t load(const Byte *p, size_t n) {
  uint64_t x = 0;
  for (size_t i = 0; i < n && i < 8; ++i) x |= (uint64_t)p[i] << (8 * i);
  return x;
}
static uint64_t hash_bytes(const Byte *p, size_t n) {
  uint64_t lo, hi;
  if (n < 16) {
    lo = load(p, n);
    hi = (n > 8 ? load(p + 8, n - 8) : 0) | (uint64_t)(n + 1) << 56;
  } else {
    uint64_t h = (uint64_t)n * HASH_A;
    for (size_t i = 0; i + 16 < n; i += 16) h = fold(load(p + i, 8) ^ h, load(p + i + 8, 8) ^ HASH_B);
    lo = fold(load(p + n - 16, 8) ^ h ^ HASH_C, load(p + n - 8, 8) ^ HASH_B);
    hi = UINT64_C(255) << 56 | (uint64_t)n;
  }
  return fold(lo ^ HASH_A, hi ^ HASH_B);
}
#endif

#if !CONCAT
/* What a text adds up to; where more than a sum is wanted, the rows are gathered first. */
typedef struct {
  double *sum;
  size_t rows;
#if GATHER
  int32_t *list;
  size_t room;
  int failed;
#endif
} Pool;

static void add_row(const @model@ *m, Pool *pool, int64_t row) {
#if GATHER
  (void)m;
  if (pool->rows == pool->room) {
    const size_t room = 2 * pool->room + 256;
    int32_t *const list = (int32_t *)realloc(pool->list, room * sizeof(int32_t));
    pool->failed |= list == NULL;
    if (list == NULL) return;
    pool->list = list;
    pool->room = room;
  }
  pool->list[pool->rows++] = (int32_t)row;
#else
  const float *const from = PART(float, AT_TABLE) + row * (int64_t)WIDTH;
  for (int j = 0; j < WIDTH; ++j) pool->sum[j] += (double)from[j];
  ++pool->rows;
#endif
}

#if CHAR_HIGH
/* Character n-grams of s[0..n), which is '<' + word + '>'; the marks alone are none. */
static void add_char_grams(const @model@ *m, Pool *pool, const Byte *s, size_t n) {
  for (size_t i = 0; i < n; ++i) {
    size_t j = i;
    if ((s[i] & 0xC0) == 0x80) continue;
    for (int count = 1; count <= CHAR_HIGH && j < n; ++count) {
      for (++j; j < n && (s[j] & 0xC0) == 0x80;) ++j;
      if (count < CHAR_LOW || (count == 1 && (i == 0 || j == n))) continue;
#if BUCKETS
      add_row(m, pool, hashed_row(hash_bytes(s + i, j - i)));
#else
      {
        const int64_t e = find_string(PART(uint32_t, AT_CHAR_INDEX), CHAR_MASK, PART(uint32_t, AT_CHAR_STARTS), PART(Byte, AT_CHAR_BYTES), s + i,
                                      j - i);
        if (e >= 0) add_row(m, pool, PART(int32_t, AT_CHAR_ROWS)[e]);
      }
#endif
    }
  }
}
#endif

#if WORD_NGRAMS > 1
static void add_word_grams(const @model@ *m, Pool *pool, const int32_t *ids, size_t n) {
#if BUCKETS
  for (size_t i = 0; i < n; ++i) {
    uint64_t chain = ((uint64_t)(uint32_t)ids[i] + 1) * HASH_A;
    if (ids[i] < 0) continue;
    for (size_t j = i + 1; j < n && j < i + WORD_NGRAMS && ids[j] >= 0; ++j) {
      chain = fold(chain ^ HASH_B, ((uint64_t)(uint32_t)ids[j] + 1) * HASH_A ^ HASH_C);
      add_row(m, pool, hashed_row(chain));
    }
  }
#else
  /* An n-gram is its prefix's number among those of its length and its last word. */
  for (size_t i = 0; i < n; ++i) {
    int64_t number = ids[i];
    for (size_t order = 0; order < WORD_NGRAMS - 1 && number >= 0 && i + order + 1 < n && ids[i + order + 1] >= 0; ++order) {
      const uint64_t key = (uint64_t)number << 32 | (uint32_t)ids[i + order + 1];
      const uint64_t *const part = PART(uint64_t, AT_GRAMS) + 4 * order; /* where its index, keys and rows are, and the shift of its hash */
      const uint32_t *const index = PART(uint32_t, part[0]);
      const uint64_t *const keys = PART(uint64_t, part[1]);
      const int32_t *const rows = PART(int32_t, part[2]);
      const uint64_t hash = key * HASH_A >> part[3];
      number = -1;
      for (uint32_t e = index[hash]; e < index[hash + 1]; ++e) {
        if (keys[e] != key) continue;
        number = rows[2 * e];
        add_row(m, pool, rows[2 * e + 1]);
        break;
      }
    }
  }
#endif
}
#endif
#endif

