// What a result depends on beside its spec: versions and the machine.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tutti {

// (what, value) in the order to show: tutti, the engines that are available, CPU, cores, memory, system.
std::vector<std::pair<std::string, std::string>> describe_environment();

}  // namespace tutti
