#include "tutti/engines/native/isa/pixels.h"
#include "tutti/engines/native/kernels.h"

namespace tutti::native {
namespace {

// The windows of a pooling of x (n, h, w, c) to y (n, o_h, o_w, c).
class Pooling {
 public:
  Pooling(const PoolAttributes& attributes, const Shape& x, const Shape& y)
      : attributes_(attributes), n(x[0]), h(x[1]), w(x[2]), c(x[3]), o_h(y[1]), o_w(y[2]) {}

  // Empty windows, which lie in the padding alone, are left to the reference engine.
  bool has_empty_window() const {
    return attributes_.padding.top >= attributes_.window[0] || attributes_.padding.left >= attributes_.window[1] ||
           (o_h - 1) * attributes_.strides[0] - attributes_.padding.top >= h ||
           (o_w - 1) * attributes_.strides[1] - attributes_.padding.left >= w;
  }
  bool overlaps() const {
    return attributes_.strides[0] < attributes_.window[0] || attributes_.strides[1] < attributes_.window[1];
  }
  // Every cell of the image lies in exactly one window.
  bool tiles_image() const {
    return attributes_.strides == attributes_.window && attributes_.padding == Padding2D{} &&
           o_h * attributes_.strides[0] == h && o_w * attributes_.strides[1] == w;
  }

  // visit(window, x's offset of the image, y's offset of the pixel) for the windows of output rows [begin, end) over all
  // images.
  template <class Visit>
  void rows(std::int64_t begin, std::int64_t end, const Visit& visit) const {
    for (std::int64_t item = begin; item < end; ++item) {
      const std::int64_t top = item % o_h * attributes_.strides[0] - attributes_.padding.top;
      PoolWindow window{std::max<std::int64_t>(top, 0), std::min<std::int64_t>(top + attributes_.window[0], h), 0, 0, w};
      for (std::int64_t column = 0; column < o_w; ++column) {
        const std::int64_t left = column * attributes_.strides[1] - attributes_.padding.left;
        window.column_begin = std::max<std::int64_t>(left, 0);
        window.column_end = std::min<std::int64_t>(left + attributes_.window[1], w);
        visit(window, item / o_h * h * w * c, (item * o_w + column) * c);
      }
    }
  }

  // All images' output rows, in parallel; each writes its own pixels of y.
  template <class Visit>
  void forward(const Visit& visit) const {
    const std::int64_t cost = o_w * c * attributes_.window[0] * attributes_.window[1];
    parallel_for(0, n * o_h, ceil_div(kStreamGrain, cost + 1),
                 [&](std::int64_t begin, std::int64_t end) { rows(begin, end, visit); });
  }

  // All images, in parallel, as neighbouring windows may share cells of dx; dx is cleared first where windows do not set it
  // all.
  template <class Visit>
  void backward(float* dx, const Visit& visit) const {
    parallel_for(0, n, ceil_div(kStreamGrain, h * w * c + 1), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t image = begin; image < end; ++image) {
        if (!tiles_image()) std::fill_n(dx + image * h * w * c, h * w * c, 0.0f);
        rows(image * o_h, (image + 1) * o_h, visit);
      }
    });
  }

 private:
  PoolAttributes attributes_;

 public:
  std::int64_t n, h, w, c, o_h, o_w;
};

constexpr const char* kEmptyWindow = "a window that lies in the padding alone";

}  // namespace

Prepared prepare_op(const OpCall& call, const MaxPool2D& op) {
  const Pooling pooling(op, call.inputs[0].shape, call.outputs[0].shape);
  if (pooling.has_empty_window()) return refuse(kEmptyWindow);
  return ready([pooling, max_pool = pixels_isa().max_pool](Inputs in, Outputs out) {
    pooling.forward([&](const PoolWindow& window, std::int64_t image, std::int64_t pixel) {
      max_pool(in[0].as<float>() + image, window, pooling.c, out[0].as<float>() + pixel, out[1].as<std::int32_t>() + pixel);
    });
  });
}

Prepared prepare_op(const OpCall& call, const MaxPool2DGrad& op) {
  const Pooling pooling(op, call.outputs[0].shape, call.inputs[0].shape);
  if (pooling.has_empty_window()) return refuse(kEmptyWindow);
  return ready([pooling, store = !pooling.overlaps(), grad = pixels_isa().max_pool_grad](Inputs in, Outputs out) {
    float* dx = out[0].as<float>();
    pooling.backward(dx, [&](const PoolWindow& window, std::int64_t image, std::int64_t pixel) {
      grad(in[0].as<float>() + pixel, in[1].as<std::int32_t>() + pixel, window, pooling.c, store, dx + image);
    });
  });
}

Prepared prepare_op(const OpCall& call, const AveragePool2D& op) {
  const Pooling pooling(op, call.inputs[0].shape, call.outputs[0].shape);
  if (pooling.has_empty_window()) return refuse(kEmptyWindow);
  return ready([pooling, average_pool = pixels_isa().average_pool](Inputs in, Outputs out) {
    pooling.forward([&](const PoolWindow& window, std::int64_t image, std::int64_t pixel) {
      average_pool(in[0].as<float>() + image, window, pooling.c, out[0].as<float>() + pixel);
    });
  });
}

Prepared prepare_op(const OpCall& call, const AveragePool2DGrad& op) {
  const Pooling pooling(op, call.outputs[0].shape, call.inputs[0].shape);
  if (pooling.has_empty_window()) return refuse(kEmptyWindow);
  return ready([pooling, store = !pooling.overlaps(), grad = pixels_isa().average_pool_grad](Inputs in, Outputs out) {
    float* dx = out[0].as<float>();
    pooling.backward(dx, [&](const PoolWindow& window, std::int64_t image, std::int64_t pixel) {
      grad(in[0].as<float>() + pixel, window, pooling.c, store, dx + image);
    });
  });
}

}  // namespace tutti::native
