#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A STAND-IN for Slurm, not Slurm: sbatch, squeue, sacct and scancel as far as examples/slurm_executor uses them, by the name it is called with.

Jobs really run, as processes of this machine, SLURM_STANDIN_SLOTS (4) at a time; the state is in the folder SLURM_STANDIN. What it does not know it
refuses. It was written after the manual pages of Slurm 23; what a real cluster does differently it cannot show."""

import fcntl
import os
import pathlib
import re
import signal
import subprocess
import sys

ROOT = pathlib.Path(os.environ["SLURM_STANDIN"])
SLOTS = int(os.environ.get("SLURM_STANDIN_SLOTS", "4"))


def take(arguments, known):
    """Options "--name=value" and "--name" that are known, and the other words."""
    options, words = {}, []
    for a in arguments:
        if not a.startswith("--"):
            words.append(a)
            continue
        name, _, value = a[2:].partition("=")
        if name not in known:
            sys.exit(f"stand-in: unknown option {a}")
        options[name] = value
    return options, words


def write(path, text):
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.rename(path)


def read(path):
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def tasks(job):
    return sorted((p for p in job.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))


def jobs():
    return sorted((p for p in ROOT.iterdir() if p.name.isdigit()), key=lambda p: int(p.name))


def sbatch(arguments):
    o, words = take(arguments, {"parsable", "no-requeue", "job-name", "array", "output", "mem", "cpus-per-task", "wrap", "partition"})
    if words or read(ROOT / "refuse"):
        sys.exit("sbatch: error: Batch job submission failed: Unable to contact slurm controller")
    last = int(re.fullmatch(r"0-(\d+)", o["array"]).group(1))
    with open(ROOT / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        number = 1 + max((int(p.name) for p in jobs()), default=100)
        job = ROOT / f"{number}.new"
        job.mkdir()
        (job / "name").write_text(o["job-name"])
        (job / "wrap").write_text(o["wrap"])
        for i in range(last + 1):
            (job / str(i)).mkdir()
            (job / str(i) / "state").write_text("PENDING 0:0")
        job = job.rename(ROOT / str(number))
    print(number, flush=True)
    if os.fork() == 0:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        run_array(job)
        os._exit(0)


def run_array(job):
    """What the nodes do."""
    wrap, running = read(job / "wrap"), {}
    waiting = tasks(job)
    while waiting or running:
        while waiting and len(running) < SLOTS:
            task = waiting.pop(0)
            if start(task, wrap, running) is None:
                continue
        if not running:
            continue
        pid, how = os.wait()
        if pid not in running:
            continue
        task = running.pop(pid)
        code = f"0:{os.WTERMSIG(how)}" if os.WIFSIGNALED(how) else f"{os.WEXITSTATUS(how)}:0"
        if read(task / "cancelled"):
            state = "CANCELLED by 1000"
        else:
            state = "COMPLETED" if code == "0:0" else "FAILED"
        write(task / "state", f"{state}|{code}")


def start(task, wrap, running):
    with open(task / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if read(task / "cancelled"):
            write(task / "state", "CANCELLED by 1000|0:0")
            return None
        environment = dict(os.environ, SLURM_ARRAY_TASK_ID=task.name, SLURM_ARRAY_JOB_ID=task.parent.name)
        child = subprocess.Popen(["/bin/sh", "-c", wrap], env=environment, start_new_session=True)
        (task / "pid").write_text(str(child.pid))
        write(task / "state", "RUNNING|0:0")
        running[child.pid] = task
        child.returncode = 0  # os.wait() reaps it
        return child


def squeue(arguments):
    o, _ = take(arguments, {"noheader", "name", "format", "array"})
    names = o["name"].split(",")
    for job in jobs():
        if read(job / "name") not in names:
            continue
        for task in tasks(job):
            state = re.split(r"[ |]", read(task / "state"))[0]
            if state not in ("PENDING", "RUNNING"):
                continue
            print(o["format"].replace("%F", job.name).replace("%i", f"{job.name}_{task.name}").replace("%T", state))


def sacct(arguments):
    o, _ = take(arguments, {"noheader", "parsable2", "allocations", "array", "format", "jobs"})
    if read(ROOT / "no-accounting"):
        sys.exit("sacct: error: Slurm accounting storage is disabled")
    assert o["format"] == "JobID,State,ExitCode"
    for number in o["jobs"].split(","):
        for task in tasks(ROOT / number) if (ROOT / number).is_dir() else []:
            state, _, code = read(task / "state").partition("|")
            print(f"{number}_{task.name}|{state}|{code or '0:0'}")


def scancel(arguments):
    _, words = take(arguments, set())
    for word in words:
        number, _, index = word.partition("_")
        for task in tasks(ROOT / number) if not index else [ROOT / number / index]:
            with open(task / "lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                (task / "cancelled").write_text("yes")
                pid = read(task / "pid")
                if not pid:
                    write(task / "state", "CANCELLED by 1000|0:0")
                elif read(task / "state").startswith("RUNNING"):
                    try:
                        os.killpg(int(pid), signal.SIGTERM)
                    except ProcessLookupError:
                        pass


if __name__ == "__main__":
    ROOT.mkdir(exist_ok=True)
    {"sbatch": sbatch, "squeue": squeue, "sacct": sacct, "scancel": scancel}[os.path.basename(sys.argv[0])](sys.argv[1:])
