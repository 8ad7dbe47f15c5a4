// Pictures of data: labelled images in a grid.
#pragma once

#include <cstdint>
#include <filesystem>

#include "tutti/data/dataset.h"

namespace tutti {

// True if the samples are images (h, w), (h, w, 1) or (h, w, 3), and there are some.
bool has_images(const Dataset& data);
// An image as uint8 (h, w, c). Float images are taken as [0, 1] if none of their values is above 1, else as [0, 255].
Tensor displayable(Tensor image);

// Of an image in a contact sheet, pixels.
constexpr std::int64_t kMaxSide = 128;

struct ContactSheetOptions {
  std::int64_t count = 40;  // the first samples of the set; all, if it has fewer
  std::int64_t columns = 10;
};

// The images in rows, each with its class name (or number) below it: uint8 (h, w, 3). Images have at most
// kMaxSide pixels a side: larger ones are made smaller, small ones are enlarged by a whole number. They stand apart where their
// names need it; of names, the first 24 letters are shown. Error unless has_images(), or
// if count or columns is not positive.
Tensor contact_sheet(const Dataset& data, const ContactSheetOptions& options = {});

// The same as a PNG file, whole or not at all.
void write_contact_sheet(const Dataset& data, const std::filesystem::path& path, const ContactSheetOptions& options = {});

}  // namespace tutti
