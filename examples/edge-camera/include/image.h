// Images: where their pixels lie, and who owns them.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>

#include "cuda_check.h"

// Pixels in rows of `pitch` bytes, owned by someone else; a kernel takes it by value.
template <typename T>
struct ImageView {
  T* data;
  std::size_t pitch;
  int width;
  int height;

  __host__ __device__ T* row(int y) const {
    using Byte = unsigned char;
    return reinterpret_cast<T*>(const_cast<Byte*>(reinterpret_cast<const Byte*>(data)) + static_cast<std::size_t>(y) * pitch);
  }
  __host__ __device__ T& at(int x, int y) const { return row(y)[x]; }
  std::size_t row_bytes() const { return static_cast<std::size_t>(width) * sizeof(T); }
  ImageView<const T> read_only() const { return {data, pitch, width, height}; }
};

// An image on the GPU, its rows aligned as textures need them.
template <typename T>
class DeviceImage {
 public:
  DeviceImage(int width, int height) : view_{nullptr, 0, width, height} {
    CUDA_CHECK(cudaMallocPitch(&view_.data, &view_.pitch, view_.row_bytes(), static_cast<std::size_t>(height)));
  }
  ~DeviceImage() { CUDA_CHECK(cudaFree(view_.data)); }
  DeviceImage(const DeviceImage&) = delete;
  DeviceImage& operator=(const DeviceImage&) = delete;

  ImageView<T> view() const { return view_; }

 private:
  ImageView<T> view_;
};

// An image in pinned host memory, its rows packed: only such memory is copied while kernels run.
template <typename T>
class PinnedImage {
 public:
  PinnedImage(int width, int height) : view_{nullptr, 0, width, height} {
    view_.pitch = view_.row_bytes();
    CUDA_CHECK(cudaMallocHost(&view_.data, view_.pitch * static_cast<std::size_t>(height)));
  }
  ~PinnedImage() { CUDA_CHECK(cudaFreeHost(view_.data)); }
  PinnedImage(const PinnedImage&) = delete;
  PinnedImage& operator=(const PinnedImage&) = delete;

  ImageView<T> view() const { return view_; }

 private:
  ImageView<T> view_;
};

// Queues a copy of all pixels, whose element types may differ in `const` only.
template <typename To, typename From>
void copy_async(ImageView<To> to, ImageView<From> from, cudaMemcpyKind kind, cudaStream_t stream) {
  CUDA_CHECK(cudaMemcpy2DAsync(to.data, to.pitch, from.data, from.pitch, from.row_bytes(), static_cast<std::size_t>(from.height),
                               kind, stream));
}
