#include "tutti/experiment/member.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include <nlohmann/json.hpp>

#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/base/interrupt.h"
#include "tutti/base/log.h"
#include "tutti/base/names.h"
#include "tutti/experiment/checkpoint.h"
#include "tutti/experiment/experiment.h"
#include "tutti/experiment/member_callbacks.h"
#include "tutti/experiment/model_file.h"
#include "tutti/experiment/outcome.h"
#include "tutti/experiment/program_member.h"
#include "tutti/experiment/splits.h"

namespace fs = std::filesystem;

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

Optimizer optimizer_of(const FitSpec& fit) {
  Optimizer optimizer(fit.optimizer.name);
  const Json config = Json::parse(fit.optimizer.config), defaults = optimizer.config();
  std::vector<std::string> known;
  for (const auto& [key, value] : defaults.items()) known.push_back(key);
  for (const auto& [key, value] : config.items()) {
    if (defaults.contains(key)) continue;
    fail("fit.optimizer", "unknown argument '{}' of {}. {}", key, fit.optimizer.name, hint(key, known, "Known:"));
  }
  if (!config.empty()) optimizer = Optimizer::from_config(optimizer.rule().class_name(), config);
  if (fit.learning_rate) optimizer.learning_rate = *fit.learning_rate;
  return optimizer;
}

CallbackPtr schedule_of(const FitSpec& fit) {
  const LearningRateSpec& spec = fit.schedule;
  const double rate = optimizer_of(fit).learning_rate;
  if (spec.kind == "cosine") return LearningRateScheduler(cosine_decay(rate, fit.epochs, spec.alpha, spec.warmup));
  if (spec.kind == "exponential") return LearningRateScheduler(exponential_decay(rate, spec.factor));
  return LearningRateScheduler(step_decay(rate, spec.factor, spec.every));
}

// What the callbacks leave.
struct FitRecord {
  MemberStatus& status;
  TrainingSpeed speed = {};
  std::string history = {};  // history.csv
};

std::vector<CallbackPtr> callbacks_of(const FitSpec& fit, const MemberFolder& folder, FitRecord& record) {
  std::vector<CallbackPtr> callbacks;
  if (!fit.schedule.kind.empty()) callbacks.push_back(schedule_of(fit));
  if (fit.reduce_lr) callbacks.push_back(ReduceLROnPlateau(*fit.reduce_lr));
  if (fit.early_stopping) callbacks.push_back(EarlyStopping(*fit.early_stopping));
  callbacks.push_back(TerminateOnNaN());
  callbacks.push_back(make_history_writer(folder, record.history));
  if (fit.tensorboard) callbacks.push_back(make_dispensable(TensorBoard(folder.path()), "TensorBoard's files"));
  if (fit.checkpoint.enabled) callbacks.push_back(make_rolling_checkpoint(folder, fit.checkpoint));
  callbacks.push_back(make_status_writer(folder, record.status, record.speed));
  return callbacks;
}

MemberResult result_of(const Member& member) {
  return {.name = member.name,
          .engine = member.engine,
          .device = member.spec.fit.device,
          .seed = member.seed,
          .values = member.values};
}

// The training of one member, step by step.
class Training {
 public:
  Training(const Member& member, const MemberFolder& folder, MemberStatus& status)
      : member_(member), folder_(folder), record_{status} {}

  MemberState run() {
    set_seed(member_.seed);
    Splits splits = load_splits(member_.spec.data);
    Model model = new_model();
    display().text(fmt::format("{}: {} training, {} validation and {} test samples of {}; {} parameters\n", member_.name,
                               splits.train.size(), splits.validation.size(), splits.test.size(), member_.spec.data.name,
                               model.count_params()));
    const std::optional<TrainingState> resume = last_checkpoint(model);
    const auto begin = Clock::now();
    History history;
    try {
      history = fit_model(model, splits, resume);
    } catch (const Interrupted&) {
      set_interrupted(true);
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    if (interrupted()) {
      try {
        model.save(folder_.path() / "model.h5");
      } catch (const Error& error) {
        log_warning("{} Its last checkpoint is there.", error.what());
      }
      return MemberState::kInterrupted;
    }
    if (history.logs.empty() || !std::isfinite(history.logs.back().find("loss").value_or(NAN)))
      fail("fit", "the loss is no finite number any more. Expected a smaller fit.learning_rate to help.");
    finish(model, splits, history, seconds);
    return MemberState::kDone;
  }

 private:
  Model new_model() const {
    Model model = model_from_file(member_.spec.model);
    model.compile(compile_options(member_.spec.fit));
    return model;
  }

  // Brings `model` to the newest checkpoint that can be read: this member was begun by a process that died.
  std::optional<TrainingState> last_checkpoint(Model& model) {
    for (const fs::path& file : list_checkpoints(folder_.checkpoints())) try {
        TrainingState training = read_checkpoint(file, model);
        display().text(fmt::format("{}: goes on from {}\n", member_.name, file.filename().string()));
        record_.status.epoch = training.epoch;
        return training;
      } catch (const Error& error) {
        log_warning("{} Trying the checkpoint before.", error.what());
        model = new_model();
      }
    return {};
  }

  History fit_model(Model& model, const Splits& splits, const std::optional<TrainingState>& resume) {
    const FitSpec& fit = member_.spec.fit;
    return model.fit(splits.train, {.batch_size = fit.batch_size,
                                    .epochs = fit.epochs,
                                    .verbose = 0,
                                    .validation = splits.validation,
                                    .validation_batch_size = fit.validation_batch_size,
                                    .shuffle = fit.shuffle,
                                    .seed = member_.seed,
                                    .augmentations = member_.spec.data.augmentation,
                                    .callbacks = callbacks_of(fit, folder_, record_),
                                    .resume = resume});
  }

  void finish(Model& model, const Splits& splits, const History& history, double seconds) {
    MemberResult result = result_of(member_);
    result.epochs = static_cast<int>(history.epoch.size());
    result.stop_reason = history.stop_reason;
    result.seconds = seconds;
    const TrainingSpeed& speed = record_.speed;
    if (speed.seconds > 0) result.images_per_second = static_cast<double>(speed.samples) / speed.seconds;
    insist([&] { folder_.write_file("history.csv", record_.history); });
    write_outcome(folder_, std::move(result), model, splits);
  }

  const Member& member_;
  MemberFolder folder_;
  FitRecord record_;
};

// A model that was trained elsewhere, or by a program.
void evaluate_file(const Member& member, const MemberFolder& folder, const fs::path& file, MemberResult result) {
  Model model = load_model(file, false);
  if (member.kind() == MemberKind::kTrained)
    model.compile({.loss = LossFunction(member.spec.fit.loss), .engine = member.engine, .device = member.spec.fit.device});
  write_outcome(folder, std::move(result), model, load_splits(member.spec.data), file);
}

void run_program_member(const Member& member, const RunFolder& run, MemberStatus& status) {
  const MemberFolder folder = run.member(member.name);
  const auto begin = Clock::now();
  const fs::path file = run_program(member, run, status);
  MemberResult result = result_of(member);
  result.epochs = status.epoch;
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  evaluate_file(member, folder, file, std::move(result));
}

MemberState run_member(const Member& member, const RunFolder& run, MemberStatus& status) {
  switch (member.kind()) {
    case MemberKind::kFit:
      return Training(member, run.member(member.name), status).run();
    case MemberKind::kProgram:
      run_program_member(member, run, status);
      break;
    case MemberKind::kTrained:
      evaluate_file(member, run.member(member.name), member.spec.trained, result_of(member));
      break;
  }
  return MemberState::kDone;
}

}  // namespace

CompileOptions compile_options(const FitSpec& fit) {
  return {.optimizer = optimizer_of(fit),
          .loss = LossFunction(fit.loss),
          .metrics = fit.metrics,
          .engine = fit.engine,
          .device = fit.device};
}

void check_fit(const FitSpec& fit) {
  const CompileOptions options = compile_options(fit);
  for (const std::string& name : fit.metrics) make_metric(name, *options.loss);
}

MemberState train_member(const RunFolder& run, const std::string& name) {
  const MemberFolder folder = run.member(name);
  MemberStatus status{
      .state = MemberState::kRunning, .host = host_name(), .pid = ::getpid(), .started = now(), .heartbeat = now()};
  const auto end = [&](MemberState state, const std::string& error) {
    status.state = state;
    status.error = error;
    status.seconds_left = 0;
    status.heartbeat = now();
    try {
      folder.write_status(status);
    } catch (const Error& unwritten) {
      log_warning("{}", unwritten.what());  // metrics.json and the exit code say the same
    }
  };
  try {
    const std::vector<Member> members = plan(spec_of_run(run));
    const auto member = std::find_if(members.begin(), members.end(), [&](const Member& m) { return m.name == name; });
    if (member == members.end())
      fail("member", "{} has no member '{}'. Expected one of {}.", run.path().string(), name,
           fmt::join(names_of(members), ", "));
    status.engine = member->engine;
    status.device = member->spec.fit.device;
    status.epochs = member->kind() == MemberKind::kFit ? member->spec.fit.epochs : 0;
    folder.write_status(status);
    const MemberState state = run_member(*member, run, status);
    end(state, "");
    return state;
  } catch (const Interrupted&) {
    end(MemberState::kInterrupted, "");
    return MemberState::kInterrupted;
  } catch (const std::exception& error) {
    end(MemberState::kFailed, error.what());
    throw;
  }
}

}  // namespace tutti
