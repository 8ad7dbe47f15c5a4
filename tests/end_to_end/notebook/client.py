"""A front-end for tests: jupyter_client, with every message checked against the protocol's shape."""
import os
import queue
import time

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import KernelManager

TEXT, NUMBER, FLAG, LIST, DICT = str, int, bool, list, dict
# What the content of a message must have (Jupyter's "Messaging in Jupyter", 5.3).
ERROR = {"ename": TEXT, "evalue": TEXT, "traceback": LIST}
CONTENT = {
    "execute_reply": {"status": TEXT},
    "complete_reply": {"status": TEXT, "matches": LIST, "cursor_start": NUMBER, "cursor_end": NUMBER, "metadata": DICT},
    "inspect_reply": {"status": TEXT, "found": FLAG, "data": DICT, "metadata": DICT},
    "is_complete_reply": {"status": TEXT},
    "history_reply": {"status": TEXT, "history": LIST},
    "comm_info_reply": {"status": TEXT, "comms": DICT},
    "kernel_info_reply": {"status": TEXT, "protocol_version": TEXT, "implementation": TEXT, "implementation_version": TEXT,
                          "language_info": DICT, "banner": TEXT},
    "shutdown_reply": {"status": TEXT, "restart": FLAG},
    "interrupt_reply": {},  # ipykernel 6 says nothing in it
    "status": {"execution_state": TEXT},
    "stream": {"name": TEXT, "text": TEXT},
    "display_data": {"data": DICT, "metadata": DICT},
    "update_display_data": {"data": DICT, "metadata": DICT, "transient": DICT},
    "execute_input": {"code": TEXT, "execution_count": NUMBER},
    "execute_result": {"data": DICT, "metadata": DICT, "execution_count": NUMBER},
    "error": ERROR,
    "input_request": {"prompt": TEXT, "password": FLAG},
    "comm_close": {"comm_id": TEXT, "data": DICT},
}
STATES = ("starting", "busy", "idle", "dead", "restarting")


def check_shape(message):
    kind = message["header"]["msg_type"]
    for name in ("msg_id", "session", "username", "msg_type", "version"):
        assert isinstance(message["header"][name], str), (kind, name, message["header"])
    assert isinstance(message["parent_header"], dict) and isinstance(message["metadata"], dict), kind
    assert kind in CONTENT, f"an unknown message: {kind}"
    content = message["content"]
    if content.get("status") == "error":
        wanted = ERROR
    elif content.get("status") == "aborted":
        wanted = {}
    else:
        wanted = CONTENT[kind]
    for name, type_ in wanted.items():
        assert isinstance(content.get(name), type_), f"{kind}: {name} is {content.get(name)!r}"
    if kind == "execute_reply" and content["status"] == "ok":
        assert isinstance(content["execution_count"], int), content
    if kind == "execute_reply" and content["status"] == "aborted":
        assert "execution_count" not in content, content  # JupyterLab would show it
    if kind == "status":
        assert content["execution_state"] in STATES, content
    if "data" in content and kind in ("display_data", "execute_result", "update_display_data"):
        assert "text/plain" in content["data"], f"{kind} without text/plain"


class Manager(KernelManager):
    """Of a command, where TUTTI_TEST_KERNEL is one, or of an installed kernel's name."""
    @property
    def kernel_spec(self):
        command = os.environ["TUTTI_TEST_KERNEL"].split()
        if len(command) == 1 and "/" not in command[0]:
            return self.kernel_spec_manager.get_kernel_spec(command[0])
        return KernelSpec(argv=command + ["{connection_file}"], display_name="test", language="test",
                          interrupt_mode=os.environ.get("TUTTI_TEST_INTERRUPT", "signal"))


class Outcome:
    """What a request brought: its reply, and what iopub said meanwhile."""
    def __init__(self, reply, messages):
        self.reply, self.messages = reply, messages
        self.content = reply["content"]

    def of(self, kind):
        return [m["content"] for m in self.messages if m["msg_type"] == kind]

    def stream(self, name="stdout"):
        return "".join(m["text"] for m in self.of("stream") if m["name"] == name)

    def kinds(self):
        return [m["msg_type"] for m in self.messages]


class Client:
    def __init__(self, manager, timeout=30):
        # A session of its own: manager.client() would give all of them one, which is one identity for the kernel.
        self.client = BlockingKernelClient()
        self.client.load_connection_file(manager.connection_file)
        self.client.start_channels()
        self.timeout = 60
        self.waiting = []  # on iopub, read while looking for others
        self.wait_until_ready()
        self.timeout = timeout

    def wait_until_ready(self):
        """Not jupyter_client's wait_for_ready(): without a manager it takes a slow start for a death."""
        for _ in range(100):
            self.reply(self.client.kernel_info())
            try:  # iopub's subscription may come later than the reply
                while True:
                    if self.client.get_iopub_msg(timeout=0.3)["content"].get("execution_state") == "idle":
                        return
            except queue.Empty:
                pass
        raise TimeoutError("nothing on iopub")

    def close(self):
        self.client.stop_channels()

    def reply(self, id_, channel="shell"):
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            message = getattr(self.client, f"get_{channel}_msg")(timeout=max(0.1, end - time.monotonic()))
            if message["parent_header"].get("msg_id") == id_:
                check_shape(message)
                return message
        raise TimeoutError(f"no reply on {channel}")

    def until_idle(self, id_, on_message=None):
        messages, others = [], []
        waiting, self.waiting = self.waiting, others
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            message = waiting.pop(0) if waiting else self.client.get_iopub_msg(timeout=max(0.1, end - time.monotonic()))
            if message["parent_header"].get("msg_id") != id_:
                others.append(message)
                continue
            check_shape(message)
            messages.append(message)
            if on_message:
                on_message(message)
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                self.waiting = others + waiting
                return messages
        raise TimeoutError("never idle")

    def finish(self, id_, on_message=None):
        messages = self.until_idle(id_, on_message)
        return Outcome(self.reply(id_), messages)

    def run(self, code, on_message=None, **options):
        return self.finish(self.client.execute(code, **options), on_message)
