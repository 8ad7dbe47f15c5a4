#include "tutti/report/finish.h"

#include <algorithm>

#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/experiment/experiment.h"
#include "tutti/report/report.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

constexpr const char* kMade = "made";

fs::path ended(const RunFolder& run) { return run.path() / "ended"; }
fs::path claim(const RunFolder& run) { return ended(run) / ".ensemble"; }

std::string text_of(const fs::path& file) try { return read_file(file, 4096); } catch (const Error&) {
  return "";
}

}  // namespace

Finished finish_run(const RunFolder& run, const std::vector<std::string>& members) {
  link_models(run, members);
  const RunResults results = read_results(run);
  write_report(run, results);
  Finished finished;
  if (spec_of_run(run).grow && !results.members.empty()) finished.grown = grow_standing(run);
  return finished;
}

std::optional<Finished> end_member(const RunFolder& run, const std::string& member, const std::vector<std::string>& members,
                                   bool done) {
  run.member(member).check_run();
  write_file_atomically(ended(run) / member, done ? "done\n" : "failed\n");
  if (!std::ranges::all_of(members, [&](const std::string& name) { return has_ended(run, name); })) return {};
  if (!create_file_atomically(claim(run), member) && text_of(claim(run)) != member) return {};
  return take_over(run, members);
}

Finished take_over(const RunFolder& run, const std::vector<std::string>& members) {
  const Finished finished = finish_run(run, members);
  write_file_atomically(claim(run), kMade);
  return finished;
}

bool has_ended(const RunFolder& run, const std::string& member) {
  // The folder is read, not the name asked for: an NFS client may remember for a while that a name was not there.
  std::error_code code;
  for (fs::directory_iterator entry(ended(run), code), end; !code && entry != end; entry.increment(code))
    if (entry->path().filename() == member) return true;
  return false;
}

bool is_finished(const RunFolder& run) { return text_of(claim(run)) == kMade; }

void reopen(const RunFolder& run, const std::vector<std::string>& members) {
  if (members.empty()) return;
  std::error_code code;
  fs::remove(claim(run), code);
  for (const std::string& name : members) fs::remove(ended(run) / name, code);
}

}  // namespace tutti
