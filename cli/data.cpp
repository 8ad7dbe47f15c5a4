#include <memory>

#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/common.h"
#include "tutti/base/error.h"
#include "tutti/base/files.h"
#include "tutti/base/interrupt.h"
#include "tutti/data/datasets.h"
#include "tutti/report/pictures.h"
#include "tutti/report/tables.h"

namespace tutti::cli {
namespace {

struct Arguments {
  std::string name;
  std::filesystem::path dir, out;
  bool json = false;
  std::int64_t images = 40;  // as the article's picture
};

void list(const Arguments& arguments) {
  datasets::Options options;
  options.dir = arguments.dir;
  nlohmann::ordered_json json = nlohmann::ordered_json::array();
  Table table({"name", "what", "where"});
  for (const auto& [name, text] : datasets::names()) {
    const auto place = datasets::find(name, options);
    const std::string where = place ? place->string() : name == "shapes" ? "drawn by tutti" : "not here";
    json.push_back({{"name", name}, {"text", text}, {"path", place ? nlohmann::ordered_json(place->string()) : nullptr}});
    table.add({name, text, where});
  }
  print(arguments.json ? json.dump(2) + "\n" : table.text());
}

datasets::TrainTest load(const Arguments& arguments) {
  datasets::LoadOptions options;
  options.dir = arguments.dir;
  return datasets::load_dataset(arguments.name, options);
}

void get(const Arguments& arguments) {
  handle_interrupts();
  const auto [train, test] = load(arguments);
  print(fmt::format("{}: {} training and {} test samples {}, {} classes\n", arguments.name, train.size(), test.size(),
                    to_string(train.sample_shape()), train.classes()));
}

void show(const Arguments& arguments) {
  const auto [train, test] = load(arguments);
  write_contact_sheet(train, arguments.out, {.count = arguments.images});
  print(arguments.out.string() + "\n");
}

}  // namespace

void add_data(Command& program, int& code) {
  auto arguments = std::make_shared<Arguments>();
  Command command = program.add("data", "List, get and show data sets");
  command.require_command();
  command.examples({"tutti data list", "tutti data get cifar10", "tutti data show cifar10 --out cifar10.png"});

  Command listing = command.add("list", "List the known data sets and where they are");
  listing.option("--dir,--data", arguments->dir, "folder to look in first");
  listing.flag("--json", arguments->json, "print JSON");
  listing.examples({"tutti data list --json"});
  listing.on_run([arguments, &code] {
    list(*arguments);
    code = kOk;
  });

  Command getting = command.add("get", "Download a data set (if it is not here) and check it");
  getting.option("NAME", arguments->name, "a data set of `tutti data list`").required();
  getting.option("--dir,--data", arguments->dir, "folder to put it in");
  getting.examples({"tutti data get cifar10"});
  getting.on_run([arguments, &code] {
    get(*arguments);
    code = kOk;
  });

  Command showing = command.add("show", "Write a picture of the first training images with their labels");
  showing.option("NAME", arguments->name, "a data set, or a folder of images").required();
  showing.option("--out", arguments->out, "the .png file to write").required();
  showing.option("--images", arguments->images, "how many").positive().show_default();
  showing.option("--dir,--data", arguments->dir, "folder to look in first");
  showing.examples({"tutti data show cifar10 --out cifar10.png"});
  showing.on_run([arguments, &code] {
    show(*arguments);
    code = kOk;
  });
}

}  // namespace tutti::cli
