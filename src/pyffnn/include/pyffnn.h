/* pyffnn from C, C++ and Cython: a table of functions that need no GIL, let no exception out and check what they are given.
 *
 * An extension module takes the table from the capsule `pyffnn._pyffnn._C_API`: include <Python.h> first and call pyffnn_import(). A program
 * without Python links the core (CMake: find_package(pyffnn), target pyffnn::core) and calls pyffnn_open().
 *
 * Every function that can fail gives a status: NULL is success. Any other belongs to the calling thread and holds until that thread's next
 * failure; it is opaque, `status_code` and `status_message` read it. On failure outputs may be partly written.
 *
 * Sizes, strides and ids are 64-bit. Matrices are row-major: element (i, j) lies at p[i * ld + j], and ld is at least the number of columns.
 * Outputs must not overlap inputs except where a function says so. Pointers may be NULL where there is nothing to read or write.
 * Results have the same bits as those of `pyffnn.ops`, at any number of threads.
 */
#ifndef PYFFNN_H
#define PYFFNN_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Of the table below. Functions are added at its end without a new version: `size` tells how far a table goes. */
#ifndef PYFFNN_API_VERSION
#define PYFFNN_API_VERSION 1
#endif

typedef struct pyffnn_status pyffnn_status;
typedef struct pyffnn_model pyffnn_model;

enum pyffnn_code {
  PYFFNN_OK = 0,
  PYFFNN_BAD_ARGUMENT = 1, /* a size, a pointer, a number out of range */
  PYFFNN_BAD_ID = 2,       /* an id or a target outside its table */
  PYFFNN_NO_MEMORY = 3,
  PYFFNN_BAD_FILE = 4, /* a model file that is not there, is damaged, or holds another model */
  PYFFNN_FAILED = 5
};

enum pyffnn_activation { PYFFNN_IDENTITY = 0, PYFFNN_SIGMOID = 1, PYFFNN_TANH = 2, PYFFNN_RELU = 3 };

enum pyffnn_optimizer_kind { PYFFNN_SGD = 0, PYFFNN_MOMENTUM = 1, PYFFNN_ADAGRAD = 2, PYFFNN_ADAM = 3 };

/* One optimizer step, with g the gradient plus l2 * w, and s1, s2 arrays as long as w that start as zeros:
 *   SGD       w -= lr g
 *   MOMENTUM  s1 = beta1 s1 + g;  w -= lr s1
 *   ADAGRAD   s1 += g^2;  w -= lr g / (sqrt(s1) + eps)
 *   ADAM      s1 = beta1 s1 + (1 - beta1) g;  s2 = beta2 s2 + (1 - beta2) g^2;
 *             w -= lr (s1 / (1 - beta1^step)) / (sqrt(s2 / (1 - beta2^step)) + eps), step from 1
 * weight_decay is decoupled: w *= 1 - lr * weight_decay first. */
typedef struct pyffnn_optimizer {
  int32_t kind;
  double lr, beta1, beta2, eps, l2, weight_decay;
} pyffnn_optimizer;

typedef struct pyffnn_api {
  /* These three stand here in every version. */
  uint32_t version;
  uint32_t size; /* of this struct, in bytes, in the library that made it */
  const char* library;

  int32_t (*status_code)(const pyffnn_status* status);          /* PYFFNN_OK for NULL */
  const char* (*status_message)(const pyffnn_status* status);   /* "" for NULL */
  int32_t (*get_num_threads)(void);                             /* 0 where the environment asks for an unusable number */
  const pyffnn_status* (*set_num_threads)(int32_t n);           /* of the whole process */
  const char* (*isa)(void);                                     /* name of the instruction set in use */

  /* c [m, n] = op(a) op(b), or c + op(a) op(b) with `accumulate`; op(a) is [m, k], op(b) is [k, n]. With `transpose_a` a is stored as [k, m],
   * with `transpose_b` b as [n, k]. */
  const pyffnn_status* (*matmul_f32)(int32_t transpose_a, int32_t transpose_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda,
                                     const float* b, int64_t ldb, float* c, int64_t ldc, int32_t accumulate);
  const pyffnn_status* (*matmul_f64)(int32_t transpose_a, int32_t transpose_b, int64_t m, int64_t n, int64_t k, const double* a, int64_t lda,
                                     const double* b, int64_t ldb, double* c, int64_t ldc, int32_t accumulate);
  /* y [m, n] = activation(x [m, k] w [k, n] + bias [n]) in one pass; bias may be NULL. */
  const pyffnn_status* (*linear_f32)(int64_t m, int64_t n, int64_t k, const float* x, int64_t ldx, const float* w, int64_t ldw,
                                     const float* bias, int32_t activation, float* y, int64_t ldy);
  const pyffnn_status* (*linear_f64)(int64_t m, int64_t n, int64_t k, const double* x, int64_t ldx, const double* w, int64_t ldw,
                                     const double* bias, int32_t activation, double* y, int64_t ldy);

  /* Flat arrays of n numbers; y may be x, dx may be dy. Backward: dx = dy * activation'(z) from the output y. */
  const pyffnn_status* (*activation_f32)(int32_t activation, int64_t n, const float* x, float* y);
  const pyffnn_status* (*activation_f64)(int32_t activation, int64_t n, const double* x, double* y);
  const pyffnn_status* (*activation_backward_f32)(int32_t activation, int64_t n, const float* dy, const float* y, float* dx);
  const pyffnn_status* (*activation_backward_f64)(int32_t activation, int64_t n, const double* dy, const double* y, double* dx);

  /* Of each row of x [m, n]; y may be x. */
  const pyffnn_status* (*softmax_f32)(int64_t m, int64_t n, const float* x, int64_t ldx, float* y, int64_t ldy);
  const pyffnn_status* (*softmax_f64)(int64_t m, int64_t n, const double* x, int64_t ldx, double* y, int64_t ldy);
  const pyffnn_status* (*log_softmax_f32)(int64_t m, int64_t n, const float* x, int64_t ldx, float* y, int64_t ldy);
  const pyffnn_status* (*log_softmax_f64)(int64_t m, int64_t n, const double* x, int64_t ldx, double* y, int64_t ldy);

  /* out [count, d]: rows ids[0..count) of table [rows, d]. */
  const pyffnn_status* (*gather_f32)(const float* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count, float* out,
                                     int64_t ldo);
  const pyffnn_status* (*gather_f64)(const double* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count, double* out,
                                     int64_t ldo);
  /* grad [rows, d] = 0, then grad[ids[i]] += dy[i] in the order of i; rows of both lie end to end. */
  const pyffnn_status* (*gather_backward_f32)(const float* dy, const int64_t* ids, int64_t count, int64_t rows, int64_t d, float* grad);
  const pyffnn_status* (*gather_backward_f64)(const double* dy, const int64_t* ids, int64_t count, int64_t rows, int64_t d, double* grad);
  /* Row b of out [bags, d]: the mean, or the sum, of table rows ids[offsets[b] .. offsets[b + 1]); offsets has bags + 1 entries, the last at
   * most `count`, the number of ids. weights [count] may be NULL: then sum(w row) / sum(w), or sum(w row). An empty bag gives zeros. */
  const pyffnn_status* (*mean_pool_f32)(const float* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count,
                                        const int64_t* offsets, int64_t bags, const float* weights, float* out, int64_t ldo);
  const pyffnn_status* (*mean_pool_f64)(const double* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count,
                                        const int64_t* offsets, int64_t bags, const double* weights, double* out, int64_t ldo);
  const pyffnn_status* (*sum_pool_f32)(const float* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count,
                                       const int64_t* offsets, int64_t bags, const float* weights, float* out, int64_t ldo);
  const pyffnn_status* (*sum_pool_f64)(const double* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count,
                                       const int64_t* offsets, int64_t bags, const double* weights, double* out, int64_t ldo);

  /* Softmax cross-entropy of logits [m, n] and class ids targets [m], rows end to end: the mean over the rows, weighted by sample_weight [m]
   * unless NULL, in *loss, and the gradient of that mean in dlogits [m, n] (NULL: not wanted). */
  const pyffnn_status* (*cross_entropy_f32)(int64_t m, int64_t n, const float* logits, const int64_t* targets, const float* sample_weight,
                                            double* loss, float* dlogits);
  const pyffnn_status* (*cross_entropy_f64)(int64_t m, int64_t n, const double* logits, const int64_t* targets, const double* sample_weight,
                                            double* loss, double* dlogits);
  /* The same of sigmoids: targets [m, n] in [0, 1], the mean over all entries. */
  const pyffnn_status* (*binary_cross_entropy_f32)(int64_t m, int64_t n, const float* logits, const float* targets, const float* sample_weight,
                                                   double* loss, float* dlogits);
  const pyffnn_status* (*binary_cross_entropy_f64)(int64_t m, int64_t n, const double* logits, const double* targets,
                                                   const double* sample_weight, double* loss, double* dlogits);
  /* cross_entropy(x [m, k] w [k, n] + bias [n], targets) without the m x n logits; dx [m, k], dw [k, n], dbias [n] (NULL where bias is).
   * Rows lie end to end. */
  const pyffnn_status* (*linear_cross_entropy_f32)(int64_t m, int64_t n, int64_t k, const float* x, const float* w, const float* bias,
                                                   const int64_t* targets, const float* sample_weight, double* loss, float* dx, float* dw,
                                                   float* dbias);
  const pyffnn_status* (*linear_cross_entropy_f64)(int64_t m, int64_t n, int64_t k, const double* x, const double* w, const double* bias,
                                                   const int64_t* targets, const double* sample_weight, double* loss, double* dx, double* dw,
                                                   double* dbias);

  /* s1 and s2 are NULL where the kind has no such state. */
  const pyffnn_status* (*optimizer_step_f32)(const pyffnn_optimizer* optimizer, int64_t step, int64_t n, const float* g, float* w, float* s1,
                                             float* s2);
  const pyffnn_status* (*optimizer_step_f64)(const pyffnn_optimizer* optimizer, int64_t step, int64_t n, const double* g, double* w,
                                             double* s1, double* s2);

  /* A model file of FFNNClassifier or FFNNRegressor (dense rows), TextClassifier or TextRegressor (texts), written by `save`. A tokenizer
   * object cannot be run here: such a model is refused. Any number of threads may predict with one model at once. */
  const pyffnn_status* (*model_load)(const char* path, pyffnn_model** model);
  void (*model_free)(pyffnn_model* model);                          /* of one that model_load gave; NULL is allowed */
  int64_t (*model_inputs)(const pyffnn_model* model);               /* numbers in a row; 0: it reads texts */
  int64_t (*model_outputs)(const pyffnn_model* model);              /* classes, or numbers of a regressor */
  const char* (*model_label)(const pyffnn_model* model, int64_t i); /* of class i, numbers in decimal, UTF-8; else NULL */
  /* p [count, outputs]: the probability of each class, as predict_proba gives it; the numbers of a regressor, as predict gives them. */
  const pyffnn_status* (*model_predict_rows)(const pyffnn_model* model, int64_t count, const float* x, int64_t ldx, float* p, int64_t ldp);
  /* Texts are UTF-8 of sizes[i] bytes, or end in a zero byte where sizes is NULL. Ill-formed bytes are read as U+FFFD, as
   * bytes.decode("utf-8", "replace") reads them. */
  const pyffnn_status* (*model_predict_texts)(const pyffnn_model* model, int64_t count, const char* const* texts, const int64_t* sizes,
                                              float* p, int64_t ldp);
} pyffnn_api;

/* For programs that link the core. Call it as pyffnn_open(PYFFNN_API_VERSION, sizeof(pyffnn_api), &message): NULL where the library's table is
 * of another version or shorter, and then `message` (which may be NULL) names both. */
const pyffnn_api* pyffnn_open(uint32_t version, uint32_t size, const char** message);

#ifdef Py_PYTHON_H
#define PYFFNN_CAPSULE "pyffnn._pyffnn._C_API"
#define PYFFNN_MODEL_CAPSULE "pyffnn.model"

/* The table of the installed pyffnn, for the life of the process. NULL with an ImportError set where there is none, or where its version is
 * not the one compiled against. */
static inline const pyffnn_api* pyffnn_import(void) {
  PyObject* core = PyImport_ImportModule("pyffnn._pyffnn");
  if (core == NULL) return NULL;
  PyObject* capsule = PyObject_GetAttrString(core, "_C_API");
  Py_DECREF(core);
  if (capsule == NULL) {
    PyErr_SetString(PyExc_ImportError, "pyffnn has no table of C functions: install a newer one");
    return NULL;
  }
  const pyffnn_api* api = (const pyffnn_api*)PyCapsule_GetPointer(capsule, PYFFNN_CAPSULE);
  if (api != NULL && (api->version != PYFFNN_API_VERSION || api->size < sizeof(pyffnn_api))) {
    PyErr_Format(PyExc_ImportError,
                 "%s has a table of C functions of version %lu (%lu bytes); this module was compiled for version %lu (%lu bytes): compile it "
                 "again, or install the pyffnn that it was compiled with",
                 api->library, (unsigned long)api->version, (unsigned long)api->size, (unsigned long)PYFFNN_API_VERSION,
                 (unsigned long)sizeof(pyffnn_api));
    api = NULL;
  }
  Py_DECREF(capsule); /* the module keeps it */
  return api;
}

/* A fitted Python model lends its weights: a new reference to a capsule, which keeps them alive, or NULL with an exception set. */
static inline PyObject* pyffnn_model_capsule(PyObject* model) { return PyObject_CallMethod(model, "__pyffnn_model__", NULL); }
/* What a capsule holds; not to be freed, and not to be used after the capsule. */
static inline const pyffnn_model* pyffnn_model_of(PyObject* capsule) {
  return (const pyffnn_model*)PyCapsule_GetPointer(capsule, PYFFNN_MODEL_CAPSULE);
}

/* Sets the exception that fits a status, and returns -1; 0 for NULL. Needs the GIL. */
static inline int pyffnn_raise(const pyffnn_api* api, const pyffnn_status* status) {
  PyObject* type = PyExc_RuntimeError;
  switch (api->status_code(status)) {
    case PYFFNN_OK:
      return 0;
    case PYFFNN_BAD_ARGUMENT:
    case PYFFNN_BAD_FILE:
      type = PyExc_ValueError;
      break;
    case PYFFNN_BAD_ID:
      type = PyExc_IndexError;
      break;
    case PYFFNN_NO_MEMORY:
      type = PyExc_MemoryError;
      break;
    default:
      break;
  }
  PyErr_SetString(type, api->status_message(status));
  return -1;
}
#endif

#ifdef __cplusplus
}
#endif

#endif
