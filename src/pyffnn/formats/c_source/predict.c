#if defined(__BYTE_ORDER__) && defined(__ORDER_LITTLE_ENDIAN__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the weights are little-endian"
#endif

typedef unsigned char Byte;

#define HASH_A UINT64_C(0x9E3779B97F4A7C15)

struct @model@ {
  uint64_t *data; /* the file, DATA_WORDS numbers */
};

#define PART(type, at) ((const type *)(const void *)((const Byte *)m->data + (at)))

/* ---- reading the file ---- */

static uint64_t checksum(const uint64_t *p, size_t n) {
  uint64_t sum = 0;
  for (size_t i = 0; i < n; ++i) sum += p[i] * ((2 * (uint64_t)i + 1) * HASH_A);
  return sum;
}

@model@ *@model@_load(const char *path) {
  @model@ *m = NULL;
  uint64_t *data = NULL;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return NULL;
  data = (uint64_t *)malloc((size_t)DATA_WORDS * 8);
  m = (@model@ *)malloc(sizeof(*m));
  if (data != NULL && m != NULL && fread(data, 8, (size_t)DATA_WORDS, file) == (size_t)DATA_WORDS && fgetc(file) == EOF &&
      checksum(data, (size_t)DATA_WORDS) == DATA_CHECKSUM) {
    m->data = data;
  } else {
    free(data);
    free(m);
    m = NULL;
  }
  fclose(file);
  return m;
}

void @model@_free(@model@ *m) {
  if (m == NULL) return;
  free(m->data);
  free(m);
}

#if LABELLED
const char *@model@_label(const @model@ *m, int i) {
  if (m == NULL || i < 0 || i >= OUTPUTS) return NULL;
  return PART(char, AT_LABEL_BYTES) + PART(uint32_t, AT_LABEL_STARTS)[i];
}
#endif

/* ---- UTF-8 ---- */

/* Bytes of the character at p, or minus those of an ill-formed sequence (Unicode's maximal subpart). */
static int decode(const Byte *p, const Byte *end, uint32_t *code) {
  const Byte lead = *p;
  Byte low = 0x80, high = 0xBF;
  int length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4, i;
  if (lead < 0x80) {
    *code = lead;
    return 1;
  }
  if (lead < 0xC2 || lead > 0xF4) return -1;
  if (lead == 0xE0) low = 0xA0;
  if (lead == 0xED) high = 0x9F;
  if (lead == 0xF0) low = 0x90;
  if (lead == 0xF4) high = 0x8F;
  *code = lead & (0x7Fu >> length);
  for (i = 1; i < length; ++i) {
    if (p + i == end || p[i] < low || p[i] > high) return -i;
    *code = *code << 6 | (p[i] & 0x3Fu);
    low = 0x80;
    high = 0xBF;
  }
  return length;
}

/* A copy in which ill-formed sequences are U+FFFD; the end of the copy. */
static Byte *repair(const Byte *p, const Byte *end, Byte *out) {
  while (p != end) {
    uint32_t code;
    int length = decode(p, end, &code);
    if (length > 0) {
      for (; length > 0; --length) *out++ = *p++;
    } else {
      p -= length;
      *out++ = 0xEF;
      *out++ = 0xBF;
      *out++ = 0xBD;
    }
  }
  return out;
}

/* Bytes of the white space at p, 0 where there is none; p is well-formed. The set of Python's str.split(). */
static int space_length(const Byte *p) {
  if (p[0] < 0x80) return p[0] == 0x20 || (p[0] >= 0x09 && p[0] <= 0x0D) || (p[0] >= 0x1C && p[0] <= 0x1F);
  switch (p[0]) {
    case 0xC2:
      return p[1] == 0x85 || p[1] == 0xA0 ? 2 : 0;
    case 0xE1:
      return p[1] == 0x9A && p[2] == 0x80 ? 3 : 0;
    case 0xE2:
      if (p[1] == 0x80) return (p[2] >= 0x80 && p[2] <= 0x8A) || p[2] == 0xA8 || p[2] == 0xA9 || p[2] == 0xAF ? 3 : 0;
      return p[1] == 0x81 && p[2] == 0x9F ? 3 : 0;
    case 0xE3:
      return p[1] == 0x80 && p[2] == 0x80 ? 3 : 0;
    default:
      return 0;
  }
}

#if LOWERCASE
static Byte *encode(uint32_t c, Byte *out) {
  if (c < 0x80) {
    *out++ = (Byte)c;
  } else if (c < 0x800) {
    *out++ = (Byte)(0xC0 | c >> 6);
    *out++ = (Byte)(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    *out++ = (Byte)(0xE0 | c >> 12);
    *out++ = (Byte)(0x80 | (c >> 6 & 0x3F));
    *out++ = (Byte)(0x80 | (c & 0x3F));
  } else {
    *out++ = (Byte)(0xF0 | c >> 18);
    *out++ = (Byte)(0x80 | (c >> 12 & 0x3F));
    *out++ = (Byte)(0x80 | (c >> 6 & 0x3F));
    *out++ = (Byte)(0x80 | (c & 0x3F));
  }
  return out;
}

/* The row of a table of `width` numbers a row (first, last, ...) whose range holds c, or NULL. */
static const int32_t *range_of(const int32_t *table, size_t rows, size_t width, uint32_t c) {
  size_t low = 0, high = rows;
  while (low < high) {
    const size_t mid = (low + high) / 2;
    if ((uint32_t)table[mid * width + 1] < c)
      low = mid + 1;
    else
      high = mid;
  }
  return low < rows && (uint32_t)table[low * width] <= c ? table + low * width : NULL;
}
#define RANGE_OF(table, c) range_of(&(table)[0][0], sizeof(table) / sizeof((table)[0]), sizeof((table)[0]) / sizeof(int32_t), c)

/* Whether the first character from `at` on, in steps of `step`, that is not case-ignorable is cased. */
static int cased_beside(const Byte *begin, const Byte *at, const Byte *end, int step) {
  for (;;) {
    uint32_t code = 0;
    if (step < 0) {
      if (at == begin) return 0;
      do --at;
      while ((*at & 0xC0) == 0x80);
    } else if (at == end) {
      return 0;
    }
    {
      const int length = decode(at, end, &code);
      if (RANGE_OF(IGNORABLE, code) == NULL) return RANGE_OF(CASED, code) != NULL;
      if (step > 0) at += length;
    }
  }
}

/* The word in lower case as str.lower() gives it for the characters of Unicode 14; its end. */
static Byte *lower(const Byte *begin, const Byte *end, Byte *out) {
  const Byte *p = begin;
  while (p != end) {
    uint32_t c = 0;
    const Byte *const at = p;
    p += decode(p, end, &c);
    if (c < 0x80) {
      *out++ = (Byte)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    } else if (c == 0x130) {
      *out++ = 'i';
      out = encode(0x307, out);
    } else if (c == 0x3A3) {
      out = encode(cased_beside(begin, at, end, -1) && !cased_beside(begin, p, end, 1) ? 0x3C2 : 0x3C3, out);
    } else {
      const int32_t *const range = RANGE_OF(LOWER, c);
      if (range != NULL && (c - (uint32_t)range[0]) % (uint32_t)range[2] == 0) c = (uint32_t)((int32_t)c + range[3]);
      out = encode(c, out);
    }
  }
  return out;
}
#endif

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

/* ---- numbers ---- */

#if NEEDS_EXP
static double exp_of(double x) {
  double r, y = 1;
  union {
    double number;
    uint64_t bits;
  } scale;
  int64_t n;
  if (!(x > -700)) return x < 0 ? 0 : x; /* NaN stays */
  if (x > 709) x = 709;
  n = (int64_t)(x * 1.4426950408889634 + (x < 0 ? -0.5 : 0.5));
  r = x - (double)n * 6.93147180369123816490e-01 - (double)n * 1.90821492927058770002e-10;
  for (int i = 14; i > 0; --i) y = 1 + y * r / i;
  scale.bits = (uint64_t)(n + 1023) << 52;
  return y * scale.number;
}
#endif

#if NEEDS_SIGMOID
static double sigmoid_of(double x) { return x < 0 ? exp_of(x) / (1 + exp_of(x)) : 1 / (1 + exp_of(-x)); }
#endif

#if NEEDS_TANH || NEEDS_GELU
static double tanh_of(double x) {
  const double e = exp_of(x < 0 ? 2 * x : -2 * x), y = (1 - e) / (1 + e);
  return x < 0 ? -y : y;
}
#endif

#if NEEDS_GELU
static double gelu_of(double x) { return 0.5 * x * (1 + tanh_of(0.7978845608028654 * (x + 0.044715 * x * x * x))); }
#endif

#if NEEDS_ROOT
static double root_of(double x) {
  double y = x > 1 ? x : 1;
  if (x <= 0) return 0;
  for (int i = 0; i < 1100; ++i) {
    const double next = 0.5 * (y + x / y);
    if (next >= y) break;
    y = next;
  }
  return y;
}
#endif

#if WEIGHTED || SPREAD
static double log_of(double x) { /* from 1 on */
  double halvings = 0, t, term, sum = 0;
  for (; x > 1.5; x *= 0.5) ++halvings;
  t = (x - 1) / (x + 1);
  term = 2 * t;
  for (int i = 1; i < 30; i += 2, term *= t * t) sum += term / i;
  return sum + halvings * 0.6931471805599453;
}

static int by_number(const void *a, const void *b) {
  const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
  return (x > y) - (x < y);
}

/* Each row once, by how often it is there and by its weight; the weights of a text have norm 1. */
static void weigh(const @model@ *m, Pool *pool) {
  double square = 0, root;
  if (pool->rows > 0) qsort(pool->list, pool->rows, sizeof(int32_t), by_number);
  for (size_t i = 0, next; i < pool->rows; i = next) {
    const int64_t row = pool->list[i];
    const float *const from = PART(float, AT_TABLE) + row * (int64_t)WIDTH;
    double v;
    for (next = i + 1; next < pool->rows && pool->list[next] == row;) ++next;
    v = (1 + log_of((double)(next - i))) * (double)PART(float, AT_ROW_WEIGHTS)[row];
    square += v * v;
    for (int j = 0; j < WIDTH; ++j) pool->sum[j] += v * (double)from[j];
  }
  root = root_of(square);
  if (root > 0)
    for (int j = 0; j < WIDTH; ++j) pool->sum[j] /= root;
}
#endif

#if GATHER && !WEIGHTED
/* Several poolings end to end. */
static void pool_rows(const @model@ *m, Pool *pool) {
  static const char kinds[] = {POOLS};
  for (size_t k = 0; k < sizeof(kinds) && pool->rows > 0; ++k) {
    double *const to = pool->sum + k * WIDTH;
    for (size_t i = 0; i < pool->rows; ++i) {
      const float *const from = PART(float, AT_TABLE) + pool->list[i] * (int64_t)WIDTH;
      for (int j = 0; j < WIDTH; ++j) {
        const double y = (double)from[j];
        if (kinds[k] == '>' || kinds[k] == '<')
          to[j] = i == 0 || (kinds[k] == '>' ? y > to[j] : y < to[j]) ? y : to[j];
        else
          to[j] += y;
      }
    }
    for (int j = 0; j < WIDTH; ++j)
      to[j] /= kinds[k] == 'm' ? (double)pool->rows : kinds[k] == 'r' ? root_of((double)pool->rows) : 1;
  }
}
#endif

#if NEEDS_DENSE
static void dense(const float *w, const float *b, int in, int out, const double *x, double *y) {
  for (int j = 0; j < out; ++j) y[j] = (double)b[j];
  for (int i = 0; i < in; ++i)
    for (int j = 0; j < out; ++j) y[j] += x[i] * (double)w[(size_t)i * (size_t)out + (size_t)j];
}
#endif

#if NEEDS_BIAS
static void add_bias(const float *b, int n, double *x) {
  for (int j = 0; j < n; ++j) x[j] += (double)b[j];
}
#endif

#if NEEDS_ACTIVATION
static void activate(int n, double *x) {
  for (int j = 0; j < n; ++j) x[j] = ACTIVATION(x[j]);
}
#endif

#if NEEDS_NORM
static void norm(const float *gain, const float *shift, int n, const double *x, double *y) {
  double mean = 0, variance = 0, factor;
  for (int j = 0; j < n; ++j) mean += x[j] / n;
  for (int j = 0; j < n; ++j) variance += (x[j] - mean) * (x[j] - mean) / n;
  factor = 1 / root_of(variance + NORM_EPS);
  for (int j = 0; j < n; ++j) y[j] = (x[j] - mean) * factor * (double)gain[j] + (double)shift[j];
}
#endif

#if NEEDS_SUM
static void add_to(int n, const double *x, double *y) {
  for (int j = 0; j < n; ++j) y[j] += x[j];
}
#endif

#if SPREAD
/* What the distance between the numbers multiplies them by. */
static double stretch_of(const double *z) {
  double mean = 0, square = 0;
  for (int j = 0; j < OUTPUTS; ++j) mean += z[j] / OUTPUTS;
  for (int j = 0; j < OUTPUTS; ++j) square += (z[j] - mean) * (z[j] - mean) / OUTPUTS;
  square += SPREAD_EPS;
  return exp_of(SPREAD_HALF_POWER * (square < 1 ? -log_of(1 / square) : log_of(square)));
}
#endif

static void answers(const @model@ *m, const double *z, float *p) {
  (void)m;
#if SOFTMAX
  double top = z[0], sum = 0, stretch = 1;
  for (int j = 1; j < OUTPUTS; ++j)
    if (z[j] > top) top = z[j];
#if SPREAD
  stretch = stretch_of(z);
#endif
  for (int j = 0; j < OUTPUTS; ++j) sum += exp_of(stretch * (z[j] - top));
  for (int j = 0; j < OUTPUTS; ++j) p[j] = (float)(exp_of(stretch * (z[j] - top)) / sum);
#elif SCALED
  for (int j = 0; j < OUTPUTS; ++j) p[j] = (float)(z[j] * PART(double, AT_SPREAD)[j] + PART(double, AT_MEAN)[j]);
#elif ONE_UNIT
  p[1] = (float)sigmoid_of(z[0]);
  p[0] = 1 - p[1];
#else
  for (int j = 0; j < OUTPUTS; ++j) p[j] = (float)sigmoid_of(z[j]);
#endif
}

/* The layers, from the pooled or concatenated embeddings in x; a, b, c: room for ROOM numbers each. */
static void forward(const @model@ *m, double *x, double *a, double *b, double *c, float *p) {
@forward@}

/* ---- a text ---- */

int @model@_predict(const @model@ *m, const char *text, size_t size, float *p) {
  const size_t bytes = 3 * size, words_at_most = size / 2 + 1, numbers = (size_t)INPUT + 3 * (size_t)ROOM;
  Byte *const memory = (size > SIZE_MAX / 32 || m == NULL) ? NULL
                                                           : (Byte *)malloc(numbers * sizeof(double) + words_at_most * sizeof(int32_t) + bytes +
                                                                            bytes * 3 / 2 + 16);
  double *const x = (double *)(void *)memory;
  if (memory == NULL) return -1;
  {
    int32_t *const ids = (int32_t *)(void *)(x + numbers);
    Byte *const copy = (Byte *)(ids + words_at_most), *const word = copy + bytes;
    const Byte *const end = repair((const Byte *)text, (const Byte *)text + size, copy);
    const Byte *at = copy;
    size_t n = 0;
#if !CONCAT
    Pool pool;
    memset(&pool, 0, sizeof(pool));
    pool.sum = x;
#endif
    for (int i = 0; i < INPUT; ++i) x[i] = 0;
    while (at != end && n < WORDS_AT_MOST) {
      const Byte *begin, *stop;
      Byte *last;
      int64_t e;
      int length = space_length(at);
      if (length > 0) {
        at += length;
        continue;
      }
      for (begin = at; at != end && space_length(at) == 0; ++at) {
      }
      stop = at;
      word[0] = '<';
#if LOWERCASE
      last = lower(begin, stop, word + 1);
#else
      memcpy(word + 1, begin, (size_t)(stop - begin));
      last = word + 1 + (stop - begin);
#endif
      *last = '>';
      e = find_string(PART(uint32_t, AT_WORD_INDEX), WORD_MASK, PART(uint32_t, AT_WORD_STARTS), PART(Byte, AT_WORD_BYTES), word + 1,
                      (size_t)(last - word) - 1);
      ids[n] = e < 0 ? -1 : PART(int32_t, AT_WORD_IDS)[e];
#if CONCAT
      if (e >= 0) {
        const float *const row = PART(float, AT_TABLE) + PART(int32_t, AT_WORD_ROWS)[e] * (int64_t)WIDTH;
        for (int j = 0; j < WIDTH; ++j) x[n * WIDTH + (size_t)j] = (double)row[j];
      }
#else
      if (e >= 0) add_row(m, &pool, PART(int32_t, AT_WORD_ROWS)[e]);
#if CHAR_HIGH
      add_char_grams(m, &pool, word, (size_t)(last - word) + 1);
#endif
#endif
      ++n;
    }
#if !CONCAT
#if WORD_NGRAMS > 1
    add_word_grams(m, &pool, ids, n);
#endif
#if GATHER
#if WEIGHTED
    weigh(m, &pool);
#else
    pool_rows(m, &pool);
#endif
    free(pool.list);
    if (pool.failed) {
      free(memory);
      return -1;
    }
#else
    if (pool.rows > 0)
      for (int j = 0; j < WIDTH; ++j) x[j] /= POOL_DIVISOR((double)pool.rows);
#endif
#endif
    forward(m, x, x + INPUT, x + INPUT + ROOM, x + INPUT + 2 * ROOM, p);
  }
  free(memory);
  return 0;
}

#if LABELLED
int @model@_best(const @model@ *m, const char *text, size_t size) {
  int best = -1;
  float *const p = (float *)malloc((size_t)OUTPUTS * sizeof(float));
  if (p != NULL && @model@_predict(m, text, size, p) == 0) {
    best = 0;
    for (int j = 1; j < OUTPUTS; ++j)
      if (p[j] > p[best]) best = j;
  }
  free(p);
  return best;
}
#endif
