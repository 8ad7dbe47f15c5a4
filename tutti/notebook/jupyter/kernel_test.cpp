#include "tutti/notebook/jupyter/kernel.h"

#include <thread>

#include <gmock/gmock.h>

#include "tests/temporary_folder.h"
#include "tutti/base/error.h"
#include "tutti/notebook/jupyter/fake_interpreter.h"
#include "tutti/notebook/jupyter/fake_transport.h"

namespace tutti::jupyter {
namespace {

using ::testing::ElementsAre;

// A kernel on a thread, and a client that sends and then looks at what was sent back.
class KernelTest : public FolderTest {
 protected:
  ~KernelTest() override { stop(); }

  void start() {
    thread = std::thread([this] { kernel.run(); });
  }
  void stop() {
    if (!thread.joinable()) return;
    request(Channel::kControl, "shutdown_request", {{"restart", false}});
    thread.join();
  }

  // The id of the request.
  std::string request(Channel channel, const std::string& type, Json content, const std::string& client = "alice") {
    Message message = maker.make(type, Json::object(), std::move(content));
    message.identities = {client};
    const std::string id = message.header["msg_id"];
    kernel.receive(channel, std::move(message));
    return id;
  }
  std::string execute(const std::string& code, Json more = Json::object(), const std::string& client = "alice") {
    Json content = {{"code", code}, {"silent", false}, {"allow_stdin", false}};
    content.update(more);
    return request(Channel::kShell, "execute_request", content, client);
  }
  // What answered a request on a channel: waits until it is there.
  Message reply_to(const std::string& id, Channel channel = Channel::kShell) {
    for (int i = 0; i < 1000; ++i) {
      for (const Message& message : transport.sent(channel))
        if (message.parent.value("msg_id", "") == id) return message;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    ADD_FAILURE() << "no reply";
    return {};
  }
  Json answer(const std::string& type, const Json& content) {
    return reply_to(request(Channel::kShell, type, content)).content;
  }
  // On iopub, for one request: "status", "stream", ...
  std::vector<std::string> published(const std::string& id) {
    reply_to(id);
    for (int i = 0; i < 1000; ++i) {
      std::vector<std::string> types;
      bool is_idle = false;
      for (const Message& message : transport.sent(Channel::kIopub)) {
        if (message.parent.value("msg_id", "") != id) continue;
        is_idle = message.content.value("execution_state", "") == "idle";
        types.push_back(message.type());
      }
      if (is_idle) return types;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return {"never idle"};
  }

  FakeTransport transport;
  MessageMaker maker;
  std::function<std::unique_ptr<Interpreter>()> make = [] { return std::make_unique<FakeInterpreter>(); };
  Kernel kernel{{.transport = transport, .make = [this] { return make(); }, .history = folder_ / "history"}};
  std::thread thread;
};

TEST_F(KernelTest, InfoDoesNotWaitForTheInterpreter) {
  const std::string id = request(Channel::kShell, "kernel_info_request", Json::object());  // run() was not called
  const Message info = reply_to(id);
  EXPECT_EQ(info.type(), "kernel_info_reply");
  EXPECT_EQ(info.content["language_info"]["file_extension"], ".cpp");
  EXPECT_THAT(info.identities, ElementsAre("alice"));
}

TEST_F(KernelTest, ExecutesAndCounts) {
  start();
  const std::string id = execute("value 42");
  EXPECT_THAT(published(id), ElementsAre("status", "execute_input", "execute_result", "status"));
  EXPECT_EQ(reply_to(id).content["execution_count"], 1);
  const std::string unstored = execute("value 1", {{"store_history", false}});
  EXPECT_EQ(reply_to(unstored).content["execution_count"], 1);
  const std::string silent = execute("value 1", {{"silent", true}});
  EXPECT_THAT(published(silent), ElementsAre("status", "status"));
  EXPECT_EQ(reply_to(execute("value 1")).content["execution_count"], 2);
}

TEST_F(KernelTest, UserExpressions) {
  start();
  const Json values =
      reply_to(execute("set a 5", {{"user_expressions", {{"good", "get a"}, {"bad", "error"}}}})).content["user_expressions"];
  EXPECT_EQ(values["good"]["data"]["text/plain"], "5");
  EXPECT_EQ(values["bad"]["status"], "error");
}

TEST_F(KernelTest, ExitEndsAConsole) {
  start();
  for (const char* word : {"exit", " quit()\n", "exit;"}) {
    const Json reply = reply_to(execute(word)).content;
    EXPECT_EQ(reply["status"], "ok") << word;
    ASSERT_EQ(reply["payload"].size(), 1u) << word;
    EXPECT_EQ(reply["payload"][0]["source"], "ask_exit");
  }
  EXPECT_EQ(reply_to(execute("value exit")).content["payload"], Json::array());
}

TEST_F(KernelTest, AnErrorAbortsWhatWaits) {
  start();
  const std::string failing = execute("sleep 0.05\nerror"), behind = execute("value 1"),
                    other = execute("value 2", Json::object(), "bob");
  const std::string info = request(Channel::kShell, "kernel_info_request", Json::object());
  const Message error = reply_to(failing);
  EXPECT_EQ(error.content["status"], "error");
  EXPECT_EQ(error.content["ename"], "CompileError");
  EXPECT_EQ(reply_to(behind).content, Json({{"status", "aborted"}}));
  EXPECT_EQ(reply_to(other).content["status"], "aborted");
  EXPECT_EQ(reply_to(info).content["status"], "ok");
  EXPECT_EQ(reply_to(execute("value 3")).content["status"], "ok");
  const std::string tolerant = execute("error", {{"stop_on_error", false}}), next = execute("value 4");
  EXPECT_EQ(reply_to(tolerant).content["status"], "error");
  EXPECT_EQ(reply_to(next).content["status"], "ok");
}

TEST_F(KernelTest, InterruptsOnControl) {
  start();
  const std::string id = execute("sleep 20");
  ASSERT_TRUE(transport.wait_for("execute_input"));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  const std::string asked = request(Channel::kControl, "interrupt_request", Json::object());
  EXPECT_EQ(reply_to(asked, Channel::kControl).type(), "interrupt_reply");
  EXPECT_EQ(reply_to(id).content["ename"], "KeyboardInterrupt");
  EXPECT_EQ(reply_to(execute("value 1")).content["status"], "ok");
}

TEST_F(KernelTest, InterruptsAShellCommand) {
  start();
  const std::string id = execute("!sleep 20");
  ASSERT_TRUE(transport.wait_for("execute_input"));
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  request(Channel::kControl, "interrupt_request", Json::object());
  EXPECT_EQ(reply_to(id).content["ename"], "KeyboardInterrupt");
}

TEST_F(KernelTest, PositionsAreCodePoints) {
  start();
  const Json completions = answer("complete_request", {{"code", "print é\npri"}, {"cursor_pos", 11}});
  EXPECT_EQ(completions["matches"], Json({"print"}));
  EXPECT_EQ(completions["cursor_start"], 8);
  EXPECT_EQ(completions["cursor_end"], 11);
  EXPECT_EQ(completions["metadata"]["_jupyter_types_experimental"][0],
            Json({{"start", 8}, {"end", 11}, {"text", "print"}, {"type", "function"}, {"signature", "(X)"}}));
  EXPECT_EQ(answer("inspect_request", {{"code", "é print"}, {"cursor_pos", 4}, {"detail_level", 0}})["found"], true);
  EXPECT_EQ(answer("inspect_request", {{"code", "é nothing"}, {"cursor_pos", 4}})["found"], false);
}

TEST_F(KernelTest, CompletesMagics) {
  start();
  const Json magics = answer("complete_request", {{"code", "%ti"}, {"cursor_pos", 3}});
  EXPECT_EQ(magics["matches"], Json({"%time"}));
  EXPECT_EQ(magics["cursor_start"], 0);
  const Json paths = answer("complete_request", {{"code", "%cd /us"}, {"cursor_pos", 7}});
  EXPECT_EQ(paths["matches"], Json({"usr/"}));
  EXPECT_EQ(paths["cursor_start"], 5);
  EXPECT_EQ(answer("inspect_request", {{"code", "%cd x"}, {"cursor_pos", 1}})["found"], true);
}

TEST_F(KernelTest, KnowsWhenACellIsComplete) {
  start();
  EXPECT_EQ(answer("is_complete_request", {{"code", "int f() {"}}), Json({{"status", "incomplete"}, {"indent", "  "}}));
  EXPECT_EQ(answer("is_complete_request", {{"code", "}"}})["status"], "invalid");
  EXPECT_EQ(answer("is_complete_request", {{"code", "print"}})["status"], "complete");
  EXPECT_EQ(answer("is_complete_request", {{"code", "%pwd"}})["status"], "complete");
}

TEST_F(KernelTest, RemembersHistory) {
  start();
  reply_to(execute("value 1"));
  reply_to(execute("value 2", {{"store_history", false}}));
  const Json history = answer("history_request", {{"hist_access_type", "tail"}, {"n", 5}, {"output", true}})["history"];
  EXPECT_EQ(history, Json::array({Json::array({1, 1, Json::array({"value 1", nullptr})})}));
}

TEST_F(KernelTest, NobodyIsAskedWithoutLeave) { EXPECT_THROW(kernel.ask(), Error); }

TEST_F(KernelTest, AsksTheRightClient) {
  class Asking : public FakeInterpreter {
   public:
    explicit Asking(Kernel& kernel) : kernel_(kernel) {}
    CellResult execute(const std::string&, int) override {
      return {.error = {}, .value = MimeBundle{{"text/plain", kernel_.ask()}}};
    }

   private:
    Kernel& kernel_;
  };
  make = [this] { return std::make_unique<Asking>(kernel); };
  start();
  const std::string id = execute("ask", {{"allow_stdin", true}}, "bob");
  ASSERT_TRUE(transport.wait_for("input_request"));
  const Message asked = transport.sent(Channel::kStdin).at(0);
  EXPECT_THAT(asked.identities, ElementsAre("bob"));
  EXPECT_EQ(asked.parent["msg_id"], id);
  request(Channel::kStdin, "input_reply", {{"value", "Ada"}}, "bob");
  EXPECT_EQ(reply_to(id).content["status"], "ok");
  EXPECT_EQ(transport.sent(Channel::kIopub, "execute_result").at(0).content["data"]["text/plain"], "Ada");
}

TEST_F(KernelTest, AnInterpreterThatCannotStartIsAnError) {
  make = []() -> std::unique_ptr<Interpreter> { fail("interpreter", "no compiler."); };
  testing::internal::CaptureStderr();
  start();
  EXPECT_EQ(reply_to(execute("1")).content["evalue"], "[interpreter] no compiler.");
  EXPECT_EQ(answer("complete_request", {{"code", "a"}, {"cursor_pos", 1}})["status"], "error");
  stop();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("no compiler."));
}

TEST_F(KernelTest, OddRequestsDoNoHarm) {
  start();
  request(Channel::kShell, "foo_request", Json::object());
  request(Channel::kControl, "complete_request", {{"code", "pri"}, {"cursor_pos", 3}});  // the interpreter has one thread
  request(Channel::kShell, "comm_open", {{"comm_id", "7"}, {"target_name", "x"}});
  EXPECT_EQ(answer("execute_request", {{"code", 5}, {"user_expressions", 7}})["status"], "ok");
  EXPECT_EQ(answer("comm_info_request", Json::object())["comms"], Json::object());
  EXPECT_EQ(transport.sent(Channel::kIopub, "comm_close").at(0).content["comm_id"], "7");
  EXPECT_TRUE(transport.sent(Channel::kShell, "foo_reply").empty());
  EXPECT_TRUE(transport.sent(Channel::kControl, "complete_reply").empty());
  const std::string id = request(Channel::kControl, "shutdown_request", {{"restart", true}});
  EXPECT_EQ(reply_to(id, Channel::kControl).content["restart"], true);
  thread.join();
}

}  // namespace
}  // namespace tutti::jupyter
