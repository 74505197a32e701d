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

