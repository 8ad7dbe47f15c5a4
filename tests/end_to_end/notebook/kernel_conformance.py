#!/usr/bin/env python3
"""Whether a kernel does what Jupyter's front-ends expect of it: jupyter_kernel_test's checks, and what it does not ask.

  TUTTI_TEST_KERNEL     an installed kernel's name, or a command to which the connection file is appended
  TUTTI_TEST_LANGUAGE   cpp, fake or python: what is typed (samples.py)
  TUTTI_TEST_INTERRUPT  signal (default) or message

Ends with 77 where jupyter_client is missing.
"""
import os
import queue
import sys
import tempfile
import time
import unittest

try:
    import jupyter_client
except ImportError:
    print("SKIPPED: jupyter_client is missing (Debian: apt install python3-jupyter-client)")
    sys.exit(77)

if os.environ.get("TUTTI_TEST_LANGUAGE") == "python":
    try:
        import ipykernel  # noqa: F401
    except ImportError:
        print("SKIPPED: ipykernel is missing (Debian: apt install python3-ipykernel)")
        sys.exit(77)

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import samples  # noqa: E402
from client import Client, Manager, check_shape  # noqa: E402

LANGUAGE = os.environ.get("TUTTI_TEST_LANGUAGE", "fake")
SAMPLES = samples.ALL[LANGUAGE]
# Its files must not meet the user's.
HOME = tempfile.TemporaryDirectory()


class KernelTest(unittest.TestCase):
    """One kernel for the tests of a class."""
    @classmethod
    def setUpClass(cls):
        os.environ["XDG_DATA_HOME"] = os.environ["IPYTHONDIR"] = HOME.name
        cls.manager = Manager()
        cls.manager.start_kernel(stderr=open(os.devnull, "w"))
        cls.user = Client(cls.manager)

    @classmethod
    def tearDownClass(cls):
        cls.user.close()
        cls.manager.shutdown_kernel(now=True)

    def sample(self, name):
        found = SAMPLES[name]
        if found is None:
            self.skipTest(f"{LANGUAGE} has no sample for '{name}'")
        return found

    def run_ok(self, code, **options):
        outcome = self.user.run(code, **options)
        self.assertEqual(outcome.content["status"], "ok", outcome.content)
        return outcome

    def value(self, code):
        return self.run_ok(code).of("execute_result")[0]["data"]["text/plain"]


class Basics(KernelTest):
    def test_kernel_info(self):
        content = self.user.reply(self.user.client.kernel_info())["content"]
        self.assertEqual(content["implementation"], SAMPLES["implementation"])
        self.assertTrue(content["protocol_version"].startswith("5."))
        for name in ("name", "version", "mimetype", "file_extension"):
            self.assertIn(name, content["language_info"])

    def test_comm_info(self):
        self.assertEqual(self.user.reply(self.user.client.comm_info())["content"]["comms"], {})

    def test_order_of_messages(self):
        code, _ = self.sample("value")
        self.assertEqual(self.run_ok(code).kinds(), ["status", "execute_input", "execute_result", "status"])

    def test_value(self):
        code, expected = self.sample("value")
        self.assertEqual(self.value(code), expected)

    def test_no_value(self):
        self.assertNotIn("execute_result", self.run_ok(self.sample("no_value")).kinds())

    def test_count(self):
        code, _ = self.sample("value")
        first = self.run_ok(code).content["execution_count"]
        self.assertEqual(self.run_ok(code).content["execution_count"], first + 1)
        outcome = self.run_ok(code, silent=True)
        self.assertEqual(outcome.kinds(), ["status", "status"])
        self.run_ok(code, store_history=False)
        self.assertEqual(self.run_ok(code).of("execute_input")[0]["execution_count"], first + 2)

    def test_user_expressions(self):
        code, expected = self.sample("get")
        self.run_ok(self.sample("set"))
        bad, _ = self.sample("error")
        values = self.run_ok(self.sample("no_value"), user_expressions={"a": code, "b": bad}).content["user_expressions"]
        self.assertEqual(values["a"]["data"]["text/plain"], expected)
        self.assertEqual(values["b"]["status"], "error")

    def test_definitions_live_on(self):
        definition, code, expected = self.sample("define")
        self.run_ok(definition)
        self.assertEqual(self.value(code), expected)

    def test_redefinitions(self):
        for definition, code, expected in self.sample("redefine"):
            with self.subTest(definition):
                self.run_ok(definition)
                self.assertEqual(self.value(code), expected)

    def test_bad_signature_is_dropped(self):
        session = self.user.client.session
        good, session.key = session.key, b"wrong"
        try:
            id_ = self.user.client.execute(self.sample("no_value"))
        finally:
            session.key = good
        self.user.timeout = 0.5
        with self.assertRaises((TimeoutError, queue.Empty)):
            self.user.reply(id_)
        self.user.timeout = 30
        self.run_ok(self.sample("no_value"))

    def test_unknown_request_is_ignored(self):
        message = self.user.client.session.msg("nonsense_request", {})
        self.user.client.shell_channel.send(message)
        self.run_ok(self.sample("no_value"))

    def test_heartbeat(self):
        self.user.client.hb_channel.unpause()
        time.sleep(1.5)
        self.assertTrue(self.user.client.hb_channel.is_beating())


class Output(KernelTest):
    def test_streams(self):
        for name, stream in (("hello", "stdout"), ("stderr", "stderr"), ("unicode", "stdout")):
            with self.subTest(name):
                code, expected = self.sample(name)
                self.assertEqual(self.run_ok(code).stream(stream), expected)

    def test_of_children(self):
        code, expected = self.sample("child")
        self.assertEqual(self.run_ok(code).stream(), expected)

    def test_invalid_utf8_is_replaced(self):
        code, expected = self.sample("invalid_utf8")
        self.assertEqual(self.run_ok(code).stream(), expected)

    def test_torn_characters_are_whole(self):
        code, expected = self.sample("torn")
        self.assertEqual(self.run_ok(code).stream(), expected)

    def test_comes_while_the_cell_runs(self):
        times = {}
        self.user.run(self.sample("slow_output"),
                      lambda m: times.setdefault(m["content"].get("text", "").strip() or m["msg_type"], time.monotonic()))
        self.assertGreater(times["b"] - times["a"], 0.2)

    def test_flood(self):
        code, lines = self.sample("flood")
        begin = time.monotonic()
        outcome = self.run_ok(code)
        text = outcome.stream()
        self.assertEqual(text.count("\n"), lines)
        self.assertTrue(text.rstrip().endswith(str(lines - 1)))
        if LANGUAGE != "python":
            self.assertLess(time.monotonic() - begin, 10)
            self.assertLess(len(outcome.of("stream")), 1000)

    def test_rich_display(self):
        code, types = self.sample("display")
        shown = self.run_ok(code).of("display_data")
        self.assertEqual(len(shown), 1)
        self.assertLessEqual(types, set(shown[0]["data"]))

    def test_live_display(self):
        code, last = self.sample("live")
        outcome = self.run_ok(code)
        first, updates = outcome.of("display_data"), outcome.of("update_display_data")
        self.assertEqual(len(first), 1)
        self.assertEqual({str(first[0]["transient"])}, {str(u["transient"]) for u in updates})
        self.assertIn(last, updates[-1]["data"]["text/plain"])
        self.assertNotIn(last, first[0]["data"]["text/plain"])


class Errors(KernelTest):
    def test_error(self):
        for name in ("error", "exception"):
            with self.subTest(name):
                code, expected = self.sample(name)
                outcome = self.user.run(code)
                self.assertEqual(outcome.content["status"], "error")
                error = outcome.of("error")[0]
                self.assertIn(expected, error["ename"] + error["evalue"] + "\n".join(error["traceback"]))
                self.assertTrue(error["traceback"])
                self.run_ok(self.sample("no_value"))

    def test_several_errors(self):
        code, expected = self.sample("two_errors")
        text = "\n".join(self.user.run(code).of("error")[0]["traceback"])
        for part in expected:
            self.assertIn(part, text)

    def test_queue_is_aborted(self):
        bad, _ = self.sample("error")
        good, _ = self.sample("value")
        ids = [self.user.client.execute(code) for code in (bad, good, good)]
        states = [self.user.reply(id_)["content"]["status"] for id_ in ids]
        for id_ in ids[-1:]:
            self.user.until_idle(id_)
        self.assertEqual(states, ["error", "aborted", "aborted"])
        self.run_ok(good)

    def test_queue_goes_on_when_asked(self):
        bad, _ = self.sample("error")
        good, _ = self.sample("value")
        first = self.user.client.execute(bad, stop_on_error=False)
        second = self.user.client.execute(good)
        self.assertEqual(self.user.reply(first)["content"]["status"], "error")
        self.assertEqual(self.user.finish(second).content["status"], "ok")


class Code(KernelTest):
    def test_completion(self):
        for name in ("complete", "complete_behind_unicode"):
            with self.subTest(name):
                code, position, expected = self.sample(name)
                content = self.user.reply(self.user.client.complete(code, position))["content"]
                self.assertTrue(any(m.startswith(expected) for m in content["matches"]), content["matches"][:10])
                self.assertEqual(content["cursor_end"], position)
                typed = code[content["cursor_start"]:content["cursor_end"]]
                self.assertTrue(expected.startswith(typed), typed)
                for one in content["metadata"].get("_jupyter_types_experimental", []):
                    self.assertLessEqual({"start", "end", "text", "type"}, set(one))

    def test_inspection(self):
        code, position, expected = self.sample("inspect")
        content = self.user.reply(self.user.client.inspect(code, position))["content"]
        self.assertTrue(content["found"])
        self.assertIn(expected, content["data"]["text/plain"])
        code, position = self.sample("inspect_nothing")
        self.assertFalse(self.user.reply(self.user.client.inspect(code, position))["content"]["found"])

    def test_is_complete(self):
        for code, expected in self.sample("is_complete"):
            with self.subTest(code):
                content = self.user.reply(self.user.client.is_complete(code))["content"]
                self.assertEqual(content["status"], expected)
                if expected == "incomplete":
                    self.assertIsInstance(content["indent"], str)

    def test_magics(self):
        for name in ("magic_time", "shell"):
            code, expected = self.sample(name)
            self.assertIn(expected, self.run_ok(code).stream())
        code, expected = self.sample("magic_unknown")
        self.assertIn(expected, self.user.run(code).of("error")[0]["evalue"])

    def test_history(self):
        code, _ = self.sample("value")
        for _ in range(3):
            count = self.run_ok(code).content["execution_count"]
        ask = self.user.client.history
        tail = self.user.reply(ask(hist_access_type="tail", n=2))["content"]["history"]
        self.assertEqual([entry[2] for entry in tail], [code, code])
        part = self.user.reply(ask(hist_access_type="range", session=0, start=count - 1, stop=count))["content"]["history"]
        self.assertEqual([entry[1:] for entry in part], [[count - 1, code]])
        found = self.user.reply(ask(hist_access_type="search", pattern=code[:2] + "*", n=5, unique=True))["content"]["history"]
        self.assertEqual([entry[2] for entry in found].count(code), 1)
        pairs = self.user.reply(ask(hist_access_type="tail", n=1, output=True))["content"]["history"]
        self.assertEqual(len(pairs[0][2]), 2)


class Input(KernelTest):
    def test_is_asked_of_the_front_end(self):
        id_ = self.user.client.execute(self.sample("input"), allow_stdin=True)
        asked = self.user.client.get_stdin_msg(timeout=20)
        check_shape(asked)
        self.assertEqual(asked["parent_header"]["msg_id"], id_)
        self.user.client.input("Ada é")
        self.assertIn("Ada é", self.user.finish(id_).of("execute_result")[0]["data"]["text/plain"])

    def test_is_refused_clearly(self):
        outcome = self.user.run(self.sample("input"), allow_stdin=False)
        self.assertEqual(outcome.content["status"], "error")
        self.assertTrue(outcome.of("error")[0]["evalue"])
        self.run_ok(self.sample("no_value"))

    def test_can_be_interrupted(self):
        id_ = self.user.client.execute(self.sample("input"), allow_stdin=True)
        self.user.client.get_stdin_msg(timeout=20)
        time.sleep(0.1)
        self.manager.interrupt_kernel()
        self.assertEqual(self.user.finish(id_).content["status"], "error")
        self.run_ok(self.sample("no_value"))


class Interrupts(KernelTest):
    def interrupted(self, code, send):
        id_ = self.user.client.execute(code)
        time.sleep(0.5)
        begin = time.monotonic()
        send()
        outcome = self.user.finish(id_)
        self.assertEqual(outcome.content["status"], "error")
        self.assertIn("Interrupt", outcome.content["ename"])
        self.assertLess(time.monotonic() - begin, 3)

    def send_request(self):
        message = self.user.client.session.msg("interrupt_request", {})
        self.user.client.control_channel.send(message)
        reply = self.user.reply(message["header"]["msg_id"], "control")
        self.assertEqual(reply["msg_type"], "interrupt_reply")
        if LANGUAGE != "python":
            self.assertEqual(reply["content"], {"status": "ok"})

    def test_signal(self):
        value, expected = self.sample("get")
        self.run_ok(self.sample("set"))
        self.interrupted(SAMPLES["sleep"] or self.sample("loop"), self.manager.interrupt_kernel)
        self.assertEqual(self.value(value), expected)

    def test_request(self):
        self.interrupted(SAMPLES["sleep"] or self.sample("loop"), self.send_request)

    def test_loop(self):
        self.interrupted(self.sample("loop"), self.manager.interrupt_kernel)

    def test_shell_command(self):
        self.interrupted(self.sample("shell_sleep"), self.manager.interrupt_kernel)
        self.interrupted(self.sample("shell_sleep"), self.manager.interrupt_kernel)

    def test_between_cells_nothing_happens(self):
        self.manager.interrupt_kernel()
        time.sleep(0.2)
        self.assertTrue(self.manager.is_alive())
        self.run_ok(self.sample("no_value"))


class TwoClients(KernelTest):
    def test_each_gets_its_own(self):
        other = Client(self.manager)
        code, expected = self.sample("value")
        hello, text = self.sample("hello")
        mine, theirs = self.user.client.execute(hello), other.client.execute(code)
        self.assertEqual(self.user.finish(mine).stream(), text)
        outcome = other.finish(theirs)
        self.assertEqual(outcome.of("execute_result")[0]["data"]["text/plain"], expected)
        self.assertEqual(outcome.stream(), "")
        # Both see what both do.
        self.assertEqual(self.user.until_idle(theirs)[-1]["parent_header"]["session"], other.client.session.session)
        # Input is asked of who runs the cell.
        id_ = other.client.execute(self.sample("input"), allow_stdin=True)
        other.client.get_stdin_msg(timeout=20)
        with self.assertRaises(Exception):
            self.user.client.get_stdin_msg(timeout=0.3)
        other.client.input("x")
        other.finish(id_)
        other.close()


class Ends(unittest.TestCase):
    sample = KernelTest.sample

    def setUp(self):
        KernelTest.setUpClass.__func__(self)

    def tearDown(self):
        KernelTest.tearDownClass.__func__(self)

    def wait_for_death(self):
        end = time.monotonic() + 10
        while self.manager.is_alive() and time.monotonic() < end:
            time.sleep(0.02)
        self.assertFalse(self.manager.is_alive())

    def test_shutdown(self):
        id_ = self.user.client.shutdown()
        self.assertEqual(self.user.reply(id_, "control")["content"], {"status": "ok", "restart": False})
        self.wait_for_death()

    def test_shutdown_while_a_cell_runs(self):
        if LANGUAGE == "python":
            self.skipTest("ipykernel goes on with its cell")
        self.user.client.execute(SAMPLES["sleep"] or self.sample("loop"))
        time.sleep(0.3)
        id_ = self.user.client.shutdown(restart=True)
        self.assertTrue(self.user.reply(id_, "control")["content"]["restart"])
        self.wait_for_death()

    def test_crash_has_last_words_and_a_restart_helps(self):
        for name in ("crash", "exit"):
            code, expected = self.sample(name)
            self.user.client.execute(code)
            words, end = "", time.monotonic() + 10
            while expected not in words and time.monotonic() < end:
                message = self.user.client.get_iopub_msg(timeout=10)
                words += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
            self.assertIn(expected, words)
            self.wait_for_death()
            self.user.close()
            self.manager.restart_kernel(now=True)
            self.user = Client(self.manager)
            outcome = self.user.run(self.sample("value")[0])
            self.assertEqual(outcome.content["execution_count"], 1)

    def test_dies_with_its_parent(self):
        if LANGUAGE == "python":
            self.skipTest("ipykernel's own affair")
        program = "import sys, time; sys.path.insert(0, sys.argv[1]); from client import Manager; m = Manager(); m.start_kernel(); " \
                  "print(m.provisioner.pid, flush=True); time.sleep(60)"
        import subprocess
        parent = subprocess.Popen([sys.executable, "-c", program, os.path.dirname(os.path.abspath(__file__))], stdout=subprocess.PIPE)
        kernel = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
        parent.wait()
        parent.stdout.close()
        end = time.monotonic() + 10
        while time.monotonic() < end and is_running(kernel):
            time.sleep(0.1)
        self.assertFalse(is_running(kernel))


def is_running(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    print(f"jupyter_client {jupyter_client.__version__}, {LANGUAGE}: {os.environ['TUTTI_TEST_KERNEL']}")
    unittest.main(verbosity=2)
