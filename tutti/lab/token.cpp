#include "tutti/lab/token.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "tutti/base/base64.h"
#include "tutti/base/error.h"

namespace fs = std::filesystem;

namespace tutti {

std::string random_token() {
  std::array<unsigned char, 24> bytes{};  // 192 bits, as Jupyter's own
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    fail("lab", "the system gives no random numbers: {}.", std::strerror(errno));
  return hexadecimal(bytes);
}

void write_secret(const fs::path& file, const std::string& secret) {
  fs::create_directories(file.parent_path());
  const std::string aside = file.string() + ".new";
  ::unlink(aside.c_str());
  const int number = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool written = number >= 0 && ::write(number, secret.data(), secret.size()) == static_cast<ssize_t>(secret.size());
  const int error = errno;
  if (number >= 0) ::close(number);
  if (!written || ::rename(aside.c_str(), file.c_str()) != 0)
    fail("lab", "cannot write {}: {}.", file.string(), std::strerror(written ? errno : error));
}

}  // namespace tutti
