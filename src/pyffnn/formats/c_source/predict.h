/* @title@. Written by pyffnn @version@.
 *
 *   @model@ *m = @model@_load("@model@.bin");
 *   float p[@MODEL@_@OUTPUTS@];
 *   if (m != NULL && @model@_predict(m, text, strlen(text), p) == 0) @use@;
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

#define @MODEL@_@OUTPUTS@ @outputs@

typedef struct @model@ @model@;

/* The weights, from the file that was written beside this one. NULL: no such file, another model's, a damaged one, or no memory. */
@model@ *@model@_load(const char *path);
void @model@_free(@model@ *m);

/* @what@ of a text of `size` bytes of UTF-8: p[@MODEL@_@OUTPUTS@]. Ill-formed bytes are read as U+FFFD, as Python's
 * bytes.decode("utf-8", "replace") reads them. 0, or -1 where there was no memory. */
int @model@_predict(const @model@ *m, const char *text, size_t size, float *p);
@more@
#ifdef __cplusplus
}
#endif

#endif
