// What the threads of a block do together: barriers, shared memory, atomics, locks.
#include "common.cuh"
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
namespace cg = cooperative_groups;

// A tree in shared memory.
KERNEL reduce_tree(const unsigned *in, unsigned *out) {
    __shared__ unsigned tile[256];
    unsigned t = threadIdx.x;
    tile[t] = in[global_index()];
    __syncthreads();
    for (unsigned s = blockDim.x / 2; s > 0; s >>= 1) {
        if (t < s) tile[t] += tile[t + s];
        __syncthreads();
    }
    if (t == 0) out[blockIdx.x] = tile[0];
}

// Floats, whose sum depends on the order.
KERNEL reduce_float(const float *in, float *out) {
    extern __shared__ float dynamic[];
    unsigned t = threadIdx.x;
    dynamic[t] = in[global_index()];
    __syncthreads();
    for (unsigned s = blockDim.x / 2; s > 32; s >>= 1) {
        if (t < s) dynamic[t] += dynamic[t + s];
        __syncthreads();
    }
    if (t < 32) {
        float v = dynamic[t] + dynamic[t + 32];
        for (unsigned s = 16; s > 0; s >>= 1) v += __shfl_down_sync(~0u, v, s);
        if (t == 0) out[blockIdx.x] = v;
    }
}

// An inclusive scan of a block, by warps.
KERNEL scan(const unsigned *in, unsigned *out) {
    __shared__ unsigned sums[32];
    unsigned v = in[global_index()], lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    for (unsigned s = 1; s < 32; s *= 2) {
        unsigned other = __shfl_up_sync(~0u, v, s);
        if (lane >= s) v += other;
    }
    if (lane == 31) sums[warp] = v;
    __syncthreads();
    unsigned before = 0;
    for (unsigned w = 0; w < warp; w++) before += sums[w];
    out[global_index()] = v + before;
}

// A 32 by 33 tile, transposed; two-dimensional blocks.
KERNEL transpose(const unsigned *in, unsigned *out) {
    __shared__ unsigned tile[32][33];
    unsigned x = blockIdx.x * 32 + threadIdx.x, width = gridDim.x * 32, height = gridDim.y * 32;
    for (unsigned j = 0; j < 32; j += blockDim.y) tile[threadIdx.y + j][threadIdx.x] = in[(blockIdx.y * 32 + threadIdx.y + j) * width + x];
    __syncthreads();
    x = blockIdx.y * 32 + threadIdx.x;
    for (unsigned j = 0; j < 32; j += blockDim.y) out[(blockIdx.x * 32 + threadIdx.y + j) * height + x] = tile[threadIdx.x][threadIdx.y + j];
}

// Counts in shared memory, then in global memory.
KERNEL histogram(const unsigned *in, unsigned *out) {
    __shared__ unsigned bins[64];
    if (threadIdx.x < 64) bins[threadIdx.x] = 0;
    __syncthreads();
    atomicAdd(&bins[in[global_index()] % 64], 1);
    __syncthreads();
    if (threadIdx.x < 64) atomicAdd(&out[threadIdx.x], bins[threadIdx.x]);
}

// Every operation under contention, whose result does not depend on the order.
KERNEL contended(const unsigned *in, unsigned *out) {
    unsigned v = in[global_index()];
    unsigned long long *wide = (unsigned long long *)(out + 16);
    atomicAdd(&out[0], v);
    atomicMin((int *)&out[1], (int)v);
    atomicMax((int *)&out[2], (int)v);
    atomicMax(&out[3], v);
    atomicOr(&out[4], v & 0x0f0f0f0f);
    atomicXor(&out[5], v);
    atomicInc(&out[6], 1000);
    atomicDec(&out[7], 77);
    atomicSub(&out[8], v);
    atomicAdd((float *)&out[9], 1.0f);
    atomicAdd(&wide[0], (unsigned long long)v << 13);
    atomicMax(&wide[1], (unsigned long long)v << 20);
    atomicAdd((double *)&wide[2], 0.5);
    unsigned old = out[10], seen;
    do {
        seen = old;
        old = atomicCAS(&out[10], seen, seen * 1 + (v | 1));
    } while (old != seen);
}

__device__ unsigned lock;

// A lock that each thread takes alone: it needs progress of diverged threads.
KERNEL spin_lock(const unsigned *in, unsigned *out) {
    bool done = false;
    while (!done) {
        if (atomicCAS(&lock, 0, 1) == 0) {
            __threadfence();
            volatile unsigned *sum = out;
            *sum = *sum + in[global_index()];
            __threadfence();
            atomicExch(&lock, 0);
            done = true;
        }
    }
}

// The plain spelling, which hangs where a warp has one program counter.
KERNEL spin_plain(const unsigned *in, unsigned *out) {
    while (atomicCAS(&lock, 0, 1) != 0) {}
    __threadfence();
    ((volatile unsigned *)out)[0] = ((volatile unsigned *)out)[0] + in[global_index()];
    __threadfence();
    atomicExch(&lock, 0);
}

// The last block to arrive sums up the others' results.
__device__ unsigned arrived;
KERNEL last_block(const unsigned *in, unsigned *out) {
    __shared__ bool last;
    unsigned sum = __reduce_add_sync(~0u, in[global_index()]);
    if (threadIdx.x % 32 == 0) atomicAdd(&out[1 + blockIdx.x], sum);
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) last = atomicAdd(&arrived, 1) == gridDim.x - 1;
    __syncthreads();
    if (last && threadIdx.x == 0) {
        unsigned total = 0;
        for (unsigned b = 0; b < gridDim.x; b++) total = total * 31 + ((volatile unsigned *)out)[1 + b];
        out[0] = total;
        arrived = 0;
    }
}

// Producer warps and consumer warps, with named barriers.
KERNEL named_barriers(const unsigned *in, unsigned *out) {
    __shared__ unsigned box[64];
    unsigned t = threadIdx.x;
    for (unsigned round = 0; round < 4; round++) {
        if (t < 64) {
            box[t] = in[(global_index() + round * 7) % 256] * (round + 1);
            asm volatile("bar.arrive 1, 128;" ::: "memory");
            asm volatile("bar.sync 2, 128;" ::: "memory");
        } else {
            asm volatile("bar.sync 1, 128;" ::: "memory");
            out[blockIdx.x * 256 + round * 64 + t - 64] = box[t - 64] + t;
            asm volatile("bar.sync 2, 128;" ::: "memory");
        }
    }
}

KERNEL block_votes(const unsigned *in, unsigned *out) {
    unsigned i = global_index(), v = in[i];
    unsigned count = __syncthreads_count(v & 1);
    int all = __syncthreads_and(v != 12345);
    int any = __syncthreads_or((v & 0xff) == 7);
    out[i] = count << 2 | (all != 0) << 1 | (any != 0);
}

// Tiles, coalesced groups, partitions, reductions and scans of cooperative groups.
KERNEL groups(const unsigned *in, unsigned *out) {
    unsigned i = global_index(), v = in[i];
    auto block = cg::this_thread_block();
    auto tile = cg::tiled_partition<8>(block);
    unsigned sum = cg::reduce(tile, v, cg::plus<unsigned>());
    unsigned least = cg::reduce(tile, v, cg::less<unsigned>());
    unsigned scan = cg::inclusive_scan(tile, v & 0xff);
    unsigned r = sum ^ least * 3 ^ scan * 5 ^ tile.thread_rank() ^ tile.meta_group_rank() << 8;
    if (v & 1) {
        auto active = cg::coalesced_threads();
        r ^= active.size() << 16 ^ active.thread_rank() << 24;
        r += active.shfl(v, 0);
    }
    auto warp = cg::tiled_partition<32>(block);
    auto same = cg::labeled_partition(warp, v & 3);
    r += same.size() * 1000 + cg::reduce(same, 1u, cg::plus<unsigned>());
    block.sync();
    out[i] = r;
}

// All blocks meet, several times.
KERNEL grid_sync(const unsigned *in, unsigned *out) {
    auto grid = cg::this_grid();
    unsigned i = global_index(), n = gridDim.x * blockDim.x;
    out[i] = in[i];
    for (int round = 0; round < 3; round++) {
        grid.sync();
        unsigned v = ((volatile unsigned *)out)[(i * 5 + 1) % n];
        grid.sync();
        ((volatile unsigned *)out)[i] = v * 3 + round;
    }
}

// Distributed shared memory: each block reads its neighbour's.
extern "C" __global__ void __cluster_dims__(4) cluster(const unsigned *in, unsigned *out) {
    __shared__ unsigned mine[64];
    auto cluster = cg::this_cluster();
    mine[threadIdx.x] = in[global_index()];
    cluster.sync();
    unsigned *other = cluster.map_shared_rank(mine, (cluster.block_rank() + 1) % 4);
    unsigned v = other[63 - threadIdx.x];
    cluster.sync();
    atomicAdd(&cluster.map_shared_rank(mine, (cluster.block_rank() + 2) % 4)[threadIdx.x], 1000);
    cluster.sync();
    out[global_index()] = v + mine[threadIdx.x] * 3 + cluster.block_rank() + cluster.num_blocks() * 16;
}
