#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes cluster of real programs for the tests: etcd, kube-apiserver, controller manager, scheduler, and one node that is a kubelet with
containerd and runc. Everything lies in one temporary folder and in a network namespace of its own, from which nothing leaves.

    cluster.py start FOLDER [--node kubelet|agent|instant|none] starts it and returns when the node is ready
    cluster.py stop FOLDER                                 stops every process by its id, unmounts, removes the namespace
    cluster.py restart FOLDER PROGRAM [--pause SECONDS]    SIGKILLs one program and starts it again (or freezes it for a while)
    cluster.py image FOLDER IMAGE.tar                      imports an OCI image
    cluster.py secret FOLDER NAME CREDENTIALS              a Secret with AWS_ACCESS_KEY_ID and _SECRET_ACCESS_KEY of a credentials file
    cluster.py resume FOLDER                               starts suspended Jobs
    cluster.py audit FOLDER --tasks N                      the requests of the account "user" (user.kubeconfig), after --node instant

FOLDER/kubeconfig is the administrator's, FOLDER/environment has what a test needs (shell assignments): SBI_CLUSTER_ENTER is the command that puts
a program into the namespace. The address of the API server is the same inside only.

--node agent: where the machine does not allow containers, agent.py runs the commands of pods as processes. Node "none" is for tests that
write the statuses of pods themselves. Needs root for a namespace and for the kubelet."""

import argparse
import json
import os
import pathlib
import secrets
import shlex
import signal
import ssl
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ADDRESS = "192.0.2.1"  # of the documentation's network: nobody's
PORT = 6443
PAUSE_IMAGE = "libsbi.test/pause:1"
START_SECONDS = 300


def say(text):
    print(f"cluster: {text}", file=sys.stderr, flush=True)


class Cluster:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        self.state_file = self.folder / "processes.json"
        self.state = json.loads(self.state_file.read_text()) if self.state_file.exists() else {}

    def save(self):
        temporary = self.state_file.with_suffix(".new")
        temporary.write_text(json.dumps(self.state, indent=1))
        temporary.replace(self.state_file)

    def path(self, name):
        return self.folder / name

    # ---- processes ----

    def enter(self):
        return ["nsenter", f"--net=/run/netns/{self.state['namespace']}"]

    def launch(self, name, command, environment=None):
        log = open(self.path(f"{name}.log"), "ab")
        process = subprocess.Popen(self.enter() + [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True, env={**os.environ, **(environment or {})})
        self.state.setdefault("processes", {})[name] = {"pid": process.pid, "started": start_time(process.pid),
                                                        "command": [str(c) for c in command], "environment": environment}
        self.save()

    def end(self, name, kill_after=10.0):
        known = self.state.get("processes", {}).get(name)
        if not known or start_time(known["pid"]) != known["started"]:
            return
        for number, wait in ((signal.SIGCONT, 0), (signal.SIGTERM, kill_after), (signal.SIGKILL, 10.0)):
            try:
                os.kill(known["pid"], number)
            except ProcessLookupError:
                return
            end = time.monotonic() + wait
            while time.monotonic() < end:
                try:
                    os.waitpid(known["pid"], os.WNOHANG)
                except ChildProcessError:
                    pass
                if start_time(known["pid"]) != known["started"]:
                    return
                time.sleep(0.05)

    # ---- the API ----

    def request(self, method, path, body=None, content="application/json", timeout=10):
        request = urllib.request.Request(f"https://{ADDRESS}:{PORT}{path}", method=method,
                                         data=None if body is None else json.dumps(body).encode(),
                                         headers={"Authorization": f"Bearer {self.path('admin.token').read_text()}", "Content-Type": content})
        context = ssl.create_default_context(cafile=str(self.path("pki/apiserver.crt")))
        with urllib.request.urlopen(request, timeout=timeout, context=context) as answer:
            return json.loads(answer.read() or b"null")

    def wait_for_server(self):
        """Ready is when the roles are there that the other programs live by."""
        self.wait("the API server", lambda: self.request("GET", "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/rolebindings/"
                                                                "system::extension-apiserver-authentication-reader"))

    def wait(self, what, test, seconds=START_SECONDS):
        end, problem = time.monotonic() + seconds, None
        while time.monotonic() < end:
            try:
                if test():
                    return
            except (OSError, ValueError) as e:
                problem = e
            for name, known in self.state["processes"].items():
                if start_time(known["pid"]) != known["started"] or is_zombie(known["pid"]):
                    raise SystemExit(f"cluster: {name} ended; the end of its log:\n{tail(self.path(f'{name}.log'))}")
            time.sleep(0.1)
        raise SystemExit(f"cluster: {what} is not ready after {seconds} s: {problem}")

    # ---- starting ----

    def start(self, node):
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.state:
            raise SystemExit(f"cluster: {self.folder} has a cluster already")
        programs = pathlib.Path(subprocess.run([HERE / "build.sh"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip())
        self.state = {"namespace": f"sbi-{os.getpid()}-{secrets.token_hex(2)}", "programs": str(programs), "node": node, "processes": {}}
        self.save()
        name = self.state["namespace"]
        for command in (["ip", "netns", "add", name], ["ip", "-n", name, "link", "set", "lo", "up"],
                        ["ip", "-n", name, "address", "add", f"{ADDRESS}/32", "dev", "lo"]):
            subprocess.run(command, check=True)
        join_namespace(name)
        self.make_credentials()
        self.start_control_plane(programs)
        self.grant()
        self.wait("the default service account", lambda: self.request("GET", "/api/v1/namespaces/default/serviceaccounts/default"))
        if node == "kubelet":
            self.start_containerd()
            self.start_kubelet(programs)
        elif node == "agent":
            self.launch("agent", [sys.executable, HERE / "agent.py", self.folder, "node1"])
        elif node == "instant":
            self.launch("agent", [sys.executable, HERE / "agent.py", self.folder, "node1", "--instant", "0.5", "--slots", "20000"])
        if node != "none":
            self.wait("the node", lambda: is_ready(self.request("GET", "/api/v1/nodes/node1")))
        self.write_environment()
        say(f"ready: {self.folder}")

    def make_credentials(self):
        pki = self.path("pki")
        pki.mkdir(mode=0o700)
        subprocess.run(["openssl", "genrsa", "-out", pki / "accounts.key", "2048"], check=True, stderr=subprocess.DEVNULL)
        users = {"admin": ("admin", "system:masters"), "manager": ("system:kube-controller-manager", ""),
                 "scheduler": ("system:kube-scheduler", ""), "node1": ("system:node:node1", "system:nodes"), "user": ("sbi-user", "")}
        lines = []
        for uid, (user, (account, groups)) in enumerate(users.items(), 1):
            token = secrets.token_urlsafe(24)
            private(self.path(f"{user}.token"), token)
            lines.append(f'{token},{account},{uid},"{groups}"')
            config = {"apiVersion": "v1", "kind": "Config", "current-context": "c",
                      "clusters": [{"name": "c", "cluster": {"server": f"https://{ADDRESS}:{PORT}",
                                                             "certificate-authority": str(pki / "apiserver.crt")}}],
                      "users": [{"name": "u", "user": {"token": token}}],
                      "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "default"}}]}
            private(self.path("kubeconfig" if user == "admin" else f"{user}.kubeconfig"), json.dumps(config))
        private(self.path("tokens.csv"), "\n".join(lines) + "\n")

    def start_control_plane(self, programs):
        pki = self.path("pki")
        self.launch("etcd", [programs / "etcd", "--data-dir", self.path("etcd"), "--unsafe-no-fsync", "--listen-client-urls",
                             "http://127.0.0.1:2379", "--advertise-client-urls", "http://127.0.0.1:2379", "--listen-peer-urls",
                             "http://127.0.0.1:2380", "--initial-advertise-peer-urls", "http://127.0.0.1:2380", "--initial-cluster",
                             "default=http://127.0.0.1:2380", "--quota-backend-bytes", str(4 << 30)])
        many = self.state["node"] == "instant"
        audit = []
        if many:
            self.path("audit.yaml").write_text(json.dumps({"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived", "ResponseStarted"],
                                                           "rules": [{"level": "Metadata", "users": ["sbi-user"]}, {"level": "None"}]}))
            audit = [f"--audit-policy-file={self.path('audit.yaml')}", f"--audit-log-path={self.path('audit.log')}",
                     "--max-requests-inflight=2000", "--max-mutating-requests-inflight=1000"]
        self.launch("kube-apiserver", [programs / "kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", f"--secure-port={PORT}",
                                       f"--bind-address={ADDRESS}", f"--advertise-address={ADDRESS}", f"--cert-dir={pki}",
                                       "--service-account-issuer=https://libsbi.test", f"--service-account-signing-key-file={pki}/accounts.key",
                                       f"--service-account-key-file={pki}/accounts.key", f"--token-auth-file={self.path('tokens.csv')}",
                                       "--authorization-mode=Node,RBAC", "--service-cluster-ip-range=198.51.100.0/24",
                                       "--kubelet-preferred-address-types=InternalIP", "--event-ttl=10m", "--profiling=false"] + audit)
        # The others read its certificate, which it makes itself.
        self.wait_for_server()
        for program, user in (("kube-controller-manager", "manager"), ("kube-scheduler", "scheduler")):
            command = [programs / program, f"--kubeconfig={self.path(f'{user}.kubeconfig')}", "--leader-elect=false", "--profiling=false",
                       f"--authentication-kubeconfig={self.path(f'{user}.kubeconfig')}", "--bind-address=127.0.0.1",
                       f"--authorization-kubeconfig={self.path(f'{user}.kubeconfig')}"]
            if program == "kube-controller-manager":
                command += ["--use-service-account-credentials=true", f"--service-account-private-key-file={pki}/accounts.key",
                            "--node-monitor-grace-period=40s", "--terminated-pod-gc-threshold=20000"]
            if many:  # by default they let themselves make 20 and 50 requests a second
                command += ["--kube-api-qps=1000", "--kube-api-burst=2000"]
            self.launch(program, command)

    def start_containerd(self):
        plugins = next((p for p in ("/usr/lib/cni", "/opt/cni/bin") if pathlib.Path(p, "ptp").exists()), None)
        if not plugins:
            raise SystemExit("cluster: no CNI plugins: install containernetworking-plugins")
        network = self.path("cni")
        network.mkdir()
        (network / "10-test.conflist").write_text(json.dumps(
            {"cniVersion": "0.4.0", "name": "test", "plugins": [{"type": "ptp", "ipMasq": False, "ipam": {
                "type": "host-local", "dataDir": str(self.path("cni-data")), "ranges": [[{"subnet": "203.0.113.0/24"}]],
                "routes": [{"dst": f"{ADDRESS}/32"}]}}]}))
        self.path("containerd.toml").write_text(f"""version = 2
root = "{self.path('containerd')}"
state = "{self.path('containerd-state')}"
[grpc]
  address = "{self.path('containerd.sock')}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "{self.snapshotter()}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{network}"
""")
        self.launch("containerd", ["containerd", "--config", self.path("containerd.toml")])
        socket = self.path("containerd.sock")
        self.wait("containerd", lambda: socket.exists() and self.ctr("version", quiet=True))
        pause = self.path("pause.tar")
        subprocess.run([sys.executable, HERE / "pause_image.py", PAUSE_IMAGE, pause], check=True)
        self.import_image(pause)

    def snapshotter(self):
        """overlayfs where the folder's file system bears it; else copies."""
        try:
            tried = self.path("overlay-tried")
            parts = [tried / n for n in ("lower", "upper", "work", "merged")]
            for p in parts:
                p.mkdir(parents=True)
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", "lowerdir={},upperdir={},workdir={}".format(*parts[:3]), parts[3]],
                           check=True, stderr=subprocess.DEVNULL)
            subprocess.run(["umount", parts[3]], check=True)
            return "overlayfs"
        except (OSError, subprocess.CalledProcessError):
            return "native"

    def ctr(self, *arguments, quiet=False):
        command = self.enter() + ["ctr", "--address", str(self.path("containerd.sock")), "--namespace", "k8s.io", *map(str, arguments)]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL if quiet else None).returncode == 0

    def import_image(self, image):
        if not self.ctr("images", "import", "--snapshotter", "overlayfs" if "overlayfs" in self.path("containerd.toml").read_text() else "native",
                        image):
            raise SystemExit(f"cluster: {image} cannot be imported")

    def start_kubelet(self, programs):
        self.path("kubelet").mkdir(exist_ok=True)
        config = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", "failCgroupV1": False,
                  "cgroupDriver": "cgroupfs", "cgroupsPerQOS": False, "enforceNodeAllocatable": [], "localStorageCapacityIsolation": False,
                  "failSwapOn": False, "makeIPTablesUtilChains": False, "containerRuntimeEndpoint": f"unix://{self.path('containerd.sock')}",
                  "address": ADDRESS, "healthzBindAddress": "127.0.0.1", "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
                  "authorization": {"mode": "AlwaysAllow"}, "resolvConf": "", "volumePluginDir": str(self.path("kubelet/plugins")),
                  "podLogsDir": str(self.path("pod-logs")), "staticPodPath": "", "maxPods": 200, "nodeStatusUpdateFrequency": "5s",
                  "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%"}, "imageGCHighThresholdPercent": 100,
                  "shutdownGracePeriod": "0s", "kubeAPIQPS": 200, "kubeAPIBurst": 400}
        self.path("kubelet.json").write_text(json.dumps(config, indent=1))
        self.launch("kubelet", [programs / "kubelet", f"--config={self.path('kubelet.json')}", f"--root-dir={self.path('kubelet')}",
                                f"--kubeconfig={self.path('node1.kubeconfig')}", "--hostname-override=node1", f"--node-ip={ADDRESS}",
                                f"--cert-dir={self.path('kubelet')}/pki"])

    def write_environment(self):
        lines = {"SBI_CLUSTER": self.folder, "SBI_CLUSTER_ENTER": " ".join(self.enter()), "SBI_CLUSTER_NODE": self.state["node"],
                 "SBI_CLUSTER_ADDRESS": ADDRESS, "KUBECONFIG": self.path("kubeconfig")}
        self.path("environment").write_text("".join(f"{k}={shlex.quote(str(v))}\n" for k, v in lines.items()))

    # ---- for tests ----

    def secret(self, name, credentials):
        import configparser
        file = configparser.ConfigParser()
        file.read(credentials)
        join_namespace(self.state["namespace"])
        self.request("POST", "/api/v1/namespaces/default/secrets", {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {k.upper(): v for k, v in file["default"].items()}})

    def resume(self):
        """Starts every suspended Job."""
        join_namespace(self.state["namespace"])
        base = "/apis/batch/v1/namespaces/default/jobs"
        for job in self.request("GET", base, timeout=120)["items"]:
            self.request("PATCH", f"{base}/{job['metadata']['name']}", {"spec": {"suspend": False}}, "application/merge-patch+json")

    def grant(self):
        """The account "user" gets what docs/kubernetes.md says that a client needs, and nothing else."""
        base = "/apis/rbac.authorization.k8s.io/v1/namespaces/default"
        rules = [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "get", "list", "watch", "delete"]},
                 {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
                 {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}]
        self.request("POST", f"{base}/roles", {"metadata": {"name": "sbi-client"}, "rules": rules})
        self.request("POST", f"{base}/rolebindings", {
            "metadata": {"name": "sbi-client"}, "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "sbi-client"},
            "subjects": [{"kind": "User", "name": "sbi-user"}]})

    def audit(self, tasks):
        """The requests of the account "user", by verb and resource; more than one for five tasks is a failure."""
        counts = {}
        for line in open(self.path("audit.log")):
            event = json.loads(line)
            what = event["objectRef"]
            key = f"{event['verb']} {what['resource']}{'/' + what['subresource'] if 'subresource' in what else ''} {event['responseStatus']['code']}"
            counts[key] = counts.get(key, 0) + 1
        for key in sorted(counts):
            print(f"  {counts[key]:6d}  {key}")
        total = sum(counts.values())
        print(f"  {total} requests, {total / tasks:.3f} a task")
        if not total or total > 100 + tasks / 5 or any("get pods " in k for k in counts):
            raise SystemExit("cluster: too many requests, or of one pod each")

    # ---- faults, stopping ----

    def restart(self, name, pause):
        known = self.state.get("processes", {}).get(name)
        if not known:
            raise SystemExit(f"cluster: no process {name}")
        if pause:
            os.kill(known["pid"], signal.SIGSTOP)
            time.sleep(pause)
            os.kill(known["pid"], signal.SIGCONT)
            return
        self.relaunch(name)
        if name in ("etcd", "kube-apiserver"):
            join_namespace(self.state["namespace"])
            self.wait_for_server()
        if name == "kube-apiserver":
            # With leader election they end when they lose the server, and begin anew. Without it one may go on with a watch that tells it nothing any more.
            self.relaunch("kube-controller-manager")
            self.relaunch("kube-scheduler")

    def relaunch(self, name):
        known = self.state["processes"][name]
        self.end(name, kill_after=0)
        self.launch(name, known["command"], known["environment"])

    def stop(self):
        if not self.state:
            return
        if self.state["node"] == "kubelet":
            self.end("kubelet")
            self.end_containers()
        for name in reversed(list(self.state.get("processes", {}))):
            self.end(name, kill_after=3)
        mounts = [line.split()[1] for line in open("/proc/mounts") if line.split()[1].startswith(str(self.folder) + "/")]
        for mount in sorted(mounts, reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
        if os.path.exists(f"/run/netns/{self.state['namespace']}"):
            subprocess.run(["ip", "netns", "delete", self.state["namespace"]], check=False)
        self.state_file.unlink()
        say("stopped")

    def end_containers(self):
        """What containerd still runs: its shims would outlive it. Their ids are in the state folder that is ours alone."""
        for file in self.path("containerd-state").glob("io.containerd.runtime.v2.task/*/*/init.pid"):
            try:
                os.kill(int(file.read_text()), signal.SIGKILL)
            except (OSError, ValueError):
                pass
        time.sleep(0.5)
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            # A shim of this cluster names this cluster's socket.
            if command[0].endswith(b"containerd-shim-runc-v2") and str(self.path("containerd.sock")).encode() in b" ".join(command):
                try:
                    os.kill(int(entry.name), signal.SIGKILL)
                except OSError:
                    pass


def join_namespace(name):
    """Puts this process into the namespace, to reach the API server from there."""
    import ctypes
    with open(f"/run/netns/{name}") as f:
        if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), 0x40000000):
            raise SystemExit(f"cluster: cannot enter the network namespace {name}: {os.strerror(ctypes.get_errno())}")


def start_time(pid):
    """Tells a process from a later one with the same id; None when it has ended."""
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def is_zombie(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def is_ready(node):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))


def private(path, text):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
        f.write(text)


def tail(path, lines=15):
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    start = actions.add_parser("start")
    start.add_argument("--node", choices=["kubelet", "agent", "instant", "none"], default="kubelet")
    stop = actions.add_parser("stop")
    restart = actions.add_parser("restart")
    image = actions.add_parser("image")
    secret = actions.add_parser("secret")
    resume = actions.add_parser("resume")
    audit = actions.add_parser("audit")
    for p in (start, stop, restart, image, secret, resume, audit):
        p.add_argument("folder")
    restart.add_argument("program")
    restart.add_argument("--pause", type=float, default=0)
    image.add_argument("image")
    secret.add_argument("name")
    secret.add_argument("credentials")
    audit.add_argument("--tasks", type=int, required=True)
    a = parser.parse_args()
    cluster = Cluster(a.folder)
    if a.action == "start":
        try:
            cluster.start(a.node)
        except BaseException:
            cluster.stop()
            raise
    elif a.action == "stop":
        cluster.stop()
    elif a.action == "restart":
        cluster.restart(a.program, a.pause)
    elif a.action == "secret":
        cluster.secret(a.name, a.credentials)
    elif a.action == "resume":
        cluster.resume()
    elif a.action == "audit":
        cluster.audit(a.tasks)
    else:
        cluster.import_image(pathlib.Path(a.image).resolve())


if __name__ == "__main__":
    main()
