// Texture and surface objects.
#include "case.h"

__global__ static void sample(cudaTextureObject_t texture, float *out, int width, int height, float shift) {
    const int x = threadIdx.x, y = threadIdx.y;
    if (x < width && y < height) out[y * width + x] = tex2D<float>(texture, x + shift, y + shift);
}

static Result sampled(cudaTextureFilterMode filter, float shift, float (*wanted)(int, int)) {
    const int w = 8, h = 4;
    float host[w * h], back[w * h], *device = nullptr;
    for (int i = 0; i < w * h; ++i) host[i] = float(i);
    cudaArray_t array = nullptr;
    const cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
    OK(cudaMallocArray(&array, &format, w, h));
    OK(cudaMemcpy2DToArray(array, 0, 0, host, w * sizeof(float), w * sizeof(float), h, cudaMemcpyHostToDevice));
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaTextureDesc description = {};
    description.addressMode[0] = description.addressMode[1] = cudaAddressModeClamp;
    description.filterMode = filter;
    description.readMode = cudaReadModeElementType;
    cudaTextureObject_t texture = 0;
    OK(cudaCreateTextureObject(&texture, &resource, &description, nullptr));
    OK(cudaMalloc(&device, sizeof back));
    sample<<<1, dim3(w, h)>>>(texture, device, w, h, shift);
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
    for (int y = 0; y < h; ++y)
        for (int x = 0; x < w; ++x) CHECK(back[y * w + x] == wanted(x, y));
    OK(cudaDestroyTextureObject(texture));
    OK(cudaFreeArray(array));
    OK(cudaFree(device));
    return "";
}

CASE(texture_points) {
    return sampled(cudaFilterModePoint, 0.5f, [](int x, int y) { return float(y * 8 + x); });
}

CASE(texture_filtered) {
    // Between four texels: their mean; at the edges the last texel counts again.
    return sampled(cudaFilterModeLinear, 1.0f, [](int x, int y) {
        const float right = x < 7 ? 0.5f : 0.0f, down = y < 3 ? 4.0f : 0.0f;
        return float(y * 8 + x) + right + down;
    });
}

__global__ static void fetch(cudaTextureObject_t texture, int *out) {
    out[threadIdx.x] = tex1Dfetch<int>(texture, threadIdx.x) * 2;
}

CASE(texture_linear_memory) {
    int host[16], *device = nullptr, *out = nullptr;
    for (int i = 0; i < 16; ++i) host[i] = i * i;
    OK(cudaMalloc(&device, sizeof host));
    OK(cudaMalloc(&out, sizeof host));
    OK(cudaMemcpy(device, host, sizeof host, cudaMemcpyHostToDevice));
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeLinear;
    resource.res.linear.devPtr = device;
    resource.res.linear.desc = cudaCreateChannelDesc<int>();
    resource.res.linear.sizeInBytes = sizeof host;
    cudaTextureDesc description = {};
    cudaTextureObject_t texture = 0;
    OK(cudaCreateTextureObject(&texture, &resource, &description, nullptr));
    fetch<<<1, 16>>>(texture, out);
    OK(cudaMemcpy(host, out, sizeof host, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 16; ++i) CHECK(host[i] == 2 * i * i);
    OK(cudaDestroyTextureObject(texture));
    OK(cudaFree(device));
    OK(cudaFree(out));
    return "";
}

__global__ static void negate(cudaSurfaceObject_t surface) {
    int value;
    surf2Dread(&value, surface, threadIdx.x * 4, threadIdx.y);
    surf2Dwrite(-value, surface, threadIdx.x * 4, threadIdx.y);
}

CASE(surfaces) {
    const int w = 4, h = 3;
    int host[w * h], back[w * h];
    for (int i = 0; i < w * h; ++i) host[i] = i + 1;
    cudaArray_t array = nullptr;
    const cudaChannelFormatDesc format = cudaCreateChannelDesc<int>();
    OK(cudaMallocArray(&array, &format, w, h, cudaArraySurfaceLoadStore));
    OK(cudaMemcpy2DToArray(array, 0, 0, host, w * 4, w * 4, h, cudaMemcpyHostToDevice));
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaSurfaceObject_t surface = 0;
    OK(cudaCreateSurfaceObject(&surface, &resource));
    negate<<<1, dim3(w, h)>>>(surface);
    OK(cudaMemcpy2DFromArray(back, w * 4, array, 0, 0, w * 4, h, cudaMemcpyDeviceToHost));
    for (int i = 0; i < w * h; ++i) CHECK(back[i] == -host[i]);
    OK(cudaDestroySurfaceObject(surface));
    OK(cudaFreeArray(array));
    return "";
}
