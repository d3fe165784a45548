/* Stands in for CUDA's header: device code is plain C++ here. nvcc includes it before every source. */
#define __global__
#define __device__
