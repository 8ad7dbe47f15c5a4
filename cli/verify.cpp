#include "tutti/experiment/verify.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/spec_arguments.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/parallel.h"
#include "tutti/engines/engines.h"
#include "tutti/experiment/experiment.h"
#include "tutti/report/tables.h"

namespace tutti::cli {
namespace {

struct Arguments {
  SpecArguments spec;
  std::vector<std::string> engines;
  std::string against = "reference";
  int steps = 50;
  bool json = false;
};

// The engines of the members that tutti trains, without the one that judges.
std::vector<std::string> engines_of(const std::vector<Member>& members, const std::string& against) {
  std::vector<std::string> engines;
  for (const Member& member : members)
    if (member.kind() == MemberKind::kFit && member.engine != against &&
        std::ranges::find(engines, member.engine) == engines.end())
      engines.push_back(member.engine);
  return engines;
}

std::string number(double value) { return std::isnan(value) ? "" : fmt::format("{:.1e}", value); }

std::string tables_of(const Verification& verification) {
  std::string text;
  for (const EngineVerdict& engine : verification.engines) {
    Table table({engine.engine + " against " + verification.oracle, "output", "gradients"});
    for (const LayerDifference& layer : engine.layers) table.add({layer.layer, number(layer.forward), number(layer.backward)});
    text += table.text();
    text += fmt::format(
        "loss of {} steps: {:.4f} to {:.4f}, expected {:.4f} to {:.4f}; largest difference {:.1e}, "
        "{:.1e} between its own trainings a rounding error apart\n",
        engine.losses.size(), engine.losses.front(), engine.losses.back(), verification.losses.front(),
        verification.losses.back(), engine.loss_difference, engine.chaos);
    text += engine.disagreement.empty() ? engine.engine + " agrees\n\n"
                                        : fmt::format("{} DISAGREES: {}\n\n", engine.engine, engine.disagreement);
  }
  return text;
}

nlohmann::ordered_json json_number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nlohmann::ordered_json(nullptr);
}

std::string json_of(const Verification& verification) {
  nlohmann::ordered_json json = {{"oracle", verification.oracle}, {"losses", verification.losses}, {"ok", verification.ok()}};
  json["engines"] = nlohmann::ordered_json::array();
  for (const EngineVerdict& engine : verification.engines) {
    nlohmann::ordered_json layers = nlohmann::ordered_json::array();
    for (const LayerDifference& layer : engine.layers)
      layers.push_back(
          {{"layer", layer.layer}, {"forward", json_number(layer.forward)}, {"backward", json_number(layer.backward)}});
    json["engines"].push_back({{"engine", engine.engine},
                               {"layers", layers},
                               {"losses", engine.losses},
                               {"loss_difference", json_number(engine.loss_difference)},
                               {"chaos", engine.chaos},
                               {"disagreement", engine.disagreement}});
  }
  return json.dump(2) + "\n";
}

int run(const Arguments& arguments) {
  handle_interrupts();
  const Spec spec = arguments.spec.load();
  const std::vector<Member> members = plan(spec);
  check_members(members);
  const auto fitted = std::ranges::find(members, MemberKind::kFit, &Member::kind);
  if (fitted == members.end()) fail("verify", "{} has no member that tutti trains.", spec.file.string());
  VerifyOptions options{.engines = arguments.engines, .oracle = arguments.against, .steps = arguments.steps};
  if (options.engines.empty()) options.engines = engines_of(members, arguments.against);
  if (options.engines.empty())
    fail("verify", "there is no engine to compare with {}. Expected --engine NAME.", arguments.against);
  // One that is not here is found before the data is downloaded.
  for (const std::string& name : options.engines) make_engine(name, fitted->spec.fit.device);
  std::string note;
  const Spec prepared = prepare_data(fitted->spec, note);
  set_num_threads(arguments.spec.threads > 0 ? arguments.spec.threads : num_threads());
  const Verification verification = verify(prepared, options);
  if (arguments.json)
    print(json_of(verification));
  else
    print((note.empty() ? "" : note + "\n") + tables_of(verification));
  for (const EngineVerdict& engine : verification.engines)
    if (!engine.disagreement.empty())
      fail("verify", "{} does not agree with {}: {}.", engine.engine, verification.oracle, engine.disagreement);
  return kOk;
}

}  // namespace

void add_verify(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command =
      program.add("verify", "Check that the engines agree on an experiment's model: each layer, and 50 steps of training");
  arguments->spec.add(command);
  command.option("--engine", arguments->engines, "engines to check (default: those of the members; may be repeated)")
      .repeated();
  command.option("--against", arguments->against, "the engine that is right").show_default();
  command.option("--steps", arguments->steps, "training steps to compare").positive().show_default();
  command.flag("--json", arguments->json, "print JSON");
  command.examples({"tutti verify examples/cifar10-cnn.yaml", "tutti verify spec.yaml --engine torch --steps 10"});
  command.on_run([arguments, &code] { code = run(*arguments); });
}

}  // namespace tutti::cli
