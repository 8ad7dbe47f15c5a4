// All in integers: floating point may differ in the last bit from machine to machine, and a pixel with it. Lengths are in
// 1/256 of a pixel, angles in 1/1024 of a turn, local coordinates of a shape in 1/1024 of its radius.
#include <algorithm>
#include <array>

#include "tutti/base/error.h"
#include "tutti/base/parallel.h"
#include "tutti/base/philox.h"
#include "tutti/data/datasets.h"

namespace tutti::datasets {
namespace {

using Int = std::int64_t;

constexpr Int kSide = 32, kPixel = 256, kTurn = 1024, kUnit = 1024;
constexpr Int kImageBytes = kSide * kSide * 3;
// Each pixel is the mean of kSamples x kSamples points.
constexpr Int kSamples = 3;

enum Class { kCircle, kRing, kSquare, kTriangle, kStar, kCross, kCrescent, kStripes, kCheckerboard, kDots, kClasses };
const std::array<const char*, kClasses> kNames = {"circle", "ring",     "square",  "triangle",     "star",
                                                  "cross",  "crescent", "stripes", "checkerboard", "dots"};

// Test samples draw from steps of their own, far from those of any training set.
constexpr std::uint64_t kTestStep = std::uint64_t{kClasses} << 40;

// One after the other from a Philox stream.
class Dice {
 public:
  Dice(std::uint64_t seed, std::uint64_t step) : random_(seed, stream_of("shapes"), step) {}
  // In [low, high].
  Int between(Int low, Int high) { return low + random_.below(next_++, static_cast<std::uint32_t>(high - low + 1)); }
  bool chance(Int percent) { return between(0, 99) < percent; }

 private:
  Philox random_;
  std::uint64_t next_ = 0;
};

// 1024 * sin, by Bhaskara's rational formula (7th century, within 0.2 %): sin x = 16 x (p - x) / (5 p p - 4 x (p - x)), p = pi.
Int sine(Int angle) {
  angle = ((angle % kTurn) + kTurn) % kTurn;
  constexpr Int kHalf = kTurn / 2;
  const Int x = angle % kHalf, product = x * (kHalf - x);
  const Int value = kUnit * 16 * product / (5 * kHalf * kHalf - 4 * product);
  return angle < kHalf ? value : -value;
}
Int cosine(Int angle) { return sine(angle + kTurn / 4); }

struct Point {
  Int u, v;
};

using Color = std::array<Int, 3>;

Color random_color(Dice& dice, Int low, Int high) {
  return {dice.between(low, high), dice.between(low, high), dice.between(low, high)};
}

Color mix(const Color& a, const Color& b, Int part, Int whole) {
  Color color;
  for (std::size_t c = 0; c < 3; ++c) color[c] = a[c] + (b[c] - a[c]) * part / whole;
  return color;
}

// The colour that a class often has, as real things do: hues around the wheel.
constexpr std::array<Color, kClasses> kHues = {{{255, 80, 80},
                                                {255, 160, 60},
                                                {240, 230, 80},
                                                {160, 240, 80},
                                                {80, 230, 120},
                                                {80, 230, 220},
                                                {90, 160, 255},
                                                {130, 110, 255},
                                                {210, 110, 255},
                                                {255, 110, 190}}};

// Smooth noise in [0, 255]: a lattice of random values, `cell` pixels wide, interpolated.
class Noise {
 public:
  Noise(Dice& dice, Int cell) : cell_(cell) {
    for (Int& value : lattice_) value = dice.between(0, 255);
  }
  Int at(Int y, Int x) const {
    const Int row = y / cell_, column = x / cell_, fy = y % cell_, fx = x % cell_;
    const Int top = value(row, column) * (cell_ - fx) + value(row, column + 1) * fx;
    const Int bottom = value(row + 1, column) * (cell_ - fx) + value(row + 1, column + 1) * fx;
    return (top * (cell_ - fy) + bottom * fy) / (cell_ * cell_);
  }

 private:
  static constexpr Int kLattice = 10;  // enough for cells of 4 pixels
  Int value(Int row, Int column) const { return lattice_[static_cast<std::size_t>(row * kLattice + column)]; }
  Int cell_;
  std::array<Int, kLattice * kLattice> lattice_;
};

// What distinguishes one drawing of a class from another; meaning depends on the class.
struct Form {
  Class label;
  Int thickness;  // of ring, cross, star, crescent, in local units
  Int pitch;      // of stripes, checkerboard, dots
  Int phase_u, phase_v;
  bool round_patch;               // a texture fills a disc instead of a square
  std::array<Point, 10> outline;  // of triangle and star
  std::size_t corners;
};

bool in_polygon(const Form& form, Point p) {
  bool inside = false;
  for (std::size_t i = 0, j = form.corners - 1; i < form.corners; j = i++) {
    const Point a = form.outline[i], b = form.outline[j];
    if ((a.v > p.v) == (b.v > p.v)) continue;
    // p.u < a.u + (p.v - a.v) (b.u - a.u) / (b.v - a.v), without the division
    const Int left = (p.u - a.u) * (b.v - a.v), right = (p.v - a.v) * (b.u - a.u);
    if (b.v > a.v ? left < right : left > right) inside = !inside;
  }
  return inside;
}

Int wrap(Int value, Int period) { return ((value % period) + period) % period; }

bool inside(const Form& form, Point p) {
  const Int radius2 = p.u * p.u + p.v * p.v, unit2 = kUnit * kUnit;
  constexpr Int kHalfSquare = 860;  // a square that looks as large as the disc
  const bool in_square = std::abs(p.u) <= kHalfSquare && std::abs(p.v) <= kHalfSquare;
  const bool in_patch = form.round_patch ? radius2 <= unit2 : in_square;
  const Int u = p.u + form.phase_u, v = p.v + form.phase_v;
  switch (form.label) {
    case kCircle:
      return radius2 <= unit2;
    case kRing:
      return radius2 <= unit2 && radius2 >= (kUnit - form.thickness) * (kUnit - form.thickness);
    case kSquare:
      return in_square;
    case kTriangle:
    case kStar:
      return radius2 <= unit2 && in_polygon(form, p);
    case kCross:
      return std::min(std::abs(p.u), std::abs(p.v)) <= form.thickness / 2 && std::max(std::abs(p.u), std::abs(p.v)) <= kUnit;
    case kCrescent: {
      const Int shifted = p.u - form.thickness;
      return radius2 <= unit2 && shifted * shifted + p.v * p.v > unit2 * 7 / 10;
    }
    case kStripes:
      return in_patch && wrap(u, form.pitch) * 2 < form.pitch;
    case kCheckerboard:
      return in_patch && (wrap(u, form.pitch) * 2 < form.pitch) != (wrap(v, form.pitch) * 2 < form.pitch);
    case kDots: {
      const Int du = wrap(u, form.pitch) - form.pitch / 2, dv = wrap(v, form.pitch) - form.pitch / 2;
      return in_patch && (du * du + dv * dv) * 9 < form.pitch * form.pitch;
    }
    case kClasses:
      break;
  }
  return false;
}

Form random_form(Dice& dice, Class label, Int radius) {
  Form form{};
  form.label = label;
  form.thickness = label == kRing ? dice.between(300, 480) : label == kCross ? dice.between(440, 700) : dice.between(420, 640);
  // 4.5 to 8 pixels a period, in local units.
  form.pitch = dice.between(1152, 2048) * kUnit / radius;
  form.phase_u = dice.between(0, form.pitch);
  form.phase_v = dice.between(0, form.pitch);
  form.round_patch = dice.chance(50);
  form.corners = label == kTriangle ? 3 : 10;
  const Int waist = dice.between(400, 500);
  for (std::size_t i = 0; i < form.corners; ++i) {
    const Int angle = kTurn * static_cast<Int>(i) / static_cast<Int>(form.corners);
    const Int length = label == kStar && i % 2 == 1 ? waist : kUnit;
    form.outline[i] = {length * sine(angle) / kUnit, length * cosine(angle) / kUnit};
  }
  return form;
}

// Where a shape lies: image point (in 1/256 pixel) to local coordinates.
struct Placement {
  Int y, x, radius, angle, squash;  // squash: height / width in 1/1024
  Int sin = sine(angle), cos = cosine(angle);
  Point local(Int point_y, Int point_x) const {
    const Int dy = point_y - y, dx = point_x - x;
    return {(dx * cos + dy * sin) / radius, (dy * cos - dx * sin) * kUnit / (radius * squash)};
  }
};

Placement random_placement(Dice& dice, Int min_radius, Int max_radius) {
  const Int radius = dice.between(min_radius, max_radius);
  // At most a twentieth of the diameter is outside the image.
  const Int margin = std::min(radius * 9 / 10, kSide * kPixel / 2);
  return {dice.between(margin, kSide * kPixel - margin), dice.between(margin, kSide * kPixel - margin), radius,
          dice.between(0, kTurn - 1), dice.between(760, kUnit)};
}

class Canvas {
 public:
  explicit Canvas(std::uint8_t* pixels) : pixels_(pixels) {}

  void background(const Color& first, const Color& second, Dice& dice) {
    const Noise noise(dice, dice.between(4, 9));
    const Int angle = dice.between(0, kTurn - 1), grain = dice.between(0, 100);
    for (Int y = 0; y < kSide; ++y)
      for (Int x = 0; x < kSide; ++x) {
        // A slope over the image and blotches, mixed by `grain`.
        const Int slope = 128 + ((y - kSide / 2) * sine(angle) + (x - kSide / 2) * cosine(angle)) * 128 / (kUnit * 23);
        const Int part = (std::clamp<Int>(slope, 0, 255) * (100 - grain) + noise.at(y, x) * grain) / 100;
        set(y, x, mix(first, second, part, 255));
      }
  }

  // Paints where `covered(local point)` holds, from `color` at the top of the shape to `shade` at its bottom. A pixel that is
  // covered in part gets a part.
  template <class Covered>
  void paint(const Placement& place, const Color& color, const Color& shade, Int opacity, Covered covered) {
    constexpr Int kStep = kPixel / kSamples;
    // No shape reaches further than the corners of its square.
    const Int reach = place.radius * 3 / 2 + kPixel;
    const auto clip = [](Int position) { return std::clamp<Int>(position / kPixel, 0, kSide); };
    for (Int y = clip(place.y - reach); y < clip(place.y + reach); ++y)
      for (Int x = clip(place.x - reach); x < clip(place.x + reach); ++x) {
        Int hits = 0;
        for (Int sub = 0; sub < kSamples * kSamples; ++sub)
          hits += covered(
              place.local(y * kPixel + sub / kSamples * kStep + kStep / 2, x * kPixel + sub % kSamples * kStep + kStep / 2));
        if (hits == 0) continue;
        const Point centre = place.local(y * kPixel + kPixel / 2, x * kPixel + kPixel / 2);
        const Color ink = mix(color, shade, std::clamp<Int>(centre.v + kUnit, 0, 2 * kUnit), 2 * kUnit);
        set(y, x, mix(get(y, x), ink, hits * opacity, kSamples * kSamples * 100));
      }
  }

  // A sum of four uniform numbers is close enough to normal; strength is its standard deviation, about.
  void noise(Dice& dice, Int strength) {
    for (Int i = 0; i < kImageBytes; ++i) {
      const Int word = dice.between(0, (Int{1} << 32) - 2);
      const Int sum = (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24 & 255) - 510;
      pixels_[i] = static_cast<std::uint8_t>(std::clamp<Int>(pixels_[i] + sum * strength / 148, 0, 255));
    }
  }

  void invert() {
    for (Int i = 0; i < kImageBytes; ++i) pixels_[i] = static_cast<std::uint8_t>(255 - pixels_[i]);
  }

 private:
  Color get(Int y, Int x) const {
    const std::uint8_t* p = pixels_ + (y * kSide + x) * 3;
    return {p[0], p[1], p[2]};
  }
  void set(Int y, Int x, const Color& color) {
    for (Int c = 0; c < 3; ++c)
      pixels_[(y * kSide + x) * 3 + c] = static_cast<std::uint8_t>(color[static_cast<std::size_t>(c)]);
  }
  std::uint8_t* pixels_;
};

bool in_bar(Point p) { return std::abs(p.u) <= kUnit && std::abs(p.v) <= kUnit / 4; }
bool in_disc(Point p) { return p.u * p.u + p.v * p.v <= kUnit * kUnit; }

// The numbers are chosen so that the reference CNN neither stays at chance nor comes near 100 %. With bright and dark, and all
// colours, equally likely for shape and ground, no pixel's mean depends on the class, and the network starts to learn only
// after many epochs; so shapes are mostly lighter than their ground, and often have a hue of their class.
void draw(std::uint8_t* pixels, Class label, Dice dice) {
  constexpr Int kDark = 120, kBright = 100;
  Canvas canvas(pixels);
  const Color first = random_color(dice, 0, kDark), second = mix(first, random_color(dice, 0, 255), dice.between(10, 45), 100);
  canvas.background(first, second, dice);
  // Clutter: bars and discs behind the shape.
  for (Int i = dice.between(0, 3); i > 0; --i) {
    const Placement place = random_placement(dice, 400, 1100);
    const bool bar = dice.chance(60);
    const Color color = random_color(dice, 0, 255);
    canvas.paint(place, color, color, dice.between(30, 80), [bar](Point p) { return bar ? in_bar(p) : in_disc(p); });
  }
  const Placement place = random_placement(dice, 1700, 3600);
  const Form form = random_form(dice, label, place.radius);
  const Int tint = dice.chance(40) ? dice.between(20, 70) : 0;
  const Color bright = mix(random_color(dice, kBright, 255), kHues[static_cast<std::size_t>(label)], tint, 100);
  const Color ink = mix(mix(first, second, 1, 2), bright, dice.between(40, 100), 100);
  const Color shade = mix(ink, random_color(dice, 0, 255), dice.between(0, 30), 100);
  canvas.paint(place, ink, shade, dice.between(75, 100), [&form](Point p) { return inside(form, p); });
  // In front of some of them, something hides a part.
  if (dice.chance(40)) {
    const Placement front = random_placement(dice, 1200, 2800);
    const Color color = random_color(dice, 0, 255);
    canvas.paint(front, color, color, 100, in_bar);
  }
  canvas.noise(dice, dice.between(4, 24));
  if (dice.chance(12)) canvas.invert();
}

// Ten samples in a row have one of each class, in random order.
Class label_of(std::uint64_t seed, std::uint64_t step) {
  const std::uint64_t block = step / kClasses;
  return static_cast<Class>(permutation(kClasses, seed, "shapes_labels", block)[step % kClasses]);
}

Dataset draw_set(std::int64_t count, std::uint64_t seed, std::uint64_t first_step) {
  if (count < 0) fail("shapes", "the number of samples must not be negative. Got {}.", count);
  Tensor x({count, kSide, kSide, 3}, DType::kUInt8), y({count}, DType::kInt32);
  auto* pixels = static_cast<std::uint8_t*>(x.raw());
  auto* labels = static_cast<std::int32_t*>(y.raw());
  constexpr std::int64_t kGrain = 50;
  parallel_for(0, count, kGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::uint64_t step = first_step + static_cast<std::uint64_t>(i);
      const Class label = label_of(seed, step);
      labels[i] = label;
      draw(pixels + i * kImageBytes, label, Dice(seed, step));
    }
  });
  return Dataset::from_tensors(x, y, {kNames.begin(), kNames.end()});
}

}  // namespace

TrainTest shapes(const ShapesOptions& options) {
  return {draw_set(options.n_train, options.seed, 0), draw_set(options.n_test, options.seed, kTestStep)};
}

}  // namespace tutti::datasets
