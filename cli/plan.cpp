#include "tutti/experiment/plan.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "cli/spec_arguments.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/process.h"
#include "tutti/experiment/cost.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/progress.h"
#include "tutti/experiment/splits.h"
#include "tutti/report/tables.h"

namespace fs = std::filesystem;

namespace tutti::cli {
namespace {

// A cost, or why there is none.
struct Priced {
  std::optional<MemberCost> cost;
  std::string reason;
  bool is_free = false;        // trained already
  std::int64_t samples = 0;    // training images; 0 if the data is not here
  double epoch_seconds = 0;    // 0 if unknown
  double seconds_at_most = 0;  // of all epochs
};

// A folder that is gone with this object.
class Scratch {
 public:
  Scratch() : path_(fs::temp_directory_path() / fmt::format("tutti-plan-{}", ::getpid())) { fs::create_directories(path_); }
  ~Scratch() {
    std::error_code code;
    fs::remove_all(path_, code);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// In a process of its own, with the member's threads: its memory is its own, and an engine that fails takes nothing with it.
Priced measure(const fs::path& spec, const Member& member, const Scratch& scratch) {
  const fs::path output = scratch.path() / "cost.txt";
  std::error_code code;
  fs::remove(output, code);
  const std::string threads = std::to_string(member.spec.run.threads);
  Process process({.command = {"/proc/self/exe", "cost", spec.string(), member.name},
                   .environment = {{"TUTTI_NUM_THREADS", threads}, {"OMP_NUM_THREADS", threads}},
                   .output = output});
  const ProcessEnd end = process.wait();
  check_interrupt();
  const std::string text = read_file(output, std::size_t{1} << 20);
  if (!end.ok()) {
    // Warnings may stand before it.
    constexpr std::string_view kPrefix = "tutti: error: ";
    const std::size_t said = text.find(kPrefix);
    if (said == std::string::npos) return {.reason = "it ended with " + end.text()};
    const std::size_t begin = said + kPrefix.size();
    return {.reason = text.substr(begin, text.find('\n', begin) - begin)};
  }
  const auto json = nlohmann::json::parse(text.substr(text.rfind('{')));
  return {.cost = MemberCost{.parameters = json.at("parameters"),
                             .flops = json.at("flops"),
                             .images_per_second = json.at("images_per_second"),
                             .peak_memory = json.at("peak_memory")}};
}

// 0 if the data is not on this machine.
std::int64_t training_samples(const DataSpec& data) { return is_at_hand(data) ? load_splits(data).train.size() : 0; }

// What the cost depends on.
std::string key_of(const Member& member) {
  const FitSpec& fit = member.spec.fit;
  return fmt::format("{}|{}|{}|{}|{}|{}|{}", member.engine, fit.device, member.spec.model.string(), fit.batch_size,
                     fit.optimizer.name, fit.optimizer.config, fit.loss);
}

std::vector<Priced> price(const Spec& spec, const std::vector<Member>& members) {
  const Scratch scratch;
  const fs::path file = scratch.path() / "spec.yaml";
  write_file_atomically(file, spec.document);
  std::map<std::string, Priced> known;
  std::map<std::string, std::int64_t> samples;
  std::vector<Priced> prices;
  for (const Member& member : members) {
    if (member.kind() != MemberKind::kFit) {
      const bool is_free = member.kind() == MemberKind::kTrained;
      prices.push_back({.reason = is_free ? "trained already" : "a program of its own", .is_free = is_free});
      continue;
    }
    const std::string key = key_of(member);
    if (!known.contains(key)) known[key] = measure(file, member, scratch);
    Priced priced = known[key];
    const DataSpec& data = member.spec.data;
    const std::string set =
        fmt::format("{}|{}|{}|{}|{}|{}", data.name, data.dir.string(), data.limit, data.samples, data.validation, data.test);
    if (!samples.contains(set)) samples[set] = training_samples(data);
    priced.samples = samples[set];
    if (priced.cost) priced.epoch_seconds = static_cast<double>(priced.samples) / priced.cost->images_per_second;
    priced.seconds_at_most = priced.epoch_seconds * member.spec.fit.epochs;
    prices.push_back(std::move(priced));
  }
  return prices;
}

std::string flops_text(double flops) {
  for (const auto& [factor, unit] : {std::pair{1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}})
    if (flops >= factor) return fmt::format("{:.1f} {}FLOP", flops / factor, unit);
  return fmt::format("{:.0f} FLOP", flops);
}

std::string table_of(const std::vector<Member>& members, const std::vector<Priced>& prices) {
  Table table({"member", "parameters", "FLOPs an image", "images/s", "memory", "an epoch", "at most"});
  for (std::size_t i = 0; i < members.size(); ++i) {
    const Priced& priced = prices[i];
    if (!priced.cost) {
      table.add({members[i].name, priced.reason, "", "", "", "", ""});
      continue;
    }
    const MemberCost& cost = *priced.cost;
    table.add({members[i].name, std::to_string(cost.parameters), flops_text(cost.flops),
               fmt::format("{:.0f}", cost.images_per_second), fmt::format("{} MiB", cost.peak_memory >> 20),
               priced.samples > 0 ? clock_text(priced.epoch_seconds) : "?",
               priced.samples > 0
                   ? fmt::format("{} ({} epochs)", clock_text(priced.seconds_at_most), members[i].spec.fit.epochs)
                   : "?"});
  }
  return table.text();
}

std::string json_of(const std::vector<Member>& members, const std::vector<Priced>& prices) {
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  for (std::size_t i = 0; i < members.size(); ++i) {
    nlohmann::ordered_json entry = {
        {"name", members[i].name}, {"engine", members[i].engine}, {"seed", members[i].seed}, {"values", members[i].values}};
    if (const auto& cost = prices[i].cost) {
      entry["parameters"] = cost->parameters;
      entry["flops_per_image"] = cost->flops;
      entry["images_per_second"] = cost->images_per_second;
      entry["peak_memory"] = cost->peak_memory;
      entry["training_samples"] = prices[i].samples;
      entry["epoch_seconds"] = prices[i].epoch_seconds;
      entry["seconds_at_most"] = prices[i].seconds_at_most;
    } else {
      entry["reason"] = prices[i].reason;
    }
    json.push_back(std::move(entry));
  }
  return json.dump(2) + "\n";
}

void print_total(const Spec& spec, const std::vector<Priced>& prices) {
  double sum = 0, longest = 0;
  bool complete = true;
  for (const Priced& priced : prices) {
    complete = complete && (priced.is_free || (priced.cost && priced.samples > 0));
    sum += priced.seconds_at_most;
    longest = std::max(longest, priced.seconds_at_most);
  }
  print(fmt::format("\n{} at a time, {} thread{} each", spec.run.parallel, spec.run.threads, spec.run.threads == 1 ? "" : "s"));
  if (complete && sum > 0)
    print(fmt::format(": all together {} at most", clock_text(std::max(longest, sum / spec.run.parallel))));
  print(
      ".\nSpeed and memory were measured on a few steps of each engine alone, with random images; members that run beside each "
      "other "
      "share the\nmemory bus. Validation is not in the time and the data set not in the memory; early stopping may end a "
      "training sooner.\n");
  if (!complete)
    print("The time of all is not known: a member could not be measured, or the data is not on this machine yet.\n");
}

}  // namespace

void add_plan(Command& program, int& code) {
  struct Arguments {
    SpecArguments spec;
    bool json = false;
  };
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("plan", "Show the members of an experiment and what each would cost");
  arguments->spec.add(command);
  command.flag("--json", arguments->json, "print JSON and nothing else");
  command.examples({"tutti plan examples/cifar10-cnn.yaml"});
  command.on_run([arguments, &code] {
    handle_interrupts();
    const Spec spec = arguments->spec.load();
    const std::vector<Member> members = plan(spec);
    check_members(members);
    const std::vector<Priced> prices = price(spec, members);
    print(arguments->json ? json_of(members, prices) : table_of(members, prices));
    if (!arguments->json) print_total(spec, prices);
    code = kOk;
  });
}

}  // namespace tutti::cli
