/* @title@. Written by pyffnn @version@.
 *
 *   @model@ *m = @model@_load("@model@.bin");
 *   float p[@MODEL@_CLASSES];
 *   if (m != NULL && @model@_predict(m, text, strlen(text), p) == 0) puts(@model@_label(m, @model@_best(m, text, strlen(text))));
 *   @model@_free(m);
 *
 * C99 and its standard library; no mathematical library. Any number of threads may use one model at once.
 */
#ifndef @MODEL@_H
#define @MODEL@_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define @MODEL@_CLASSES @classes@

typedef struct @model@ @model@;

/* The weights, from the file that was written beside this one. NULL: no such file, another model's, a damaged one, or no memory. */
@model@ *@model@_load(const char *path);
void @model@_free(@model@ *m);

/* Label of class i as UTF-8, 0 <= i < @MODEL@_CLASSES; else NULL. */
const char *@model@_label(const @model@ *m, int i);

/* The probability of each class of a text of `size` bytes of UTF-8: p[@MODEL@_CLASSES]. Ill-formed bytes are read as U+FFFD, as Python's
 * bytes.decode("utf-8", "replace") reads them. 0, or -1 where there was no memory. */
int @model@_predict(const @model@ *m, const char *text, size_t size, float *p);

/* The number of the most probable class, or -1. */
int @model@_best(const @model@ *m, const char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
