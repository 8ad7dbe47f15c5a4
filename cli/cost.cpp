#include "tutti/experiment/cost.h"

#include <algorithm>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/error.h"

namespace tutti::cli {

void add_cost(Command& program, int& code) {
  struct Arguments {
    std::filesystem::path spec;
    std::string member;
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("cost", "Measure one member (what `tutti plan` starts)");
  command.hide();
  command.option("SPEC", arguments->spec, "a resolved spec").required();
  command.option("NAME", arguments->member, "the member").required();
  command.on_run([arguments, &code] {
    const std::vector<Member> members = plan(load_spec(arguments->spec));
    const auto member = std::ranges::find(members, arguments->member, &Member::name);
    if (member == members.end()) fail("cost", "{} has no member {}.", arguments->spec.string(), arguments->member);
    const MemberCost cost = measure_cost(*member);
    const nlohmann::ordered_json json = {{"parameters", cost.parameters},
                                         {"flops", cost.flops},
                                         {"images_per_second", cost.images_per_second},
                                         {"peak_memory", cost.peak_memory}};
    print(json.dump() + "\n");
    code = kOk;
  });
}

}  // namespace tutti::cli
