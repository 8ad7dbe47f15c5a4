#include "cli/spec_arguments.h"

namespace tutti::cli {

void SpecArguments::add(Command& command) {
  command.option("SPEC", spec, "the experiment's YAML file").required();
  command.option("--set", set, "replace a value of the spec: fit.epochs=2 (may be repeated)").repeated();
  command.option("--data", data, "folder to look for the data set in first");
  command.option("--parallel", parallel, "members at a time (default: all, but two a core at most; in a cluster what fits)")
      .positive();
  command.option("--threads", threads, "threads of a member (default: the cores shared out)").positive();
}

Spec SpecArguments::load_given(const Overrides& more) const {
  Overrides overrides;
  if (!data.empty()) overrides.emplace_back("data.dir", std::filesystem::absolute(data).string());
  for (const std::string& text : set) overrides.push_back(parse_override(text));
  if (parallel > 0) overrides.emplace_back("run.parallel", std::to_string(parallel));
  if (threads > 0) overrides.emplace_back("run.threads", std::to_string(threads));
  overrides.insert(overrides.end(), more.begin(), more.end());
  return load_spec(spec, overrides);
}

}  // namespace tutti::cli
