#include "tutti/report/pictures.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/images.h"

namespace tutti {
namespace {

// Three images 2 x 2 of one colour each.
Dataset three() {
  Tensor x({3, 2, 2, 3}, DType::kUInt8);
  for (std::size_t i = 0; i < 36; ++i) x.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i / 12 * 100);
  return Dataset::from_tensors(x, Tensor::of<int>({3}, {0, 1, 0}), {"bird", "Frog"});
}

std::uint8_t at(const Tensor& sheet, std::int64_t y, std::int64_t x) {
  return sheet.data<std::uint8_t>()[static_cast<std::size_t>((y * sheet.shape()[1] + x) * 3)];
}

TEST(ContactSheet, HasAnEnlargedImageAndACaptionInEachCell) {
  const Tensor sheet = contact_sheet(three(), {.columns = 2});
  ASSERT_EQ(sheet.shape(), (Shape{8 + 2 * (128 + 22 + 8), 8 + 2 * (128 + 8), 3}));
  EXPECT_EQ(at(sheet, 8, 8), 0);
  EXPECT_EQ(at(sheet, 135, 8 + 136 + 127), 100);
  EXPECT_EQ(at(sheet, 8 + 158, 8), 200);
  EXPECT_EQ(at(sheet, 8 + 158, 8 + 136), 255);  // the place of a fourth image stays white
  int ink = 0;
  for (std::int64_t y = 140; y < 158; ++y)
    for (std::int64_t x = 8; x < 136; ++x) ink += at(sheet, y, x) == 32;
  EXPECT_EQ(ink, 2 * 2 * (16 + 9 + 9 + 16));  // the dots of b, i, r and d
}

TEST(ContactSheet, GivesNamesTheirPlace) {
  const auto width = [](const std::string& name) {
    Tensor x({1, 2, 2, 3}, DType::kUInt8);
    return contact_sheet(Dataset::from_tensors(x, Tensor::of<int>({1}, {0}), {name})).shape()[1];
  };
  EXPECT_EQ(width("checkerboard"), 8 + 12 * 12 + 8);
  EXPECT_EQ(width(std::string(100, 'm')), 8 + 24 * 12 + 8);
}

TEST(ContactSheet, MakesLargeImagesSmaller) {
  Tensor x({2, 1000, 500, 1}, DType::kUInt8);
  for (std::int64_t i = 0; i < x.elements(); ++i)
    x.data<std::uint8_t>()[static_cast<std::size_t>(i)] = i % 2 == 0 ? 0 : 100;  // columns, which become grey
  const Tensor sheet = contact_sheet(Dataset::from_tensors(x, Tensor()));
  ASSERT_EQ(sheet.shape(), (Shape{8 + 128 + 22 + 8, 8 + 2 * (64 + 8), 3}));
  EXPECT_NEAR(at(sheet, 8 + 64, 8 + 32), 50, 8);
  EXPECT_EQ(at(sheet, 8 + 64, 8 + 64), 255);  // between the two
  // A line stays a line.
  EXPECT_EQ(contact_sheet(Dataset::from_tensors(Tensor({1, 1, 1000, 3}, DType::kUInt8), Tensor())).shape(),
            (Shape{8 + 1 + 22 + 8, 8 + 128 + 8, 3}));
}

TEST(ContactSheet, EnlargesTallImagesByTheirHeight) {
  EXPECT_EQ(contact_sheet(Dataset::from_tensors(Tensor({1, 60, 2, 3}, DType::kUInt8), Tensor())).shape(),
            (Shape{8 + 120 + 22 + 8, 8 + 4 + 8, 3}));
}

TEST(ContactSheet, IsWrittenAsPng) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "sheet.png";
  write_contact_sheet(three(), path, {.count = 1});
  EXPECT_EQ(decode_image(read_file(path), "x").shape(), (Shape{8 + 158, 8 + 136, 3}));
}

TEST(ContactSheet, TakesFloatImagesWithoutLabels) {
  const Dataset data = Dataset::from_tensors(Tensor::of<float>({1, 1, 1}, {0.5f}), Tensor());
  EXPECT_EQ(at(contact_sheet(data), 8, 8), 127);
}

TEST(ContactSheet, RefusesWhatIsNoImage) {
  EXPECT_THROW(contact_sheet(Dataset()), Error);
  EXPECT_THROW(contact_sheet(Dataset::from_tensors(Tensor({3, 4}), Tensor())), Error);
  EXPECT_THROW(contact_sheet(three(), {.columns = 0}), Error);
}

}  // namespace
}  // namespace tutti
