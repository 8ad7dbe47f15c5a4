// The image of a lab: deploy/lab/Dockerfile with docker, podman or buildah.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tutti {

struct LabImageOptions {
  std::filesystem::path dockerfile;  // deploy/lab/Dockerfile
  std::filesystem::path packages;    // the folder with tutti's Debian packages
  std::filesystem::path front_end;   // what build-frontend made; empty: build-frontend beside the Dockerfile makes it if needed
  std::string jupyter = "pypi";      // or debian
  std::string name = "tutti-lab";    // of the image
  std::string base;                  // image that it stands on; "": the Dockerfile's
  std::string cuda;                  // image of the CUDA trainer, for a lab with GPUs; "": without
  std::string builder;               // docker, podman or buildah; "": the first one that works
  std::filesystem::path output;      // also as an OCI archive; empty: not
};

struct LabImage {
  std::string tag;     // NAME:DIGITS, twelve hexadecimal digits of what it is made of
  bool built = false;  // false: it was there
};

// Error with what is missing, or the builder's exit; what the builder prints goes to standard error.
LabImage build_lab_image(const LabImageOptions& options);

// The twelve digits: of the names and contents of all files below `context` and of `arguments`.
std::string content_tag(const std::filesystem::path& context, const std::vector<std::string>& arguments);

// ./deploy/lab/Dockerfile, or the installed one. Error if there is none.
std::filesystem::path find_lab_dockerfile();

// Commits `files` if they lie in a git repository and have changes; true if it did. Other files' changes stay out of it. Error
// with git's words.
bool commit_files(const std::vector<std::filesystem::path>& files, const std::string& message);

}  // namespace tutti
