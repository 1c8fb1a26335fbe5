# SPDX-License-Identifier: Apache-2.0
"""The two kinds of processes that are timed: JAX's and libsbi's, one command a line, one JSON object a reply."""
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent


def environment(**more):
    env = {k: v for k, v in os.environ.items() if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "XLA_FLAGS")}
    return env | {"JAX_PLATFORMS": "cpu", "PYTHONDONTWRITEBYTECODE": "1"} | more


def available_bytes():
    with open("/proc/meminfo") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("MemAvailable:"))


class Child:
    def __init__(self, command, **more):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(**more))
        self.about = self.reply()

    def reply(self):
        line = self.process.stdout.readline()
        if not line:
            return {"error": f"ended with status {self.process.wait()}"}
        return json.loads(line)

    def ask(self, text):
        try:
            self.process.stdin.write(text + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"error": f"ended with status {self.process.wait()}"}
        return self.reply()

    def status(self):
        """Resident memory in bytes, from outside: the kernel's own account of the process."""
        with open(f"/proc/{self.process.pid}/status") as f:
            return {k: int(v.split()[0]) * 1024 for k, v in (line.split(":", 1) for line in f) if k in ("VmHWM", "RssFile", "RssAnon")}

    def with_peak(self, text):
        """The reply, and the most anonymous memory that was resident while it was computed (mapped files are not counted)."""
        try:
            with open(f"/proc/{self.process.pid}/clear_refs", "w") as f:
                f.write("5")
            reply = self.ask(text)
            after = self.status()
            return reply, after["VmHWM"] - after["RssFile"]
        except OSError:
            return self.ask(text), None

    def idle(self, limit=3.0):
        """Waits until the process no longer works, at most `limit` seconds: after its reply one may still be freeing gigabytes, on the
        cores that the next one is timed on."""
        def used():
            with open(f"/proc/{self.process.pid}/stat") as f:
                return sum(map(int, f.read().rsplit(")", 1)[1].split()[11:13]))
        end, before = time.monotonic() + limit, used()
        while time.monotonic() < end:
            time.sleep(0.05)
            now = used()
            if now == before:
                return
            before = now

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


class Jax(Child):
    """`variant` plain as XLA comes; of the others, registers as wide as the machine has, and one host device a core, for shard_map."""

    def __init__(self, folder, variant, dtype):
        plain = variant == "plain"
        command = [sys.executable, str(HERE / "jax_peer.py"), str(folder), "plain" if plain else "blocked", dtype]
        flags = "" if plain else f"--xla_force_host_platform_device_count={os.cpu_count()}"
        wide = "" if plain else " --xla_cpu_prefer_vector_width=512"
        super().__init__(command, XLA_FLAGS=flags + wide)
        if "error" in self.about and wide:  # an XLA that does not know the flag ends at once
            super().__init__(command, XLA_FLAGS=flags)

    @staticmethod
    def command(do, quantity, point, setting, result=False):
        return json.dumps({"do": do, "quantity": quantity, "point": point, "setting": setting, "result": result})


class Sbi(Child):
    def __init__(self, program, folder, storage):
        super().__init__([str(program), str(folder), storage])

    @staticmethod
    def command(quantity, threads, precision, point, result=False):
        return f"{quantity} {threads} {precision} {point}" + (" result" if result else "")
