# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""A loss and a sampling loop of one's own: pyffnn gives the products, the activation, the gather and the optimizer's step, and nothing here
needs the GIL. Skip-gram with negative sampling (Mikolov et al. 2013): the word in the middle is to tell each neighbour from words drawn
at random."""

from libc.math cimport log
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

from pyffnn.capi cimport (
    PYFFNN_SGD,
    PYFFNN_SIGMOID,
    pyffnn_api,
    pyffnn_import,
    pyffnn_optimizer,
    pyffnn_raise,
    pyffnn_status,
)

import numpy as np

cdef const pyffnn_api* api = pyffnn_import()


cdef inline uint64_t random_number(uint64_t* state) noexcept nogil:
    # xorshift64*
    state[0] ^= state[0] >> 12
    state[0] ^= state[0] << 25
    state[0] ^= state[0] >> 27
    return state[0] * <uint64_t>2685821657736338717


cdef struct Room:
    int64_t* words  # the neighbour, then the words drawn
    float* rows     # their vectors [drawn + 1, dim]
    float* scores   # and how much each is taken for the neighbour
    float* pull     # the gradient of the word in the middle
    float* step     # and of one other


cdef const pyffnn_status* learn(
    Room room, int64_t middle, int64_t n, float* inner, float* outer, int64_t words, int64_t dim, float lr, double* loss
) noexcept nogil:
    """One neighbour and its drawn words; the sum of their losses is added to `loss`."""
    cdef const pyffnn_status* status
    cdef pyffnn_optimizer sgd
    cdef float* v = inner + middle * dim
    cdef int64_t i, j
    sgd.kind, sgd.lr = PYFFNN_SGD, lr
    sgd.beta1 = sgd.beta2 = sgd.eps = sgd.l2 = sgd.weight_decay = 0
    status = api.gather_f32(outer, words, dim, dim, room.words, n, room.rows, dim)
    if status != NULL: return status
    status = api.matmul_f32(0, 0, n, 1, dim, room.rows, dim, v, 1, room.scores, 1, 0)
    if status != NULL: return status
    status = api.activation_f32(PYFFNN_SIGMOID, n, room.scores, room.scores)
    if status != NULL: return status
    # the loss: -log p for the neighbour, -log(1 - p) for the others; its gradient by the score is p - label
    for i in range(n):
        loss[0] -= log(max(room.scores[i] if i == 0 else 1 - room.scores[i], <float>1e-7))
        room.scores[i] -= i == 0
    status = api.matmul_f32(1, 0, dim, 1, n, room.rows, dim, room.scores, 1, room.pull, 1, 0)
    if status != NULL: return status
    for i in range(n):
        for j in range(dim):
            room.step[j] = room.scores[i] * v[j]
        status = api.optimizer_step_f32(&sgd, 1, dim, room.step, outer + room.words[i] * dim, NULL, NULL)
        if status != NULL: return status
    return api.optimizer_step_f32(&sgd, 1, dim, room.pull, v, NULL, NULL)


cdef const pyffnn_status* epoch(
    Room room, const int64_t[::1] text, const int64_t[::1] draws, float* inner, float* outer, int64_t words, int64_t dim,
    int64_t window, int64_t drawn, float lr, uint64_t* state, double* loss
) noexcept nogil:
    cdef const pyffnn_status* status
    cdef int64_t i, j, k
    for i in range(text.shape[0]):
        for j in range(max(i - window, 0), min(i + window + 1, text.shape[0])):
            if i == j:
                continue
            room.words[0] = text[j]
            for k in range(1, drawn + 1):
                room.words[k] = draws[<int64_t>(random_number(state) % <uint64_t>draws.shape[0])]
            status = learn(room, text[i], drawn + 1, inner, outer, words, dim, lr, loss)
            if status != NULL: return status
    return NULL


def train(text, *, int64_t dim=16, int64_t window=2, int64_t drawn=5, int64_t epochs=5, float lr=0.05, uint64_t seed=1):
    """Vectors of words from a text of word ids (1-D, from 0): (vectors [words, dim], mean loss of each epoch)."""
    cdef const int64_t[::1] ids = np.ascontiguousarray(text, np.int64)
    if ids.shape[0] == 0 or min(ids) < 0 or dim < 1 or window < 1 or drawn < 0 or seed == 0:
        raise ValueError("text must hold ids from 0 on; dim and window at least 1, drawn not negative, seed not 0")
    counts = np.bincount(np.asarray(ids))
    cdef int64_t words = counts.size, e, pairs = 0
    # words are drawn by their count to the power of 3/4
    often = np.ceil(counts**0.75 / (counts**0.75).sum() * 100 * words).astype(np.int64)
    cdef const int64_t[::1] draws = np.repeat(np.arange(words), often)
    cdef float[:, ::1] inner = np.random.default_rng(seed).uniform(-0.5 / dim, 0.5 / dim, (words, dim)).astype(np.float32)
    cdef float[:, ::1] outer = np.zeros((words, dim), np.float32)
    cdef uint64_t state = seed
    cdef double loss
    cdef const pyffnn_status* status = NULL
    cdef Room room
    room.words = <int64_t*>malloc((drawn + 1) * sizeof(int64_t))
    room.rows = <float*>malloc(((drawn + 1) * (dim + 1) + 2 * dim) * sizeof(float))
    losses = []
    try:
        if room.words == NULL or room.rows == NULL:
            raise MemoryError
        room.scores = room.rows + (drawn + 1) * dim
        room.pull = room.scores + drawn + 1
        room.step = room.pull + dim
        for e in range(ids.shape[0]):
            pairs += min(e + window, ids.shape[0] - 1) - max(e - window, 0)
        for e in range(epochs):
            loss = 0
            with nogil:
                status = epoch(room, ids, draws, &inner[0, 0], &outer[0, 0], words, dim, window, drawn, lr, &state, &loss)
            pyffnn_raise(api, status)
            losses.append(loss / max(pairs, 1))
    finally:
        free(room.words)
        free(room.rows)
    return np.asarray(inner), losses
