#include "tutti/lab/lab_image.h"

#include <openssl/evp.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "tutti/base/base64.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/process.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  // Each text with its length, so that no two lists of texts are alike.
  void add(const std::string& text) {
    const std::string length = std::to_string(text.size()) + ":";
    EVP_DigestUpdate(context_.get(), length.data(), length.size());
    EVP_DigestUpdate(context_.get(), text.data(), text.size());
  }
  std::string hex(std::size_t digits) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
    EVP_DigestFinal_ex(context_.get(), bytes.data(), nullptr);
    return hexadecimal(bytes).substr(0, digits);
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

// Runs a program whose output the user sees, on standard error: what a command prints for others to read goes to standard
// output.
void run(const std::vector<std::string>& command, const fs::path& directory, const char* what) {
  const ProcessEnd end =
      Process({.command = command, .directory = directory, .output = "/dev/stderr", .own_group = true}).wait();
  if (!end.ok()) fail("lab build", "{}: {} ended with {}.", what, command[0], end.text());
}

bool works(const std::string& builder) { return find_program(builder) && capture({builder, "info"}, "", 20).end.ok(); }

std::string find_builder(const std::string& wanted) {
  if (!wanted.empty()) {
    if (!works(wanted)) fail("lab build", "{} does not work here: '{} info' fails.", wanted, wanted);
    return wanted;
  }
  for (const char* builder : {"docker", "podman", "buildah"})
    if (works(builder)) return builder;
  fail("lab build", "neither docker, podman nor buildah works here. Expected one: start docker, or apt-get install buildah.");
}

bool has_image(const std::string& builder, const std::string& tag) {
  const std::vector<std::string> command = builder == "buildah"
                                               ? std::vector<std::string>{builder, "inspect", "--type", "image", tag}
                                               : std::vector<std::string>{builder, "image", "inspect", tag};
  return capture(command, "", 60).end.ok();
}

// What the builder sees, and nothing else: a folder of its own, gone with this object.
class Context {
 public:
  explicit Context(const LabImageOptions& options) {
    std::string name = (fs::temp_directory_path() / "tutti-lab-XXXXXX").string();
    if (!::mkdtemp(name.data())) fail("lab build", "cannot make a folder in {}.", fs::temp_directory_path().string());
    path_ = name;
    fs::copy_file(options.dockerfile, path_ / "Dockerfile");
    fs::create_directories(path_ / "packages");
    for (const fs::path& package : packages(options.packages)) fs::copy_file(package, path_ / "packages" / package.filename());
    add_front_end(options);
  }
  ~Context() {
    std::error_code code;
    fs::remove_all(path_, code);
  }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  const fs::path& path() const { return path_; }

 private:
  static std::vector<fs::path> packages(const fs::path& folder) {
    std::vector<fs::path> result;
    std::error_code code;
    for (const auto& entry : fs::directory_iterator(folder, code))
      if (entry.path().extension() == ".deb" && entry.path().filename().string().starts_with("tutti"))
        result.push_back(entry.path());
    if (result.empty())
      fail(
          "lab build",
          "there is no Debian package of tutti in {}. Expected --packages FOLDER with tutti_*.deb: cmake --build build/release "
          "--target package makes them.",
          folder.string());
    return result;
  }

  void add_front_end(const LabImageOptions& options) const {
    const fs::path to = path_ / "frontend";
    fs::create_directories(to);
    if (options.jupyter != "debian") {
      write_file_atomically(to / "README", "JupyterLab comes from PyPI.\n");  // the Dockerfile copies the folder
      return;
    }
    if (!options.front_end.empty()) {
      if (!fs::exists(options.front_end / "bin/jupyter-lab"))
        fail("lab build", "{} is not what build-frontend makes.", options.front_end.string());
      fs::copy(options.front_end, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
      return;
    }
    const fs::path script = fs::absolute(options.dockerfile).parent_path() / "build-frontend";
    if (!fs::exists(script))
      fail("lab build", "there is no build-frontend beside {}. Expected --front-end FOLDER.", options.dockerfile.string());
    run({script.string(), to.string()}, {}, "the front-end");
  }

  fs::path path_;
};

std::vector<std::string> build_command(const std::string& builder, const std::string& tag, const fs::path& file,
                                       const std::vector<std::string>& arguments, const fs::path& context) {
  std::vector<std::string> command = {builder, builder == "buildah" ? "bud" : "build"};
  if (builder == "buildah") command.push_back("--layers");
  for (const std::string& word : {std::string("--tag"), tag, std::string("--file"), file.string()}) command.push_back(word);
  for (const std::string& argument : arguments) {
    command.push_back("--build-arg");
    command.push_back(argument);
  }
  command.push_back(context.string());
  return command;
}

// The name in full, as kubelet and containerd read a short one.
std::string full_name(const std::string& tag) {
  const std::string first = tag.substr(0, tag.find('/'));
  if (tag.find('/') == std::string::npos) return "docker.io/library/" + tag;
  const bool is_registry = first == "localhost" || first.find('.') != std::string::npos || first.find(':') != std::string::npos;
  return is_registry ? tag : "docker.io/" + tag;
}

void write_archive(const std::string& builder, const std::string& tag, const fs::path& file) {
  // Written aside: whoever finds the file finds all of it.
  const fs::path aside = fs::absolute(file).string() + ".part";
  fs::remove(aside);
  if (builder == "docker")
    run({builder, "save", "--output", aside.string(), tag}, {}, "the archive");
  else
    run({builder, "push", "--quiet", tag, "oci-archive:" + aside.string() + ":" + full_name(tag)}, {}, "the archive");
  fs::rename(aside, file);
}

}  // namespace

std::string content_tag(const fs::path& context, const std::vector<std::string>& arguments) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(context))
    if (entry.is_symlink() || entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  Digest digest;
  for (const fs::path& file : files) {
    digest.add(fs::relative(file.parent_path(), context) / file.filename());
    digest.add(fs::is_symlink(file) ? fs::read_symlink(file).string() : read_file(file));
  }
  for (const std::string& argument : arguments) digest.add(argument);
  return digest.hex(12);
}

fs::path find_lab_dockerfile() {
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  for (const fs::path& folder : {fs::path("deploy/lab"), program.parent_path().parent_path() / "share/tutti/lab"})
    if (fs::exists(folder / "Dockerfile")) return folder / "Dockerfile";
  fail("lab build", "there is no deploy/lab/Dockerfile here. Expected --file FILE.");
}

LabImage build_lab_image(const LabImageOptions& options) {
  if (!fs::exists(options.dockerfile)) fail("lab build", "there is no file {}.", options.dockerfile.string());
  const std::string builder = find_builder(options.builder);
  const Context context(options);
  std::vector<std::string> arguments = {"JUPYTER=" + options.jupyter};
  if (!options.base.empty()) arguments.push_back("BASE_IMAGE=" + options.base);
  LabImage image{.tag = options.name + ":" + content_tag(context.path(), arguments)};
  if (!has_image(builder, image.tag)) {
    run(build_command(builder, image.tag, context.path() / "Dockerfile", arguments, context.path()), {}, "the image");
    image.built = true;
  }
  if (!options.cuda.empty()) {
    const fs::path file = fs::absolute(options.dockerfile).parent_path() / "cuda.Dockerfile";
    if (!fs::exists(file)) fail("lab build", "there is no {}.", file.string());
    const std::vector<std::string> more = {"LAB_IMAGE=" + image.tag, "CUDA_IMAGE=" + options.cuda};
    image.tag += "-cuda";
    run(build_command(builder, image.tag, file, more, context.path()), {}, "the image with CUDA");
  }
  if (!options.output.empty()) write_archive(builder, image.tag, options.output);
  return image;
}

bool commit_files(const std::vector<fs::path>& files, const std::string& message) {
  if (!find_program("git") || files.empty()) return false;
  const fs::path folder = fs::absolute(files[0]).parent_path();
  const auto git = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> command = {"git", "-C", folder.string()};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return capture(command);
  };
  if (!git({"rev-parse", "--show-toplevel"}).end.ok()) return false;
  std::vector<std::string> names = {"--"};
  for (const fs::path& file : files) names.push_back(fs::absolute(file).string());
  const auto with_names = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), names.begin(), names.end());
    return arguments;
  };
  const Captured added = git(with_names({"add"}));
  if (!added.end.ok()) fail("git", "cannot add the lab's files: {}", added.err.substr(0, added.err.find('\n')));
  if (git(with_names({"diff", "--cached", "--quiet"})).end.ok()) return false;
  const Captured committed = git(with_names({"commit", "--quiet", "--message", message}));
  const std::string words = committed.err + committed.out;
  if (!committed.end.ok()) fail("git", "cannot commit the lab's files: {}", words.substr(0, words.find('\n')));
  return true;
}

}  // namespace tutti
