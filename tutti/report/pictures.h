// Pictures of data: labelled images in a grid.
#pragma once

#include <cstdint>
#include <filesystem>

#include "tutti/data/dataset.h"

namespace tutti {

struct ContactSheetOptions {
  std::int64_t count = 40;  // the first samples of the set; all, if it has fewer
  std::int64_t columns = 10;
};

// The images in rows, each with its class name (or number) below it: uint8 (h, w, 3). Small images are enlarged by a whole
// number. Float images are taken as [0, 1] if none of their values is above 1, else as [0, 255]. Error if the samples are no
// images (h, w), (h, w, 1) or (h, w, 3), if there are none, or if count or columns is not positive.
Tensor contact_sheet(const Dataset& data, const ContactSheetOptions& options = {});

// The same as a PNG file, whole or not at all.
void write_contact_sheet(const Dataset& data, const std::filesystem::path& path, const ContactSheetOptions& options = {});

}  // namespace tutti
