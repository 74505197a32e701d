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

