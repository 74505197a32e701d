/* A plain C extension on pyffnn's table: no NumPy, no Cython. `scorer.best(model, texts)` asks a fitted classifier for the best label of each
 * text while other Python threads run; `scorer.softmax(buffer)` turns a buffer of float32 into probabilities in place. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pyffnn.h>

static const pyffnn_api *api;

static PyObject *best_labels(const pyffnn_model *model, const float *p, Py_ssize_t count) {
  const int64_t classes = api->model_outputs(model);
  PyObject *labels = PyList_New(count);
  for (Py_ssize_t i = 0; labels != NULL && i < count; ++i) {
    int64_t top = 0;
    for (int64_t j = 1; j < classes; ++j)
      if (p[i * classes + j] > p[i * classes + top]) top = j;
    PyObject *label = PyUnicode_FromString(api->model_label(model, top));
    if (label == NULL)
      Py_CLEAR(labels);
    else
      PyList_SET_ITEM(labels, i, label);
  }
  return labels;
}

static PyObject *best(PyObject *module, PyObject *args) {
  PyObject *object, *texts, *result = NULL;
  (void)module;
  if (!PyArg_ParseTuple(args, "OO!", &object, &PyTuple_Type, &texts)) return NULL; /* a tuple: nobody changes it meanwhile */
  PyObject *capsule = pyffnn_model_capsule(object);
  if (capsule == NULL) return NULL;
  const pyffnn_model *model = pyffnn_model_of(capsule);
  const Py_ssize_t count = PyTuple_GET_SIZE(texts);
  const char **strings = PyMem_Calloc((size_t)count + 1, sizeof(*strings));
  int64_t *sizes = PyMem_Calloc((size_t)count + 1, sizeof(*sizes));
  const int64_t classes = model == NULL ? 0 : api->model_outputs(model);
  float *p = PyMem_Calloc((size_t)(count * classes) + 1, sizeof(*p));
  if (model == NULL) goto done;
  if (strings == NULL || sizes == NULL || p == NULL) {
    PyErr_NoMemory();
    goto done;
  }
  for (Py_ssize_t i = 0; i < count; ++i) {
    Py_ssize_t size;
    strings[i] = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(texts, i), &size);
    if (strings[i] == NULL) goto done;
    sizes[i] = size;
  }
  const pyffnn_status *status;
  Py_BEGIN_ALLOW_THREADS;
  status = api->model_predict_texts(model, count, strings, sizes, p, classes);
  Py_END_ALLOW_THREADS;
  if (pyffnn_raise(api, status) == 0) result = best_labels(model, p, count);
done:
  PyMem_Free(strings);
  PyMem_Free(sizes);
  PyMem_Free(p);
  Py_DECREF(capsule);
  return result;
}

static PyObject *softmax(PyObject *module, PyObject *object) {
  Py_buffer view;
  (void)module;
  if (PyObject_GetBuffer(object, &view, PyBUF_CONTIG | PyBUF_FORMAT) != 0) return NULL;
  int failed = -1;
  if (view.itemsize != 4 || view.format == NULL || view.format[0] != 'f')
    PyErr_SetString(PyExc_TypeError, "softmax takes a buffer of float32");
  else
    failed = pyffnn_raise(api, api->softmax_f32(1, view.len / 4, view.buf, view.len / 4, view.buf, view.len / 4));
  PyBuffer_Release(&view);
  if (failed != 0) return NULL;
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {{"best", best, METH_VARARGS, "best(model, tuple of texts) -> list of labels"},
                                {"softmax", softmax, METH_O, "softmax(buffer of float32): in place"},
                                {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "scorer", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_scorer(void) {
  api = pyffnn_import();
  return api == NULL ? NULL : PyModule_Create(&definition);
}
