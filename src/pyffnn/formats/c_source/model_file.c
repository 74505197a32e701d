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

