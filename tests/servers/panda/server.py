#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in, not PanDA: answers like the api/v1 of a PanDA server 1.0.3, as they were recorded, faults included, with pilots that run the payload's command
line and report its end as runGen and pilot 3.11.5 do, and the OIDC provider of a login. tests/servers/panda_real starts the real one.
Usage: server.py PORT FOLDER TLS_PORT

POST /control {"fault": NAME, "count": N} makes the next N requests of api/v1 fail: "500", "403", "garbage", "html", "empty", "too many", "lost" (acts, and
closes the connection), "duplicate-blind" (get_tasks_detailed_info_since finds nothing). {"set": {NAME: VALUE}}: refine_s, pilots, login ("slow", "denied"),
token_s, profile (of tokens). GET /control: what happened."""

import base64
import email.parser
import gzip
import http.server
import io
import json
import os
import pathlib
import re
import signal
import ssl
import struct
import subprocess
import sys
import tarfile
import threading
import time
import traceback
import urllib.parse

PORT, FOLDER, TLS = int(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
BASE = f"http://127.0.0.1:{PORT}"
LOCK = threading.RLock()
TASKS, JOBS, FILES, FAULTS = {}, {}, {}, {}
SETTINGS = {"refine_s": 0.3, "pilots": 4, "login": "slow", "token_s": 3600, "profile": ""}
COUNTS = {"requests": {}, "gzip": 0, "logins": 0, "refreshes": 0, "subjects": [], "polls": []}
REFRESH = {"value": 0}
LOGIN = {"asked": 0}
ENDED = ("done", "finished", "failed", "aborted", "broken")
SHORT = {"domainComponent": "DC", "commonName": "CN"}
OWNER = "not the task owner or no production role"  # what the server says of tasks that it does not know, too
NOT_KILLED = (*ENDED, "prepared", "toabort", "aborting")


class Refused(Exception):
    """Status 200 with success false."""

    def __init__(self, message, data=None):
        super().__init__(message)
        self.data = data


def token(seconds, claims=None):
    body = {"sub": "user", "exp": int(time.time() + seconds), **(claims or {})}
    encode = lambda o: base64.urlsafe_b64encode(json.dumps(o).encode()).rstrip(b"=").decode()
    return f"{encode({'alg': 'none'})}.{encode(body)}.c2lnbmF0dXJl"


def token_is_good(text):
    try:
        part = text.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))["exp"] > time.time()
    except (IndexError, KeyError, ValueError):
        return False


# ---- tasks and jobs --------------------------------------------------------------------------------------------------

def find_task(task_id, otherwise="Task not found", early=0):
    """A task that is refined, or, early, will be; half of the time until then it is registered, without an owner."""
    task = TASKS.get(int(task_id))
    if task is None or time.time() < task["refined"] - early * SETTINGS["refine_s"] / 2:
        raise Refused(otherwise)
    return task


def status_of(task):
    return "registered" if time.time() < task["refined"] else task["status"]


def submit(task_parameters, parent_tid=None):
    p = task_parameters
    if any(key not in p for key in ("taskName", "prodSourceLabel", "vo")):  # the server says the same when its database fails
        raise Refused("failed to register task", 4)
    for key in ("nEvents", "nEventsPerJob", "jobParameters", "log", "sourceURL", "architecture", "transUses", "transHome", "processingType"):
        if key not in p:
            raise ValueError(f"the real server takes a task without {key}, and breaks it later")
    for other in TASKS.values():
        if other["name"] == p["taskName"] and p.get("uniqueTaskName"):
            if time.time() < other["refined"]:
                raise Refused(f"jediTaskID={other['id']} is already queued for outDS={p['taskName']}. You cannot submit duplicated tasks. ", 1)
            if other["status"] not in ("finished", "failed", "aborted", "done", "exhausted"):
                raise Refused(f"jediTaskID={other['id']} is in the {other['status']} state for outDS={p['taskName']}. It has to end first. ", 2)
            return other["id"], f"reactivation accepted. jediTaskID={other['id']} (currently in {other['status']} state) will be re-executed"
    task_id = 1000 + len(TASKS)
    TASKS[task_id] = {"id": task_id, "name": p["taskName"], "p": p, "status": "defined", "refined": time.time() + SETTINGS["refine_s"], "jobs": [], "made": False}
    return task_id, f"succeeded. new jediTaskID={task_id}"


def fill(parameters, task_id, number):
    """Job parameters as JEDI makes them: texts with a space behind each that is padded."""
    text = ""
    for p in parameters:
        value = p["value"]
        if p.get("hidden") and p["type"] == "template":
            continue
        value = value.replace("$JEDITASKID", str(task_id)).replace("${SN/P}", f"{number:06d}").replace("${SN}", f"{number:06d}")
        value = value.replace("${SEQNUMBER}", str(number)).replace("${SURL}", TASKS[task_id]["p"]["sourceURL"])
        if value == "__delimiter__":
            continue
        text += value + (" " if p.get("padding", True) else "")
    return text.strip()


def refine():
    for task in TASKS.values():
        if task["made"] or time.time() < task["refined"] or task["status"] != "defined":
            continue
        task["made"], task["status"] = True, "running"
        for number in range(1, task["p"]["nEvents"] // task["p"]["nEventsPerJob"] + 1):
            job_id = 6000000 + len(JOBS)
            JOBS[job_id] = {"PandaID": job_id, "jediTaskID": task["id"], "jobStatus": "activated", "attemptNr": 0, "number": number,
                            "jobParameters": fill(task["p"]["jobParameters"], task["id"], number), "computingSite": "TEST_SITE", "transExitCode": None,
                            "pilotErrorCode": 0, "pilotErrorDiag": None, "creationTime": {"__datetime__": "2026-01-01T00:00:00"}, "process": None, "killed": False}
            task["jobs"].append(job_id)


def settle():
    for task in TASKS.values():
        if task["status"] in ENDED or (not task["made"] and task["status"] != "toabort"):
            continue
        states = [JOBS[j]["jobStatus"] for j in task["jobs"]]
        if any(s in ("activated", "running") for s in states):
            continue
        if task["status"] in ("toabort", "aborting"):
            task["status"] = "aborted"
        else:
            good = states.count("finished")
            task["status"] = "done" if good == len(states) else "finished" if good else "failed"


def kill_job(job):
    job["killed"] = True
    if job["jobStatus"] == "activated":
        job.update(jobStatus="cancelled", taskBufferErrorCode=100, taskBufferErrorDiag="killed by user")
    elif job["process"]:
        try:
            os.killpg(job["process"].pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


# ---- pilots ----------------------------------------------------------------------------------------------------------

def option(parameters, letter):
    found = re.search(rf'-{letter} (?:"([^"]*)"|(\S+))', parameters)
    return found.group(1) if found and found.group(1) is not None else found.group(2) if found else ""


def run_job(job):
    """What runGen and the pilot do: the sandbox unpacked in a directory of the job's own, the url-decoded command run by a shell."""
    folder = FOLDER / "pilots" / str(job["PandaID"])
    folder.mkdir(parents=True)
    archive, command = option(job["jobParameters"], "a"), urllib.parse.unquote(option(job["jobParameters"], "p"))
    outputs = json.loads(option(job["jobParameters"], "o").replace("'", '"'))
    with tarfile.open(fileobj=io.BytesIO(FILES[archive])) as tar:
        tar.extractall(folder)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PANDA_", "OIDC_"))}
    environment.update(PandaID=str(job["PandaID"]), PanDA_TaskID=str(job["jediTaskID"]), PanDA_AttemptNr="0", INDS="", PANDA_RESOURCE="TEST_SITE",
                       ATHENA_PROC_NUMBER=str(TASKS[job["jediTaskID"]]["p"].get("coreCount", 1)), X509_USER_PROXY="")
    steps = TASKS[job["jediTaskID"]]["p"].get("multiStepExec")
    if steps:  # runGen --preprocess leaves the command as a script; what is to run in the container runs it
        (folder / "__run_main_exec.sh").write_text(f"export PATH=$PATH:.\n {command}\n")
        command = steps["containerOptions"]["containerExec"]
    with LOCK:
        if job["killed"]:
            return
        with open(folder / "payload.log", "wb") as log:
            job["process"] = subprocess.Popen(["/bin/sh", "-c", command], cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    code = job["process"].wait()
    code = (128 - code if code < 0 else code) % 255
    with LOCK:
        missing = [s for s in outputs if not (folder / s).exists()]
        if job["killed"]:
            job.update(jobStatus="cancelled", transExitCode=str(code), pilotErrorCode=1144, pilotErrorDiag="This job was killed by panda server",
                       taskBufferErrorCode=100, taskBufferErrorDiag="killed by user")
        elif code and steps:
            job.update(jobStatus="failed", transExitCode=str(code), pilotErrorCode=1305, pilotErrorDiag="Failed to execute payload")
        elif code:
            trouble(job, 18, f"payload execution failed with {code}")
        elif missing:
            trouble(job, 16, f"expected output {missing[0]} is missing")
        else:
            job.update(jobStatus="finished", transExitCode="0")


def trouble(job, code, words):
    """How runGen ends by itself: an exit code of its own, and a report that the pilot hands on."""
    job.update(jobStatus="failed", transExitCode=str(code), pilotErrorCode=1305, pilotErrorDiag=words, exeErrorCode=5300 + code, exeErrorDiag=words)


def pilots():
    busy = []
    while True:
        time.sleep(0.05)
        with LOCK:
            refine()
            settle()
            busy = [t for t in busy if t.is_alive()]
            for job in JOBS.values():
                if len(busy) >= SETTINGS["pilots"]:
                    break
                if job["jobStatus"] == "activated" and TASKS[job["jediTaskID"]]["status"] == "running":
                    job["jobStatus"] = "running"
                    busy.append(threading.Thread(target=run_job, args=(job,), daemon=True))
                    busy[-1].start()


# ---- api/v1 ----------------------------------------------------------------------------------------------------------

def describe(job):
    return {k: v for k, v in job.items() if k not in ("process", "killed", "number")}


def statistics(task):
    states = [JOBS[j]["jobStatus"] for j in task["jobs"]]
    count = {"finished": states.count("finished"), "failed": sum(s in ("failed", "cancelled", "closed") for s in states)}
    count["picked"] = len(states) - sum(count.values())
    return ",".join(f"{k}*{v}" for k, v in count.items() if v)


def get_details(task_id, include_parameters=None, include_status=None):
    task = find_task(task_id, "Task not found or error retrieving the details", 1)
    return {"PandaID": list(task["jobs"]), "statistics": statistics(task), "inDS": "", "outDS": "", "mergeStatus": None, "mergePandaID": [],
            **({"status": status_of(task)} if include_status == "true" else {})}


def get_detailed_info(task_id):
    task = find_task(task_id, "Task not found or error retrieving task info")
    return {"jediTaskID": task["id"], "taskName": task["name"], "status": task["status"], "errorDialog": "<a href=\"x\">why</a> it is so" if task["status"] == "broken" else None}


def tasks_since(filters="{}", since=None):
    wanted = json.loads(filters).get("taskName")
    if FAULTS.get("duplicate-blind", 0) > 0:
        FAULTS["duplicate-blind"] -= 1
        return []
    return [{"jediTaskID": t["id"], "taskName": t["name"], "status": t["status"], "creationDate": {"__datetime__": "2026-01-01T00:00:00"}}
            for t in TASKS.values() if wanted in (None, t["name"]) and time.time() >= t["refined"]]


def command(name, task_id, refused):
    task = find_task(task_id, OWNER)
    if task["status"] in refused:
        raise Refused(f"Command rejected: the {name} command is not accepted if the task is in {task['status']} status ", 4)
    return task, f"command={name} is registered for task ID {task_id}. will be executed in a few minutes"


def kill_task(task_id, broadcast=None):
    task, words = command("kill", task_id, NOT_KILLED)
    task["status"] = "toabort"
    threading.Timer(0.2, lambda: [kill_job(JOBS[j]) for j in task["jobs"]]).start()
    return 0, words


def finish_task(task_id, soft=False, broadcast=None):
    return 0, command("finish", task_id, NOT_KILLED)[1]


def retry_task(task_id):
    task = find_task(task_id, OWNER)
    if task["status"] in ("running", "scouting", "pending"):
        return 0, f"retry has been triggered for failed jobs while the task is still {task['status']}"
    if task["status"] not in ("finished", "failed"):
        return 4, f"Command rejected: the retry command is not accepted if the task is in {task['status']} status "
    return 0, f"command=retry is registered for task ID {task_id}. will be executed in a few minutes"


def kill_jobs(job_ids, code=None, kill_options=None, use_email_as_id=None):
    for j in job_ids:
        if j in JOBS:
            threading.Timer(0.1, kill_job, (JOBS[j],)).start()
    return [True for _ in job_ids]


def validate(file_size, checksum):
    for name, data in FILES.items():
        if len(data) == file_size and struct.unpack("<I", data[-8:-4])[0] == checksum:
            return None, f"FOUND:127.0.0.1:{name}"
    return None, "NOTFOUND"


def upload(name, data):
    if name in FILES:
        raise Refused("ERROR: cannot overwrite file")
    if len(data) > (768 << 20 if name.startswith("sources.") else 10 << 20):
        raise Refused(f"ERROR: upload failure. Exceeded size limit {len(data) >> 20} MB")
    FILES[name] = data
    return None, "upload succeeded"


CALLS = {
    ("POST", "task/submit"): submit,
    ("GET", "task/get_status"): lambda task_id: status_of(find_task(task_id, early=1)),
    ("GET", "task/get_details"): get_details,
    ("GET", "task/get_detailed_info"): get_detailed_info,
    ("GET", "task/get_job_ids"): lambda task_id: list(find_task(task_id)["jobs"]),
    ("POST", "job/get_description"): lambda job_ids: [describe(JOBS[j]) if j in JOBS else None for j in job_ids],
    ("POST", "task/kill"): kill_task,
    ("POST", "task/finish"): finish_task,
    ("POST", "task/retry"): retry_task,
    ("POST", "job/kill"): kill_jobs,
    ("GET", "task/get_tasks_detailed_info_since"): tasks_since,
    ("POST", "file_server/validate_cache_file"): validate,
}
UPLOAD = ("POST", "file_server/upload_cache_file")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, code, body, kind="text/plain"):
        data = body.encode() if isinstance(body, str) else body
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.serve("GET", b"")

    def do_POST(self):
        self.serve("POST", self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def serve(self, verb, body):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/control":
            return self.control(verb, body)
        if url.path.startswith("/api/v1/"):
            return self.api(verb, url.path[8:], query, body)
        return self.provider(verb, url.path, dict(urllib.parse.parse_qsl(body.decode())))

    def control(self, verb, body):
        with LOCK:
            if verb == "POST":
                order = json.loads(body)
                if "fault" in order:
                    FAULTS[order["fault"]] = order.get("count", 1)
                SETTINGS.update(order.get("set", {}))
                if "end" in order:  # a task's status, as when the server gives it up
                    TASKS[max(TASKS)]["status"] = order["end"]
            self.answer(200, json.dumps({**COUNTS, "tasks": [[t["name"], t["status"], t["p"]] for t in TASKS.values()],
                                         "jobs": [[j["PandaID"], j["jobStatus"]] for j in JOBS.values()], "files": len(FILES),
                                         "token": token(SETTINGS["token_s"])}), "application/json")

    def subject(self):
        """Whose certificate it is, as /DC=test/CN=Jane Doe/CN=1234567."""
        return "".join(f"/{SHORT.get(k, k)}={v}" for part in self.connection.getpeercert()["subject"] for k, v in part) if isinstance(self.connection, ssl.SSLSocket) else None

    # ---- one call ----

    def fault(self, path):
        for name in ("500", "403", "garbage", "html", "empty"):
            if FAULTS.get(name, 0) > 0:
                FAULTS[name] -= 1
                if name in ("500", "403"):
                    self.answer(int(name), "something is wrong with this server" if name == "500" else "Forbidden: failure authenticating the token")
                else:
                    self.answer(200, {"garbage": '{"success": true, "data": [1, ', "html": "<html>maintenance</html>", "empty": ""}[name])
                return True
        return False

    def api(self, verb, path, query, body):
        with LOCK:
            COUNTS["requests"][path] = COUNTS["requests"].get(path, 0) + 1
            if self.fault(path):
                return
            bearer, allowed = self.headers.get("Authorization", ""), any(p == path for _, p in [*CALLS, UPLOAD])
            if not allowed:
                return self.answer(403, f"ERROR : method {path} is forbidden")
            if bearer and not token_is_good(bearer.removeprefix("Bearer ")):
                return self.answer(403, "ERROR : Token authentication failed. Invalid token. Signature has expired")
            if bearer and self.headers.get("Origin") != "testvo":
                return self.answer(403, f"ERROR : Token authentication failed. Unknown vo : {self.headers.get('Origin')}")
            if not bearer and not self.subject():
                return self.envelope(False, "SSL secure connection is required", None)
            if not bearer:
                COUNTS["subjects"].append(self.subject())
            if (verb, path) == UPLOAD:
                call = lambda: upload(*self.file_of(body))
                arguments = {}
            elif (verb, path) in CALLS:
                call, arguments = CALLS[verb, path], query
                if verb == "POST":
                    try:
                        if self.headers.get("Content-Encoding") == "gzip":
                            COUNTS["gzip"] += 1
                            body = gzip.decompress(body)
                        arguments = json.loads(body)
                    except ValueError:
                        return self.answer(500, "ERROR : received invalid JSON : Expecting value")
            else:
                return self.envelope(False, f"expecting {'GET' if verb == 'POST' else 'POST'}, received {verb}", None)
            if path == "task/submit" and FAULTS.get("too many", 0) > 0:
                FAULTS["too many"] -= 1
                return self.envelope(False, "Too many active tasks for user 11>10", 10)
            try:
                result = call(**arguments)
                data, message = result if isinstance(result, tuple) else (result, "")
            except Refused as e:
                return self.envelope(False, str(e), e.data)
            except (TypeError, ValueError) as e:
                return self.envelope(False, f"Type error: {e}", None)
            if FAULTS.get("lost", 0) > 0 and path == "task/submit":
                FAULTS["lost"] -= 1
                self.close_connection = True
                return
            self.envelope(True, message, data)

    def envelope(self, success, message, data):
        body = {"success": success, "message": message, "data": data}
        self.answer(200, json.dumps(body) if "application/json" in self.headers.get("Accept", "") else repr(body))

    def file_of(self, body):
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        part = email.parser.BytesParser().parsebytes(head + body).get_payload()[0]
        return part.get_filename(), part.get_payload(decode=True)

    # ---- the OIDC provider ----

    def provider(self, verb, path, form):
        say = lambda code, body: self.answer(code, json.dumps(body), "application/json")
        with LOCK:
            if path == "/auth/testvo_auth_config.json":
                return say(200, {"audience": "https://panda.test", "client_id": "a client", "client_secret": "its secret", "vo": "testvo",
                                 "oidc_config_url": f"{BASE}/.well-known/openid-configuration", "no_verify": "True", "jwt_profile": SETTINGS["profile"]})
            if path == "/.well-known/openid-configuration":
                return say(200, {"token_endpoint": f"{BASE}/token", "device_authorization_endpoint": f"{BASE}/device", "issuer": BASE})
            if verb == "POST" and form.get("client_secret") != "its secret":
                return say(401, {"error": "invalid_client"})
            if path == "/device":
                LOGIN["asked"] = 0
                COUNTS["scope"] = form.get("scope")
                return say(200, {"device_code": "the device", "user_code": "ABCD-EFGH", "verification_uri_complete": f"{BASE}/login?user_code=ABCD-EFGH",
                                 "expires_in": 60, "interval": 1})
            if path == "/token" and form.get("grant_type") == "refresh_token":
                if form.get("refresh_token") != f"refresh-{REFRESH['value']}":
                    return say(400, {"error": "invalid_grant"})
                COUNTS["refreshes"] += 1
            elif path == "/token" and form.get("device_code") == "the device":
                LOGIN["asked"] += 1
                COUNTS["polls"].append(time.time())
                if SETTINGS["login"] == "denied":
                    return say(400, {"error": "access_denied"})
                if SETTINGS["login"] == "slow" and LOGIN["asked"] < 3:
                    return say(400, {"error": "slow_down" if LOGIN["asked"] == 1 else "authorization_pending"})
                COUNTS["logins"] += 1
            else:
                return say(404, {"error": "not_found"})
            REFRESH["value"] += 1
            say(200, {"id_token": token(SETTINGS["token_s"]), "refresh_token": f"refresh-{REFRESH['value']}", "access_token": "x", "token_type": "Bearer"})


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


def serve_tls():
    """Proxies are let in, as GridSite does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(FOLDER / "server.pem", FOLDER / "server.key")
    context.load_verify_locations(FOLDER / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_ALLOW_PROXY_CERTS
    server = Server(("127.0.0.1", TLS), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


def stop(*_):
    for job in JOBS.values():
        if job["process"] and job["process"].poll() is None:
            try:
                os.killpg(job["process"].pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
threading.Thread(target=pilots, daemon=True).start()
threading.Thread(target=serve_tls, daemon=True).start()
Server(("127.0.0.1", PORT), Handler).serve_forever()
