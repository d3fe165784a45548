// Memory: constant, local, vectors, structures, heap, unaligned pieces, asynchronous copies.
#include "common.cuh"
#include <cuda_pipeline.h>
#include <cuda/barrier>

__constant__ unsigned weights[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};
__device__ unsigned squares[8] = {0, 1, 4, 9, 16, 25, 36, 49};
__device__ const unsigned *into = squares + 3;
__device__ struct { char c; short s; int i; long long l; } mixed = {-1, -2, -3, -4};

KERNEL constants(const unsigned *in, unsigned *out) {
    unsigned i = global_index(), v = in[i];
    out[i] = weights[v % 16] * 1000000 + squares[v / 16 % 8] * 10000 + into[v / 128 % 5] * 100 + (mixed.c + mixed.s + mixed.i + (int)mixed.l);
}

// A local array that is indexed at run time: sorted by insertion.
KERNEL local_sort(const unsigned *in, unsigned *out) {
    unsigned i = global_index(), values[12];
    for (int k = 0; k < 12; k++) values[k] = (in[i] >> k) * 2654435761u;
    for (int k = 1; k < 12; k++)
        for (int j = k; j > 0 && values[j - 1] > values[j]; j--) {
            unsigned t = values[j];
            values[j] = values[j - 1];
            values[j - 1] = t;
        }
    unsigned r = 0;
    for (int k = 0; k < 12; k++) r = r * 31 + values[k];
    out[i] = r + values[in[i] % 12];
}

KERNEL vectors(const uint4 *in, unsigned *out) {
    unsigned i = global_index();
    uint4 v = in[i];
    ushort4 s = ((const ushort4 *)in)[i * 2];
    char4 c = ((const char4 *)in)[i * 4 + 1];
    double2 d = make_double2((double)v.x, (double)v.y);
    ((uint4 *)out)[i] = make_uint4(v.w + s.x, v.z ^ (unsigned)s.w, (unsigned)(c.x * c.y + c.z - c.w), (unsigned)(d.x / (d.y + 1.0)));
}

KERNEL bytes(const unsigned *in, unsigned char *out) {
    unsigned i = global_index();
    const signed char *b = (const signed char *)in;
    out[i * 4] = b[i] + 1;
    out[i * 4 + 1] = b[i] >> 1;
    *(short *)(out + i * 4 + 2) = (short)(b[i] * 100);
}

struct __align__(16) Body { float p[3]; float mass; unsigned char tag; };

__device__ __noinline__ Body moved(Body body, float by) {
    for (int k = 0; k < 3; k++) body.p[k] += by * body.mass;
    body.tag ^= 0x55;
    return body;
}

// Structures by value, through calls.
KERNEL structures(const unsigned *in, unsigned *out) {
    unsigned i = global_index();
    Body body = {{(float)(in[i] & 255), (float)(in[i] >> 8 & 255), 1.0f}, 2.0f, (unsigned char)in[i]};
    body = moved(body, 0.25f);
    out[i] = __float_as_uint(body.p[0] * body.p[1] + body.p[2]) + body.tag;
}

// The device's heap: lists that live across a barrier.
KERNEL heap(const unsigned *in, unsigned *out) {
    struct Node { unsigned value; Node *next; };
    unsigned i = global_index();
    Node *head = nullptr;
    for (unsigned k = 0; k < in[i] % 6; k++) {
        Node *node = (Node *)malloc(sizeof(Node));
        node->value = in[i] + k;
        node->next = head;
        head = node;
    }
    __syncthreads();
    unsigned sum = 0;
    while (head) {
        Node *next = head->next;
        sum = sum * 5 + head->value;
        free(head);
        head = next;
    }
    out[i] = sum;
}

// cp.async, in two stages.
KERNEL async_copy(const unsigned *in, unsigned *out) {
    __shared__ __align__(16) unsigned tile[2][512];
    unsigned t = threadIdx.x, base = blockIdx.x * 512;
    __pipeline_memcpy_async(&tile[0][t * 4], &in[base + t * 4], 16);
    __pipeline_commit();
    __pipeline_memcpy_async(&tile[1][t * 4], &in[base + t * 4], 8);
    __pipeline_memcpy_async(&tile[1][t * 4 + 2], &in[base + t * 4 + 2], 4);
    __pipeline_memcpy_async(&tile[1][t * 4 + 3], &in[base + t * 4 + 3], 4, 2);
    __pipeline_commit();
    __pipeline_wait_prior(1);
    __syncthreads();
    unsigned v = tile[0][(t * 4 + 5) % 512];
    __pipeline_wait_prior(0);
    __syncthreads();
    out[base / 4 + t] = v * 3 + tile[1][(t * 4 + 7) % 512];
}

// mbarrier by libcu++: phases, and a copy that completes on it.
KERNEL barrier_phases(const unsigned *in, unsigned *out) {
    __shared__ cuda::barrier<cuda::thread_scope_block> barrier;
    __shared__ unsigned tile[128];
    if (threadIdx.x == 0) init(&barrier, blockDim.x);
    __syncthreads();
    unsigned v = in[global_index()];
    for (int round = 0; round < 3; round++) {
        tile[threadIdx.x] = v;
        auto token = barrier.arrive();
        barrier.wait(std::move(token));
        v = v * 3 + tile[(threadIdx.x + 33) % 128];
        barrier.arrive_and_wait();
    }
    out[global_index()] = v;
}
