// Kernels as Jupyter finds them: a folder with kernel.json and logos.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tutti {

// Where Jupyter looks for the kernel "tutti": of this user ($JUPYTER_DATA_DIR, else ~/.local/share/jupyter), below a prefix (a
// virtual environment's, say), or of all users of this machine (/usr/local/share/jupyter).
std::filesystem::path user_kernel_folder();
std::filesystem::path prefix_kernel_folder(const std::filesystem::path& prefix);
std::filesystem::path system_kernel_folder();

// Writes kernel.json, logo-svg.svg, logo-32x32.png and logo-64x64.png into the folder. `command`: starts the kernel; one word
// is
// "{connection_file}". Error if that is missing, or the folder cannot be written.
void install_kernel(const std::filesystem::path& folder, const std::vector<std::string>& command);
// Removes the folder. False if there is none. Error if that is not allowed, or if the folder holds no kernel.
bool uninstall_kernel(const std::filesystem::path& folder);

}  // namespace tutti
