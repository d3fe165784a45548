// Stage 3: fewer pixels, interpolated by the texture unit.
#include "cuda_check.h"
#include "isp.h"
#include "launch.cuh"

namespace {

__global__ void resize_kernel(cudaTextureObject_t source, float scale_x, float scale_y, ImageView<float4> resized) {
  const int x = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  const int y = static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y);
  if (x >= resized.width || y >= resized.height) return;
  // In textures the centre of pixel 0 lies at 0.5.
  const float source_x = (static_cast<float>(x) + 0.5f) * scale_x;
  const float source_y = (static_cast<float>(y) + 0.5f) * scale_y;
  resized.at(x, y) = tex2D<float4>(source, source_x, source_y);
}

}  // namespace

void resize(cudaTextureObject_t source, int source_width, int source_height, ImageView<float4> resized, cudaStream_t stream) {
  const float scale_x = static_cast<float>(source_width) / static_cast<float>(resized.width);
  const float scale_y = static_cast<float>(source_height) / static_cast<float>(resized.height);
  resize_kernel<<<grid(resized.width, resized.height), block(), 0, stream>>>(source, scale_x, scale_y, resized);
  CUDA_CHECK(cudaGetLastError());
}

cudaTextureObject_t make_texture(ImageView<const float4> image) {
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypePitch2D;
  resource.res.pitch2D.devPtr = const_cast<float4*>(image.data);
  resource.res.pitch2D.desc = cudaCreateChannelDesc<float4>();
  resource.res.pitch2D.width = static_cast<std::size_t>(image.width);
  resource.res.pitch2D.height = static_cast<std::size_t>(image.height);
  resource.res.pitch2D.pitchInBytes = image.pitch;

  cudaTextureDesc description{};
  description.addressMode[0] = cudaAddressModeClamp;
  description.addressMode[1] = cudaAddressModeClamp;
  description.filterMode = cudaFilterModeLinear;
  description.readMode = cudaReadModeElementType;
  description.normalizedCoords = 0;

  cudaTextureObject_t texture = 0;
  CUDA_CHECK(cudaCreateTextureObject(&texture, &resource, &description, nullptr));
  return texture;
}
