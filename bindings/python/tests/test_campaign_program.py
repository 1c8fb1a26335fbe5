# SPDX-License-Identifier: Apache-2.0
"""sbi-campaign on campaigns that run: a client at work, looked at, stopped, killed, gone on with. Small trainings in worker processes, which a
gate holds back or turns away; no test looks at how long anything takes, and every wait ends."""

import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import sbi  # noqa: E402

PROGRAMS = pathlib.Path(os.environ["SBI_LIBRARY"]).resolve().parent / "bin"
LIMIT = 120  # seconds, for anything to happen
LONG = {"epochs": 1000000, "events": 5000}  # never at its end
CLEAR = b"\x1b[H\x1b[2J"

WORKER = """#!/bin/sh
# The worker, unless GATE/refuse is there; held back while GATE/closed is.
for key; do :; done
[ -e "{gate}/refuse" ] && {{ echo "no room for $key"; exit 78; }}
i=0
while [ -e "{gate}/closed" ] && [ $i -lt 2400 ]; do sleep 0.05; i=$((i + 1)); done
echo "let in $key"
exec "{program}" "$@"
"""


class Programs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.gate = self.folder / "gate"
        self.gate.mkdir()
        self.campaign = self.folder / "campaign"
        worker = self.folder / "worker"
        worker.write_text(WORKER.format(gate=self.gate, program=PROGRAMS / "sbi-worker"))
        worker.chmod(0o755)

    def begin(self, epochs=2, events=500, members=3):
        """A campaign whose tasks were all turned away."""
        rng = np.random.default_rng(1)
        data = sbi.Dataset()
        for side in (sbi.NUMERATOR, sbi.DENOMINATOR):
            data.add(side, rng.normal(0.3 * side, 1, (events, 2)))
        (self.gate / "refuse").touch()
        with sbi.Executor("processes", store=f"{self.folder}/store", worker=f"{self.folder}/worker", processes=members, threads=1,
                          heartbeat=1) as executor:
            with self.assertRaises(sbi.SbiError) as caught:
                sbi.Ensemble.train(data, executor, campaign=str(self.campaign), members=members, epochs=epochs, depth=1, width=4)
        self.assertEqual(caught.exception.name, "SBI_ERR_TASK_FAILED")
        (self.gate / "refuse").unlink()

    def start(self, command, *options, **more):
        process = subprocess.Popen([PROGRAMS / "sbi-campaign", command, self.campaign, *options], **more)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()

        self.addCleanup(end)
        return process

    def run_program(self, command, *options, code=0):
        done = subprocess.run([PROGRAMS / "sbi-campaign", command, self.campaign, *options], capture_output=True, timeout=LIMIT)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return done.stdout.decode()

    def status(self):
        return json.loads(self.run_program("status", "--json"))

    def tasks(self):
        return json.loads(self.run_program("tasks", "--json"))

    def until(self, happened, what):
        end = time.monotonic() + LIMIT
        while not happened():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def start_held(self, waiting):
        """A client whose tasks are held back at the gate."""
        (self.gate / "closed").touch()
        client = self.start("retry", stderr=subprocess.DEVNULL)
        self.until(lambda: self.status()["waiting"] == waiting, "the client to begin")
        return client

    def start_running(self):
        client = self.start("retry", stderr=subprocess.PIPE)
        self.until(lambda: self.status()["running"] == 3, "the tasks to run")
        return client

    def start_looking(self, interval):
        """status on a terminal, and our end of it"""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        look = self.start("status", "--interval", interval, stdout=theirs)
        os.close(theirs)
        return look, ours

    def work_left(self):
        """Whether a worker has one of its records locked."""
        for record in self.folder.glob("store/jobs/*/process"):
            with open(record) as f:
                try:
                    fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
        return False

    # ---- looking while a client works

    def test_status_on_a_terminal(self):
        self.begin()
        client = self.start_held(3)
        look, ours = self.start_looking("0.1")
        seen = bytearray()

        def read():
            """What has come; 0 once there is no more to come."""
            try:
                seen.extend(os.read(ours, 65536) if select.select([ours], [], [], 0)[0] else b"")
            except OSError:  # nobody has the other end open
                return 0
            return seen.count(CLEAR)

        self.until(lambda: read() >= 3, "the third picture")
        self.assertIn(b"0.0 % done", seen)
        self.assertNotIn(b"100.0 % done", seen)
        (self.gate / "closed").unlink()
        self.until(lambda: read() == 0, "status to see the end")
        look.wait(LIMIT)
        self.assertEqual(look.returncode, 0)
        self.assertIn(b"100.0 % done", bytes(seen).rsplit(CLEAR, 1)[1])
        self.assertEqual(client.wait(LIMIT), 0)

    def test_status_is_left_by_a_signal(self):
        self.begin()
        client = self.start_held(3)
        look, ours = self.start_looking("1000")
        self.assertTrue(select.select([ours], [], [], LIMIT)[0])
        look.send_signal(signal.SIGINT)
        self.assertEqual(look.wait(LIMIT), 0)
        (self.gate / "closed").unlink()
        self.assertEqual(client.wait(LIMIT), 0)

    def test_events_are_followed(self):
        self.begin()
        client = self.start_held(3)
        follow = self.start("events", "--follow", "--json", "--interval", "0.05", stdout=subprocess.PIPE)
        rows = [json.loads(follow.stdout.readline())]
        (self.gate / "closed").unlink()
        rows += [json.loads(line) for line in follow.stdout]  # until it ends, as the campaign does
        self.assertEqual(follow.wait(LIMIT), 0)
        self.assertEqual(client.wait(LIMIT), 0)
        self.assertEqual([r["seq"] for r in rows], list(range(len(rows))))
        self.assertEqual(sum(r["event"] == "finished" for r in rows), 3)
        self.assertEqual(rows, [json.loads(line) for line in self.run_program("events", "--json").splitlines()])

    def test_a_folder_that_is_none(self):
        for command in "resume", "retry", "cancel", "status", "events":
            self.run_program(command, code=1)
            self.assertFalse(self.campaign.exists(), command)

    def test_logs(self):
        self.begin()
        key = self.tasks()[0]["key"]
        self.assertIn(f"no room for {key}", self.run_program("logs", key))
        self.run_program("retry")
        self.assertIn(f"let in {key}", self.run_program("logs", key[:20]))
        self.run_program("logs", "nobody", code=1)

    # ---- trying afresh

    def test_retry(self):
        self.begin()
        given_up = self.tasks()
        self.assertEqual([t["state"] for t in given_up], ["given up"] * 3)
        (self.gate / "refuse").touch()
        self.run_program("retry", "--max-failures", "9", code=3)
        again = self.tasks()
        self.assertEqual([(t["state"], t["attempts"]) for t in again], [("given up", t["attempts"] + 1) for t in given_up])
        (self.gate / "refuse").unlink()
        # One by the beginning of its name: the others stay as they are, and count against the run.
        self.run_program("retry", again[1]["key"][:20])
        self.assertEqual([t["state"] for t in self.tasks()], ["given up", "done", "given up"])
        self.run_program("retry")
        self.assertEqual([(t["state"], t["attempts"]) for t in self.tasks()], [("done", t["attempts"] + 1) for t in again])
        # One that is done, by its name.
        self.run_program("retry", again[1]["key"])
        self.assertEqual([t["attempts"] - a["attempts"] for t, a in zip(self.tasks(), again)], [1, 2, 1])

    # ---- stopping

    def test_cancel_while_a_client_works(self):
        self.begin(**LONG)
        client = self.start_running()
        self.run_program("retry", code=1)  # no second client
        self.run_program("cancel")
        self.assertEqual(client.wait(LIMIT), 1)
        self.assertIn(b"cancelled by another process", client.stderr.read())
        self.assertEqual((self.status()["running"], self.status()["waiting"]), (0, 3))
        self.assertFalse(self.work_left())
        self.run_program("cancel")  # nothing is left to stop

    def test_cancel_of_what_a_killed_client_left(self):
        self.begin(**LONG)
        client = self.start_running()
        client.kill()
        client.wait()
        self.assertTrue(self.work_left())
        self.run_program("cancel")
        self.until(lambda: not self.work_left(), "the workers to end")
        self.assertEqual(self.status()["running"], 0)

    def test_a_client_that_is_interrupted(self):
        self.begin(**LONG)
        client = self.start_running()
        client.send_signal(signal.SIGTERM)
        self.assertEqual(client.wait(LIMIT), 1)
        self.assertIn(b"CANCELLED", client.stderr.read())
        self.assertTrue(self.work_left())  # these workers outlive their client
        self.run_program("cancel")
        self.until(lambda: not self.work_left(), "the workers to end")

    def test_resume_after_a_kill(self):
        self.begin()
        first = self.tasks()[0]["key"]
        self.run_program("retry", first)
        client = self.start_held(2)
        client.kill()
        client.wait()
        self.assertEqual([t["state"] for t in self.tasks()], ["done", "pending", "pending"])
        (self.gate / "closed").unlink()
        before = self.tasks()
        lines = self.folder / "events.jsonl"
        self.run_program("resume", "--events", lines)
        after = self.tasks()
        self.assertEqual([t["state"] for t in after], ["done"] * 3)
        self.assertEqual([t["attempts"] for t in after], [t["attempts"] for t in before])  # adopted, not begun afresh
        self.assertEqual(after[0], before[0])
        rows = [json.loads(line) for line in lines.read_text().splitlines()]
        kept = [r for r in rows if r["event"] != "progress"]
        self.assertEqual([r["seq"] for r in kept], list(range(len(kept))))
        self.run_program("resume")  # nothing is left to do
        self.assertEqual(self.tasks(), after)


if __name__ == "__main__":
    unittest.main()
