# pyffnn.h for Cython: what each function does and asks for stands there. All of them can be called without the GIL.
#
#     from pyffnn.capi cimport pyffnn_api, pyffnn_import, pyffnn_raise
#     cdef const pyffnn_api* api = pyffnn_import()
from libc.stdint cimport int32_t, int64_t, uint32_t


cdef extern from "pyffnn.h":
    enum:
        PYFFNN_API_VERSION
        PYFFNN_OK
        PYFFNN_BAD_ARGUMENT
        PYFFNN_BAD_ID
        PYFFNN_NO_MEMORY
        PYFFNN_BAD_FILE
        PYFFNN_FAILED
        PYFFNN_IDENTITY
        PYFFNN_SIGMOID
        PYFFNN_TANH
        PYFFNN_RELU
        PYFFNN_SGD
        PYFFNN_MOMENTUM
        PYFFNN_ADAGRAD
        PYFFNN_ADAM

    ctypedef struct pyffnn_status:
        pass

    ctypedef struct pyffnn_model:
        pass

    ctypedef struct pyffnn_optimizer:
        int32_t kind
        double lr, beta1, beta2, eps, l2, weight_decay

    ctypedef struct pyffnn_api:
        uint32_t version
        uint32_t size
        const char* library
        int32_t (*status_code)(const pyffnn_status* status) noexcept nogil
        const char* (*status_message)(const pyffnn_status* status) noexcept nogil
        int32_t (*get_num_threads)() noexcept nogil
        const pyffnn_status* (*set_num_threads)(int32_t n) noexcept nogil
        const char* (*isa)() noexcept nogil
        const pyffnn_status* (*matmul_f32)(int32_t transpose_a, int32_t transpose_b, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb, float* c, int64_t ldc, int32_t accumulate) noexcept nogil
        const pyffnn_status* (*matmul_f64)(int32_t transpose_a, int32_t transpose_b, int64_t m, int64_t n, int64_t k, const double* a, int64_t lda, const double* b, int64_t ldb, double* c, int64_t ldc, int32_t accumulate) noexcept nogil
        const pyffnn_status* (*linear_f32)(int64_t m, int64_t n, int64_t k, const float* x, int64_t ldx, const float* w, int64_t ldw, const float* bias, int32_t activation, float* y, int64_t ldy) noexcept nogil
        const pyffnn_status* (*linear_f64)(int64_t m, int64_t n, int64_t k, const double* x, int64_t ldx, const double* w, int64_t ldw, const double* bias, int32_t activation, double* y, int64_t ldy) noexcept nogil
        const pyffnn_status* (*activation_f32)(int32_t activation, int64_t n, const float* x, float* y) noexcept nogil
        const pyffnn_status* (*activation_f64)(int32_t activation, int64_t n, const double* x, double* y) noexcept nogil
        const pyffnn_status* (*activation_backward_f32)(int32_t activation, int64_t n, const float* dy, const float* y, float* dx) noexcept nogil
        const pyffnn_status* (*activation_backward_f64)(int32_t activation, int64_t n, const double* dy, const double* y, double* dx) noexcept nogil
        const pyffnn_status* (*softmax_f32)(int64_t m, int64_t n, const float* x, int64_t ldx, float* y, int64_t ldy) noexcept nogil
        const pyffnn_status* (*softmax_f64)(int64_t m, int64_t n, const double* x, int64_t ldx, double* y, int64_t ldy) noexcept nogil
        const pyffnn_status* (*log_softmax_f32)(int64_t m, int64_t n, const float* x, int64_t ldx, float* y, int64_t ldy) noexcept nogil
        const pyffnn_status* (*log_softmax_f64)(int64_t m, int64_t n, const double* x, int64_t ldx, double* y, int64_t ldy) noexcept nogil
        const pyffnn_status* (*gather_f32)(const float* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count, float* out, int64_t ldo) noexcept nogil
        const pyffnn_status* (*gather_f64)(const double* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count, double* out, int64_t ldo) noexcept nogil
        const pyffnn_status* (*gather_backward_f32)(const float* dy, const int64_t* ids, int64_t count, int64_t rows, int64_t d, float* grad) noexcept nogil
        const pyffnn_status* (*gather_backward_f64)(const double* dy, const int64_t* ids, int64_t count, int64_t rows, int64_t d, double* grad) noexcept nogil
        const pyffnn_status* (*mean_pool_f32)(const float* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count, const int64_t* offsets, int64_t bags, const float* weights, float* out, int64_t ldo) noexcept nogil
        const pyffnn_status* (*mean_pool_f64)(const double* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count, const int64_t* offsets, int64_t bags, const double* weights, double* out, int64_t ldo) noexcept nogil
        const pyffnn_status* (*sum_pool_f32)(const float* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count, const int64_t* offsets, int64_t bags, const float* weights, float* out, int64_t ldo) noexcept nogil
        const pyffnn_status* (*sum_pool_f64)(const double* table, int64_t rows, int64_t d, int64_t ld, const int64_t* ids, int64_t count, const int64_t* offsets, int64_t bags, const double* weights, double* out, int64_t ldo) noexcept nogil
        const pyffnn_status* (*cross_entropy_f32)(int64_t m, int64_t n, const float* logits, const int64_t* targets, const float* sample_weight, double* loss, float* dlogits) noexcept nogil
        const pyffnn_status* (*cross_entropy_f64)(int64_t m, int64_t n, const double* logits, const int64_t* targets, const double* sample_weight, double* loss, double* dlogits) noexcept nogil
        const pyffnn_status* (*binary_cross_entropy_f32)(int64_t m, int64_t n, const float* logits, const float* targets, const float* sample_weight, double* loss, float* dlogits) noexcept nogil
        const pyffnn_status* (*binary_cross_entropy_f64)(int64_t m, int64_t n, const double* logits, const double* targets, const double* sample_weight, double* loss, double* dlogits) noexcept nogil
        const pyffnn_status* (*linear_cross_entropy_f32)(int64_t m, int64_t n, int64_t k, const float* x, const float* w, const float* bias, const int64_t* targets, const float* sample_weight, double* loss, float* dx, float* dw, float* dbias) noexcept nogil
        const pyffnn_status* (*linear_cross_entropy_f64)(int64_t m, int64_t n, int64_t k, const double* x, const double* w, const double* bias, const int64_t* targets, const double* sample_weight, double* loss, double* dx, double* dw, double* dbias) noexcept nogil
        const pyffnn_status* (*optimizer_step_f32)(const pyffnn_optimizer* optimizer, int64_t step, int64_t n, const float* g, float* w, float* s1, float* s2) noexcept nogil
        const pyffnn_status* (*optimizer_step_f64)(const pyffnn_optimizer* optimizer, int64_t step, int64_t n, const double* g, double* w, double* s1, double* s2) noexcept nogil
        const pyffnn_status* (*model_load)(const char* path, pyffnn_model** model) noexcept nogil
        void (*model_free)(pyffnn_model* model) noexcept nogil
        int64_t (*model_inputs)(const pyffnn_model* model) noexcept nogil
        int64_t (*model_outputs)(const pyffnn_model* model) noexcept nogil
        const char* (*model_label)(const pyffnn_model* model, int64_t i) noexcept nogil
        const pyffnn_status* (*model_predict_rows)(const pyffnn_model* model, int64_t count, const float* x, int64_t ldx, float* p, int64_t ldp) noexcept nogil
        const pyffnn_status* (*model_predict_texts)(const pyffnn_model* model, int64_t count, const char** texts, const int64_t* sizes, float* p, int64_t ldp) noexcept nogil

    const pyffnn_api* pyffnn_import() except NULL
    object pyffnn_model_capsule(object model)
    const pyffnn_model* pyffnn_model_of(object capsule) except NULL
    int pyffnn_raise(const pyffnn_api* api, const pyffnn_status* status) except -1
