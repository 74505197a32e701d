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
