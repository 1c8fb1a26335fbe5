#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pilots for the queue LOCAL: take jobs by the server's pilot API, run the transformation that the job names, and report as pilot 3.11.5 does
(payload.py: codes modulo 255, payload_error_report.json of the transformation, 1144 for a job that the server wants killed). The image of a container is
not used: its command runs here. Usage: pilot.py API FOLDER TOKEN_FILE"""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import traceback
import urllib.request
import uuid
import zlib

API, FOLDER, TOKEN = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]).read_text()
PILOTS, PAYLOADS = 4, []


def call(path, **body):
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": "wlcg.production", "Accept": "application/json", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(f"{API}/{path}", json.dumps(body).encode(), headers), timeout=120) as answer:
        return json.load(answer)


class Job:
    def __init__(self, job):
        self.job, self.id, self.folder = job, int(job["PandaID"]), FOLDER / str(job["PandaID"])
        self.folder.mkdir(parents=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("PANDA_", "OIDC_", "SBI_TEST_", "VIRTUAL_ENV", "PYTHON"))}
        self.environment.update(PandaID=str(self.id), PanDA_TaskID=str(job["taskID"]), PanDA_AttemptNr=str(job["attemptNr"]), INDS="", PANDA_RESOURCE="LOCAL",
                                ATHENA_PROC_NUMBER=str(job["coreCount"]))
        self.log = open(self.folder / "payload.stdout", "ab")

    def say(self, status, **more):
        answer = call("pilot/update_job", job_id=self.id, job_status=status, node="localhost", site_name="LOCAL", attempt_nr=int(self.job["attemptNr"]), **more)
        return (answer.get("data") or {}).get("command")

    def start(self, command):
        process = subprocess.Popen(command, shell=True, executable="/bin/bash", cwd=self.folder, env=self.environment, stdout=self.log, stderr=self.log,
                                   start_new_session=True)
        PAYLOADS.append(process)
        return process

    def transformation(self, url, arguments):
        name = self.folder / url.rsplit("/", 1)[-1]
        urllib.request.urlretrieve(url, name)
        name.chmod(0o755)
        return f"./{name.name} {arguments}"

    def watch(self, process):
        """The exit code, and whether the server wanted an end."""
        killed, said = False, 0
        while process.poll() is None:
            if time.time() - said > 1:
                said = time.time()
                if self.say("running") == "tobekilled" and not killed:
                    killed = True
                    os.killpg(process.pid, signal.SIGTERM)
            time.sleep(0.05)
        return process.returncode, killed

    def outputs(self):
        found, missing = {}, None
        subprocess.run(["tar", "czf", self.job["logFile"], "payload.stdout"], cwd=self.folder, check=True)
        for name in self.job["outFiles"].split(","):
            file = self.folder / name
            if file.exists():
                data = file.read_bytes()
                found[name] = {"guid": str(uuid.uuid4()), "fsize": len(data), "adler32": f"{zlib.adler32(data):08x}", "surl": f"file://{file}"}
            else:
                missing = name
        return found, missing

    def run(self):
        self.say("starting")
        steps, code, killed = self.job.get("preprocess"), 0, False
        if steps:
            code = self.start(self.transformation(steps["command"], steps["args"])).wait()
        if code == 0:
            command = self.job["containerOptions"]["containerExec"] if steps else self.transformation(self.job["transformation"], self.job["jobPars"])
            code, killed = self.watch(self.start(command))
            if steps:
                self.start(self.transformation(self.job["postprocess"]["command"], self.job["postprocess"]["args"])).wait()
        end = {"trans_exit_code": code % 255} if code >= 0 else {}
        found, missing = self.outputs()
        report = self.folder / "payload_error_report.json"
        if killed:
            end.update(pilot_error_code=1144, pilot_error_diag="This job was killed by panda server")
        elif report.exists():
            said = json.loads(report.read_text())
            end.update(exe_error_code=said["error_code"], exe_error_diag=said["error_diag"], pilot_error_code=1305, pilot_error_diag=said["error_diag"])
        elif code:
            end.update(pilot_error_code={2: 1378, 3: 1368, 251: 1315, -1: 1315}.get(code, 1305), pilot_error_diag="Failed to execute payload")
        elif missing:
            end.update(pilot_error_code=1165, pilot_error_diag=f"Local output file is missing: {missing}")
        self.say("failed" if "pilot_error_code" in end else "finished", job_output_report=json.dumps(found), **end)


def pilot():
    while True:
        try:
            answer = call("pilot/acquire_jobs", site_name="LOCAL", prod_source_label="user", node="localhost", n_jobs=1)
            for job in (answer.get("data") or {}).get("jobs", []) if answer["success"] else []:
                Job(job).run()
            if not answer["success"]:
                time.sleep(0.5)
        except Exception:
            traceback.print_exc()
            time.sleep(1)


def stop(*_):
    for process in PAYLOADS:
        if process.poll() is None:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
for _ in range(PILOTS):
    threading.Thread(target=pilot).start()
