// The order of things: events between streams, and one wait of the host for each frame.
#include "pipeline.h"

#include "sensor.h"

Slot::Slot()
    : raw(sensor_width, sensor_height),
      demosaiced(sensor_width, sensor_height),
      corrected(sensor_width, sensor_height),
      resized(output_width, output_height),
      sharpened(output_width, output_height),
      statistics(1, 1),
      device_raw(sensor_width, sensor_height),
      device_demosaiced(sensor_width, sensor_height),
      device_corrected(sensor_width, sensor_height),
      device_resized(output_width, output_height),
      device_sharpened(output_width, output_height),
      device_statistics(1, 1),
      texture(make_texture(device_corrected.view().read_only())),
      uploaded(cudaEventDisableTiming),
      started(cudaEventDefault),
      computed(cudaEventDefault),
      downloaded(cudaEventDisableTiming) {}

Slot::~Slot() { CUDA_CHECK(cudaDestroyTextureObject(texture)); }

Pipeline::Pipeline(const Calibration& calibration) : black_level_(calibration.black_level) {
  upload_colour(calibration);
  upload_sharpen_weights();
  // Those copies went through the default stream, which ours do not wait for.
  CUDA_CHECK(cudaDeviceSynchronize());
}

void Pipeline::submit(int frame) {
  Slot& s = slot(frame);
  copy_async(s.device_raw.view(), s.raw.view(), cudaMemcpyHostToDevice, upload_);
  CUDA_CHECK(cudaEventRecord(s.uploaded, upload_));

  CUDA_CHECK(cudaStreamWaitEvent(compute_, s.uploaded, 0));
  CUDA_CHECK(cudaEventRecord(s.started, compute_));
  demosaic(s.device_raw.view().read_only(), s.device_demosaiced.view(), black_level_, compute_);
  correct_colour(s.device_demosaiced.view().read_only(), s.device_corrected.view(), compute_);
  resize(s.texture, sensor_width, sensor_height, s.device_resized.view(), compute_);
  sharpen(s.device_resized.view().read_only(), s.device_sharpened.view(), compute_);
  CUDA_CHECK(cudaMemsetAsync(s.device_statistics.view().data, 0, sizeof(Statistics), compute_));
  gather_statistics(s.device_sharpened.view().read_only(), s.device_statistics.view().data, compute_);
  CUDA_CHECK(cudaEventRecord(s.computed, compute_));

  CUDA_CHECK(cudaStreamWaitEvent(download_, s.computed, 0));
  copy_async(s.demosaiced.view(), s.device_demosaiced.view(), cudaMemcpyDeviceToHost, download_);
  copy_async(s.corrected.view(), s.device_corrected.view(), cudaMemcpyDeviceToHost, download_);
  copy_async(s.resized.view(), s.device_resized.view(), cudaMemcpyDeviceToHost, download_);
  copy_async(s.sharpened.view(), s.device_sharpened.view(), cudaMemcpyDeviceToHost, download_);
  copy_async(s.statistics.view(), s.device_statistics.view(), cudaMemcpyDeviceToHost, download_);
  CUDA_CHECK(cudaEventRecord(s.downloaded, download_));
}

FrameResults Pipeline::wait(int frame) {
  Slot& s = slot(frame);
  CUDA_CHECK(cudaEventSynchronize(s.downloaded));
  return {s.raw.view().read_only(),     s.demosaiced.view().read_only(), s.corrected.view().read_only(),
          s.resized.view().read_only(), s.sharpened.view().read_only(),  *s.statistics.view().data};
}

float Pipeline::compute_time(int frame) {
  Slot& s = slot(frame);
  float milliseconds = 0.0f;
  CUDA_CHECK(cudaEventElapsedTime(&milliseconds, s.started, s.computed));
  return milliseconds;
}
