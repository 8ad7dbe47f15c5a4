// Readers of data files, on small files that other programs wrote (tests/golden/data) and on large ones where they are at hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/message_of.h"
#include "tests/shared_data.h"
#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/data/archive.h"
#include "tutti/data/cifar.h"
#include "tutti/data/datasets.h"
#include "tutti/data/fetch.h"
#include "tutti/data/idx.h"
#include "tutti/data/images.h"
#include "tutti/data/npy.h"
#include "tutti/data/python_batch.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const fs::path kGolden = fs::path(TUTTI_SOURCE_DIR) / "tests" / "golden" / "data";

class Files : public FolderTest {
 protected:
  fs::path write(const std::string& name, const std::string& content) const {
    write_file_atomically(folder_ / name, content);
    return folder_ / name;
  }
};

std::vector<int> pixel(const Dataset& data, std::int64_t index) {
  const Tensor x = data.get(index).x;
  return {x.data<std::uint8_t>()[0], x.data<std::uint8_t>()[1], x.data<std::uint8_t>()[2]};
}

TEST_F(Files, ZipsOfImagesAreDataSets) {
  const auto [train, test] = datasets::image_folder(kGolden / "pictures.zip");
  EXPECT_THAT(train.class_names(), ElementsAre("blue", "grey", "red"));
  EXPECT_EQ(train.sample_shape(), (Shape{6, 8, 3}));
  EXPECT_THAT(train.labels().data<std::int32_t>(), ElementsAre(0, 0, 2));
  EXPECT_THAT(test.labels().data<std::int32_t>(), ElementsAre(1, 2));
  EXPECT_NEAR(pixel(train, 0)[2], 255, 3);  // JPEG
  EXPECT_THAT(pixel(train, 1), ElementsAre(0, 0, 255));
  EXPECT_THAT(pixel(train, 2), ElementsAre(255, 0, 0));
  EXPECT_THAT(pixel(test, 0), ElementsAre(100, 100, 100));
  const Dataset small = datasets::image_folder(kGolden / "pictures.zip", {.height = 3, .width = 2, .channels = 1}).first;
  EXPECT_EQ(small.sample_shape(), (Shape{3, 2, 1}));
}

TEST_F(Files, FoldersOfImagesAreDataSets) {
  const Tensor red = Tensor::of<std::uint8_t>({1, 2, 3}, {255, 0, 0, 254, 0, 0});
  write("b/1.png", encode_png(red));
  write("a/2.png", encode_png(red));
  write("a/1.png", encode_png(red));
  const auto [all, none] = datasets::image_folder(folder_);
  EXPECT_THAT(all.labels().data<std::int32_t>(), ElementsAre(0, 0, 1));
  EXPECT_EQ(none.size(), 0);
  write("b/2.png", encode_png(Tensor({2, 2, 3}, DType::kUInt8)));
  EXPECT_THAT(message_of([&] { datasets::image_folder(folder_); }), HasSubstr("b/2.png has another size"));
  write("b/2.png", encode_png(red).substr(0, 40));
  EXPECT_THAT(message_of([&] { datasets::image_folder(folder_); }), HasSubstr("b/2.png is damaged"));
  write("loose.png", encode_png(red));
  EXPECT_THAT(message_of([&] { datasets::image_folder(folder_); }), HasSubstr("loose.png lies in no class folder"));
  EXPECT_THAT(message_of([&] { datasets::image_folder(folder_ / "absent"); }), HasSubstr("does not exist"));
}

TEST_F(Files, ImagesNeedNoClasses) {
  const Tensor red = Tensor::of<std::uint8_t>({1, 2, 3}, {255, 0, 0, 254, 0, 0});
  write("z.png", encode_png(red));
  write("sub/a.png", encode_png(Tensor({2, 2, 3}, DType::kUInt8)));
  write("notes.txt", "no image");
  write(".hidden/b.png", encode_png(red));
  const auto [data, names] = datasets::unlabelled_images(folder_, {.height = 4, .width = 4});
  EXPECT_THAT(names, ElementsAre("sub/a.png", "z.png"));
  EXPECT_EQ(data.sample_shape(), (Shape{4, 4, 3}));
  EXPECT_FALSE(data.has_labels());
  EXPECT_EQ(pixel(data, 1)[0], 255);
  EXPECT_THAT(datasets::unlabelled_images(folder_ / "z.png").names, ElementsAre("z.png"));
  EXPECT_THAT(message_of([&] { datasets::unlabelled_images(folder_); }), HasSubstr("z.png has another size than sub/a.png"));
  EXPECT_THAT(message_of([&] { datasets::unlabelled_images(folder_ / ".hidden/../notes"); }), HasSubstr("does not exist"));
  fs::create_directories(folder_ / "empty");
  EXPECT_THAT(message_of([&] { datasets::unlabelled_images(folder_ / "empty"); }), HasSubstr("has no .jpg"));
}

TEST_F(Files, DamagedImagesAreErrors) {
  const ZipReader zip(kGolden / "pictures.zip");
  const std::string jpeg = zip.read(0, 10000), png = zip.read(1, 10000);
  EXPECT_EQ(decode_image(jpeg, "x").shape(), (Shape{6, 8, 3}));
  for (const std::string& image : {jpeg, png})
    for (std::size_t size = 0; size + 20 < image.size(); size += 7)
      EXPECT_NE(message_of([&] { decode_image(image.substr(0, size), "x"); }), "no error") << size;
  EXPECT_THAT(message_of([] { decode_image("GIF89a", "x.gif"); }), HasSubstr("x.gif is neither JPEG nor PNG"));
}

TEST_F(Files, PngsRoundTripAndResize) {
  const Tensor image = Tensor::of<std::uint8_t>({2, 2, 1}, {0, 100, 200, 40});
  EXPECT_THAT(decode_image(encode_png(image), "x", 1).data<std::uint8_t>(), ElementsAre(0, 100, 200, 40));
  EXPECT_THAT(resize_image(image, 1, 1).data<std::uint8_t>(), ElementsAre(85));
  EXPECT_THAT(resize_image(image, 1, 4).data<std::uint8_t>(), ElementsAre(100, 93, 78, 70));
  EXPECT_THROW(encode_png(Tensor({2, 2, 2}, DType::kUInt8)), Error);
}

TEST_F(Files, NpzIsReadAsNumpyWritesIt) {
  const auto arrays = read_npz(kGolden / "values.npz");
  EXPECT_THAT(arrays.at("x").data<float>(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(arrays.at("fortran").data<std::int32_t>(), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_THAT(arrays.at("flags").data<std::uint8_t>(), ElementsAre(1, 0));
  const auto [data, none] = datasets::load_dataset((kGolden / "values.npz").string());
  EXPECT_EQ(data.get(0).y, 1);
  EXPECT_EQ(none.size(), 0);
  const std::string bytes = read_file(kGolden / "values.npz");
  EXPECT_THROW(read_npz(write("cut.npz", bytes.substr(0, bytes.size() / 2))), Error);
}

TEST_F(Files, GzipAndIdx) {
  const Tensor digits = read_idx(kGolden / "digits-idx3-ubyte.gz");
  EXPECT_EQ(digits.shape(), (Shape{2, 2, 3}));
  EXPECT_EQ(digits.data<std::uint8_t>()[11], 11);
  const std::string bytes = read_file(kGolden / "digits-idx3-ubyte.gz");
  EXPECT_THAT(message_of([&] { read_idx(write("cut.gz", bytes.substr(0, bytes.size() - 9))); }), HasSubstr("cut.gz"));
  EXPECT_THAT(message_of([] { parse_idx(std::string("\0\0\x08\x01\0\0\0\x05xyz", 11), "labels"); }),
              HasSubstr("Expected 5 bytes"));
  EXPECT_THAT(message_of([] { parse_idx(std::string("\0\0\x0D\x01\0\0\0\0", 8), "x"); }), HasSubstr("not an IDX file"));
  EXPECT_THROW(parse_idx(std::string("\0\0\x08\x03", 4) + std::string(12, '\xFF'), "x"), Error);
  EXPECT_THROW(read_gzip(kGolden / "digits-idx3-ubyte.gz", 5), Error);
}

TEST_F(Files, TarIsReadToItsEnd) {
  const auto read = [](const fs::path& path) {
    std::vector<std::string> seen;
    read_tar_gz(path, {[](const std::string& name) { return name != "folder/small"; },
                       [&](const std::string& name, const std::string& content) {
                         seen.push_back(fmt::format("{} {} {}", name.substr(0, 15), name.size(), content.size()));
                       },
                       10000});
    return seen;
  };
  EXPECT_THAT(read(kGolden / "files.tar.gz"), ElementsAre("folder/longlong 167 4", "folder/large 12 5000"));
  // Every truncation and any damage of a header is an Error.
  const std::string tar = read_gzip(kGolden / "files.tar.gz", 1 << 20);
  for (const std::size_t size : {100u, 513u, 4000u, 7000u})
    EXPECT_THAT(message_of([&] { read(write("cut.tar", tar.substr(0, size))); }), HasSubstr("cut.tar")) << size;
  std::string damaged = tar;
  damaged[0] = 'x';
  EXPECT_THAT(message_of([&] { read(write("damaged.tar", damaged)); }), HasSubstr("damaged header"));
}

TEST_F(Files, CifarRecords) {
  std::string record(1 + 3072, '\0');
  record[0] = 7;
  record[1] = 10;         // red of pixel 0
  record[1 + 1024] = 20;  // green
  record[1 + 2048] = 30;  // blue
  std::vector<std::uint8_t> images(3072);
  std::vector<std::int32_t> labels(1);
  read_cifar_records(record, {}, "batch.bin", images, labels);
  EXPECT_EQ(labels[0], 7);
  EXPECT_EQ(images[0], 10);
  EXPECT_EQ(images[1], 20);
  EXPECT_EQ(images[2], 30);
  read_cifar_records("\1" + record, {2, 1, 100}, "train.bin", images, labels);
  EXPECT_EQ(labels[0], 7);
  const auto error = [&](const std::string& bytes) {
    return message_of([&] { read_cifar_records(bytes, {}, "batch.bin", images, labels); });
  };
  EXPECT_THAT(error(record.substr(1)), HasSubstr("batch.bin has a wrong size. Expected 3073 bytes"));
  record[0] = 10;
  EXPECT_THAT(error(record), HasSubstr("damaged at record 0"));
}

TEST_F(Files, PythonBatchesAreReadAsData) {
  const std::string bytes = read_file(kGolden / "batch.pickle");
  const PythonBatch batch = read_python_batch(bytes, "labels", "x");
  EXPECT_THAT(batch.labels, ElementsAre(6, 9));
  EXPECT_EQ(batch.pixels.size(), 6144u);
  EXPECT_EQ(static_cast<unsigned char>(batch.pixels[3072]), 3072 % 251);
  for (std::size_t size = 0; size < bytes.size(); size += 13)
    EXPECT_NE(message_of([&] { read_python_batch(bytes.substr(0, size), "labels", "x"); }), "no error") << size;
  EXPECT_THAT(message_of([] { read_python_batch("cos\nsystem\n(U\4true\x85R.", "labels", "evil"); }),
              HasSubstr("never executed"));
  EXPECT_THAT(message_of([] { read_python_batch("}.", "labels", "x"); }), HasSubstr("no dictionary"));
}

TEST_F(Files, CsvWithAndWithoutHeader) {
  const Dataset iris = datasets::csv(write("iris.csv", "length,width,kind\r\n5.1,3.5,\"setosa\"\r\n7,3.2,\"versi,color\"\r\n"));
  EXPECT_THAT(iris.class_names(), ElementsAre("setosa", "versi,color"));
  EXPECT_EQ(iris.sample_shape(), Shape{2});
  EXPECT_THAT(iris.images().data<float>(), ElementsAre(5.1f, 3.5f, 7, 3.2f));
  const fs::path plain = write("plain.csv", "2;1.5;3\n0;2.5;4\n");
  EXPECT_THAT(datasets::csv(plain, {.label_column = "0", .separator = ';'}).labels().data<std::int32_t>(), ElementsAre(2, 0));
  EXPECT_THAT(datasets::csv(plain, {.regression = true, .separator = ';'}).targets().data<float>(), ElementsAre(3, 4));
  const auto error = [&](const std::string& text) { return message_of([&] { datasets::csv(write("bad.csv", text)); }); };
  EXPECT_THAT(error("1,2\n3\n"), HasSubstr("bad.csv line 2: expected 2 columns. Got 1"));
  EXPECT_THAT(error("1,2\n\nx,2\n"), HasSubstr("bad.csv line 3, column 1"));
  EXPECT_THAT(error("1,\"2\n"), HasSubstr("quote is not closed"));
  EXPECT_THAT(error(""), HasSubstr("empty"));
  EXPECT_THAT(error("a,b\n"), HasSubstr("no rows"));
}

TEST_F(Files, DownloadsResumeAndAreChecked) {
  const fs::path source = write("source/data.bin", std::string(100000, 'x') + "end");
  const Download good{
      "data.bin", md5_of_file(source), {"file://" + (folder_ / "absent").string(), "file://" + source.string()}};
  const fs::path target = folder_ / "target";
  write("target/data.bin.part", std::string(60000, 'x'));
  fetch(good, target, false);
  EXPECT_EQ(read_file(target / "data.bin"), read_file(source));
  EXPECT_FALSE(fs::exists(target / "data.bin.part"));
  // A .part of something else is replaced.
  fs::remove(target / "data.bin");
  write("target/data.bin.part", "something else");
  fetch(good, target, false);
  EXPECT_EQ(read_file(target / "data.bin"), read_file(source));

  const Download wrong{"wrong.bin", std::string(32, '0'), good.urls};
  EXPECT_THAT(message_of([&] { fetch(wrong, target, false); }), HasSubstr("checksum is wrong"));
  EXPECT_FALSE(fs::exists(target / "wrong.bin"));
  const Download absent{"absent.bin", good.md5, {good.urls.front()}};
  EXPECT_THAT(message_of([&] { fetch(absent, target, false); }), HasSubstr("Put that file into " + target.string()));
}

TEST_F(Files, LoadDatasetExplainsWhatItKnows) {
  EXPECT_THAT(message_of([] { datasets::load_dataset("cifar11"); }),
              HasSubstr("cifar10, cifar100, mnist, fashion_mnist, shapes"));
  EXPECT_THAT(message_of([&] { datasets::load_dataset(write("x.txt", "").string()); }), HasSubstr("unknown kind"));
  EXPECT_EQ(datasets::load_dataset("shapes", {.shapes = {.n_train = 3, .n_test = 1}}).first.size(), 3);
  EXPECT_EQ(datasets::find("shapes"), std::nullopt);
  EXPECT_THROW(datasets::find("cifar11"), Error);
  EXPECT_EQ(datasets::names().size(), 5u);
}

TEST_F(Files, Cifar10IsFoundAndTruncationIsNamed) {
  write("cifar-10-batches-bin/data_batch_1.bin", std::string(3073, '\0'));
  const datasets::Options here{.dir = folder_, .download = false};
  EXPECT_EQ(datasets::find("cifar10", here), folder_ / "cifar-10-batches-bin");
  EXPECT_THAT(message_of([&] { datasets::cifar10(here); }), HasSubstr("data_batch_1.bin has a wrong size. Expected 30730000"));
}

TEST_F(Files, MnistIsFoundInItsPlaces) {
  const std::string images = std::string("\0\0\x08\x03\0\0\0\1\0\0\0\x1C\0\0\0\x1C", 16) + std::string(784, '\5');
  const std::string labels = std::string("\0\0\x08\x01\0\0\0\1\3", 9);
  for (const char* set : {"train", "t10k"}) {
    write(fmt::format("FashionMNIST/raw/{}-images-idx3-ubyte", set), images);
    write(fmt::format("FashionMNIST/raw/{}-labels-idx1-ubyte", set), labels);
  }
  const auto [train, test] = datasets::fashion_mnist({.dir = folder_, .download = false});
  EXPECT_EQ(train.sample_shape(), (Shape{28, 28, 1}));
  EXPECT_EQ(test.get(0).y, 3);
  EXPECT_EQ(test.class_names()[3], "Dress");
  EXPECT_FALSE(datasets::find("mnist", {.dir = folder_}) == folder_ / "FashionMNIST/raw");
}

TEST_F(Files, RealMnistIsRead) {
  const fs::path images = testing::shared_file("data/mnist-t10k-images-idx3-ubyte.gz");
  const fs::path labels = testing::shared_file("data/mnist-t10k-labels-idx1-ubyte.gz");
  if (images.empty() || labels.empty()) GTEST_SKIP() << "MNIST is not in the shared folder";
  EXPECT_EQ(read_idx(images).shape(), (Shape{10000, 28, 28}));
  const Tensor y = read_idx(labels);
  const auto first = y.data<std::uint8_t>().first(5);
  EXPECT_THAT(first, ElementsAre(7, 2, 1, 0, 4));  // the best known test images there are
}

TEST_F(Files, RealJpegsAreRead) {
  const fs::path zip = testing::shared_file("data/cifar10-jpeg.zip");
  if (zip.empty()) GTEST_SKIP() << "cifar10-jpeg.zip is not in the shared folder";
  const auto [train, test] = datasets::image_folder(zip);
  EXPECT_EQ(train.size(), 50000);
  EXPECT_EQ(test.size(), 10000);
  EXPECT_EQ(test.sample_shape(), (Shape{32, 32, 3}));
  EXPECT_EQ(test.class_names()[9], "truck");
  EXPECT_EQ(test.label(9999), 9);
}

}  // namespace
}  // namespace tutti
