// The pipeline: two frames in flight, and three streams that copy in, compute, and copy out at the same time.
#pragma once

#include <cstdint>

#include "calibration.h"
#include "image.h"
#include "isp.h"
#include "reference.h"

// Owns a CUDA stream that does not wait for the default one.
class Stream {
 public:
  Stream() { CUDA_CHECK(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }
  ~Stream() { CUDA_CHECK(cudaStreamDestroy(stream_)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

// Owns a CUDA event.
class Event {
 public:
  explicit Event(unsigned flags) { CUDA_CHECK(cudaEventCreateWithFlags(&event_, flags)); }
  ~Event() { CUDA_CHECK(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

// Everything that one frame needs while it is in flight. Two frames share none of it, so none can overwrite the other.
struct Slot {
  Slot();
  ~Slot();

  PinnedImage<std::uint16_t> raw;
  PinnedImage<float4> demosaiced, corrected, resized;
  PinnedImage<float> sharpened;
  // Images of one pixel.
  PinnedImage<Statistics> statistics;

  DeviceImage<std::uint16_t> device_raw;
  DeviceImage<float4> device_demosaiced, device_corrected, device_resized;
  DeviceImage<float> device_sharpened;
  DeviceImage<Statistics> device_statistics;
  cudaTextureObject_t texture;

  Event uploaded, started, computed, downloaded;
};

class Pipeline {
 public:
  static constexpr int depth = 2;

  explicit Pipeline(const Calibration& calibration);

  // Where the sensor writes frame number `frame`. The slot must be free: never used, or waited for.
  ImageView<std::uint16_t> raw(int frame) { return slot(frame).raw.view(); }
  // Queues all work on the frame and returns at once.
  void submit(int frame);
  // Waits until the frame and its results are in host memory; they stay until its slot's next frame.
  FrameResults wait(int frame);
  // How long the GPU computed, in milliseconds, without copies. For a frame that was waited for.
  float compute_time(int frame);

 private:
  Slot& slot(int frame) { return slots_[frame % depth]; }

  int black_level_;
  Stream upload_, compute_, download_;
  Slot slots_[depth];
};
