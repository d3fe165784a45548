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

/// Reads a line of texels at normalised or plain coordinates.
__global__ static void sample_line(cudaTextureObject_t texture, float *out, float start, float step) {
    out[threadIdx.x] = tex1D<float>(texture, start + threadIdx.x * step);
}

static Result line(cudaTextureAddressMode mode, bool normalised, const float (&wanted)[12]) {
    // Four texels, asked for from four before them to four behind.
    const float host[4] = {10, 20, 30, 40};
    float back[12], *device = nullptr;
    cudaArray_t array = nullptr;
    const cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
    OK(cudaMallocArray(&array, &format, 4));
    OK(cudaMemcpy2DToArray(array, 0, 0, host, sizeof host, sizeof host, 1, cudaMemcpyHostToDevice));
    OK(cudaMalloc(&device, sizeof back));
    cudaResourceDesc resource = {};
    resource.resType = cudaResourceTypeArray;
    resource.res.array.array = array;
    cudaTextureDesc description = {};
    for (cudaTextureAddressMode &each : description.addressMode) each = mode;
    description.normalizedCoords = normalised;
    description.borderColor[0] = 7;
    cudaTextureObject_t texture = 0;
    OK(cudaCreateTextureObject(&texture, &resource, &description, nullptr));
    const float width = normalised ? 4.0f : 1.0f;
    sample_line<<<1, 12>>>(texture, device, -3.5f / width, 1.0f / width);
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 12; ++i) CHECK(back[i] == wanted[i]);
    OK(cudaDestroyTextureObject(texture));
    OK(cudaFreeArray(array));
    OK(cudaFree(device));
    return "";
}

CASE(texture_outside) {
    const float clamped[12] = {10, 10, 10, 10, 10, 20, 30, 40, 40, 40, 40, 40};
    const float bordered[12] = {7, 7, 7, 7, 10, 20, 30, 40, 7, 7, 7, 7};
    const float wrapped[12] = {10, 20, 30, 40, 10, 20, 30, 40, 10, 20, 30, 40};
    const float mirrored[12] = {40, 30, 20, 10, 10, 20, 30, 40, 40, 30, 20, 10};
    for (const bool normalised : {false, true}) {
        for (const Result &result : {line(cudaAddressModeClamp, normalised, clamped), line(cudaAddressModeBorder, normalised, bordered)})
            if (!result.empty()) return result;
    }
    const Result result = line(cudaAddressModeWrap, true, wrapped);
    return result.empty() ? line(cudaAddressModeMirror, true, mirrored) : result;
}

__global__ static void sample_bytes(cudaTextureObject_t texture, float4 *out) {
    out[threadIdx.x] = tex2D<float4>(texture, threadIdx.x + 0.5f, 0.5f);
}

CASE(texture_of_a_plane) {
    // Four bytes a texel in pitched memory, as numbers from 0 to 1; and what the object says that it was made of.
    uchar4 host[8];
    for (int i = 0; i < 8; ++i) host[i] = make_uchar4(i * 30, 255 - i, 0, 255);
    void *plane = nullptr;
    size_t pitch = 0;
    float4 back[8], *device = nullptr;
    OK(cudaMallocPitch(&plane, &pitch, sizeof host, 2));
    OK(cudaMemcpy2D(plane, pitch, host, sizeof host, sizeof host, 1, cudaMemcpyHostToDevice));
    OK(cudaMalloc(&device, sizeof back));
    cudaResourceDesc resource = {}, told = {};
    resource.resType = cudaResourceTypePitch2D;
    resource.res.pitch2D.devPtr = plane;
    resource.res.pitch2D.desc = cudaCreateChannelDesc<uchar4>();
    resource.res.pitch2D.width = 8;
    resource.res.pitch2D.height = 2;
    resource.res.pitch2D.pitchInBytes = pitch;
    cudaTextureDesc description = {}, said = {};
    description.addressMode[0] = description.addressMode[1] = cudaAddressModeClamp;
    description.readMode = cudaReadModeNormalizedFloat;
    description.borderColor[2] = 0.75f;
    description.maxAnisotropy = 4;
    cudaTextureObject_t texture = 0;
    OK(cudaCreateTextureObject(&texture, &resource, &description, nullptr));
    sample_bytes<<<1, 8>>>(texture, device);
    OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
    for (int i = 0; i < 8; ++i) {
        const float wanted[4] = {i * 30 / 255.0f, (255 - i) / 255.0f, 0, 1}, got[4] = {back[i].x, back[i].y, back[i].z, back[i].w};
        for (int k = 0; k < 4; ++k) CHECK(got[k] - wanted[k] < 1e-6f && wanted[k] - got[k] < 1e-6f);
    }
    OK(cudaGetTextureObjectResourceDesc(&told, texture));
    CHECK(told.resType == cudaResourceTypePitch2D && told.res.pitch2D.devPtr == plane && told.res.pitch2D.width == 8);
    CHECK(told.res.pitch2D.pitchInBytes == pitch && told.res.pitch2D.desc.x == 8 && told.res.pitch2D.desc.w == 8);
    OK(cudaGetTextureObjectTextureDesc(&said, texture));
    CHECK(said.addressMode[0] == cudaAddressModeClamp && said.readMode == cudaReadModeNormalizedFloat);
    CHECK(said.filterMode == cudaFilterModePoint && said.normalizedCoords == 0);
    OK(cudaDestroyTextureObject(texture));
    OK(cudaFree(plane));
    OK(cudaFree(device));
    return "";
}

__global__ static void sample_volume(cudaTextureObject_t texture, float *out) {
    const int x = threadIdx.x, y = threadIdx.y, z = threadIdx.z;
    out[(z * blockDim.y + y) * blockDim.x + x] = tex3D<float>(texture, x + 0.5f, y + 0.5f, z + 0.5f);
}

__global__ static void sample_layers(cudaTextureObject_t texture, float *out) {
    const int x = threadIdx.x, y = threadIdx.y, z = threadIdx.z;
    out[(z * blockDim.y + y) * blockDim.x + x] = tex2DLayered<float>(texture, x + 0.5f, y + 0.5f, z);
}

__global__ static void add_to_volume(cudaSurfaceObject_t surface) {
    float value;
    surf3Dread(&value, surface, threadIdx.x * 4, threadIdx.y, threadIdx.z);
    surf3Dwrite(value + 1000, surface, threadIdx.x * 4, threadIdx.y, threadIdx.z);
}

CASE(texture_volumes) {
    // An array of three dimensions by its texels, and another as layers; and the first after a surface changed it.
    const int w = 5, h = 3, d = 4;
    float host[w * h * d], back[w * h * d], *device = nullptr;
    for (int i = 0; i < w * h * d; ++i) host[i] = float(i);
    OK(cudaMalloc(&device, sizeof back));
    const cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
    for (const bool layered : {true, false}) {
        cudaArray_t array = nullptr;
        OK(cudaMalloc3DArray(&array, &format, make_cudaExtent(w, h, d), layered ? cudaArrayLayered : cudaArraySurfaceLoadStore));
        cudaMemcpy3DParms in = {};
        in.srcPtr = make_cudaPitchedPtr(host, w * sizeof(float), w, h);
        in.dstArray = array;
        in.extent = make_cudaExtent(w, h, d);
        in.kind = cudaMemcpyHostToDevice;
        OK(cudaMemcpy3D(&in));
        cudaResourceDesc resource = {};
        resource.resType = cudaResourceTypeArray;
        resource.res.array.array = array;
        cudaTextureDesc description = {};
        cudaTextureObject_t texture = 0;
        OK(cudaCreateTextureObject(&texture, &resource, &description, nullptr));
        if (!layered) {
            cudaSurfaceObject_t surface = 0;
            OK(cudaCreateSurfaceObject(&surface, &resource));
            add_to_volume<<<1, dim3(w, h, d)>>>(surface);
            OK(cudaDeviceSynchronize());
            OK(cudaDestroySurfaceObject(surface));
            sample_volume<<<1, dim3(w, h, d)>>>(texture, device);
        } else {
            sample_layers<<<1, dim3(w, h, d)>>>(texture, device);
        }
        OK(cudaMemcpy(back, device, sizeof back, cudaMemcpyDeviceToHost));
        for (int i = 0; i < w * h * d; ++i) CHECK(back[i] == host[i] + (layered ? 0 : 1000));
        OK(cudaDestroyTextureObject(texture));
        OK(cudaFreeArray(array));
    }
    OK(cudaFree(device));
    return "";
}
