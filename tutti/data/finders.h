// Where the named sets lie on this machine; used by datasets::find().
#pragma once

#include <filesystem>
#include <optional>

#include "tutti/data/datasets.h"

namespace tutti::datasets {

std::optional<std::filesystem::path> find_cifar10(const Options& options);
std::optional<std::filesystem::path> find_cifar100(const Options& options);
std::optional<std::filesystem::path> find_mnist(const Options& options);
std::optional<std::filesystem::path> find_fashion_mnist(const Options& options);

}  // namespace tutti::datasets
