#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sets a PanDA server up in a folder, runs its processes, and ends them when it is told to end. Usage: serve.py FOLDER HTTP_PORT APPLICATION_PORT DATABASE_PORT"""

import base64
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

FOLDER, HTTP, APP, DB = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:5])
HERE = pathlib.Path(__file__).resolve().parent
SERVER, SCHEMA, TRANSFORMATIONS = (pathlib.Path(os.environ[n]).resolve() for n in ("PANDA_SERVER", "PANDA_DATABASE", "PANDA_WNSCRIPT"))
BASE, POSTGRES = f"http://127.0.0.1:{HTTP}", os.environ["PANDA_POSTGRES"]
ETC, WWW, PACKAGES = FOLDER / "home/etc/panda", FOLDER / "www", next(pathlib.Path(sys.prefix).glob("lib/python3*/site-packages"))
QUEUE = {"siteid": "LOCAL", "nickname": "LOCAL", "type": "unified", "status": "online", "state": "ACTIVE", "cloud": "WORLD", "capability": "score", "corecount": 0,
         "corepower": 10, "memory": 0, "maxrss": 1000000, "minrss": 0, "maxtime": 0, "mintime": 0, "maxwdir": 0, "maxinputsize": 0, "space": 1000000,
         "catchall": "allow_no_pilot", "atlas_site": "LOCAL", "region": "WORLD", "releases": ["AUTO"], "params": {}}
PROCEDURES = ("jedi_refr_mintaskids_bystatus", "update_jobsdef_stats_by_gshare", "update_jobsact_stats_by_gshare", "update_jobsactive_stats",
              "update_num_input_data_files", "update_total_walltime", "update_job_stats_hp")  # what pg_cron calls each minute
CHILDREN = []


def start(command, **more):
    """Each in a group of its own, so that what it starts ends with it."""
    CHILDREN.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, cwd=FOLDER, **more))


def stop(*_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for how, wait in ((signal.SIGTERM, 1.5), (signal.SIGKILL, 0.5)):  # stop.sh waits 5 s
        for child in reversed(CHILDREN):
            try:
                os.killpg(child.pid, signal.SIGQUIT if how == signal.SIGTERM and child is CHILDREN[0] else how)
            except ProcessLookupError:
                pass
        time.sleep(wait)
    shutil.rmtree(DATABASE, ignore_errors=True)
    os._exit(0)


# ---- the database ----------------------------------------------------------------------------------------------------

DATABASE = pathlib.Path(tempfile.mkdtemp(prefix="sbi-panda-db-"))  # not in FOLDER, which another user may not enter


def psql(*arguments, database="panda_db", text=None):
    subprocess.run([f"{POSTGRES}/psql", "-h127.0.0.1", f"-p{DB}", "-Upostgres", "-q", "-d", database, *arguments], input=text, text=True, check=False,
                   stdout=subprocess.DEVNULL)


def database():
    who = {}
    if os.geteuid() == 0:  # PostgreSQL does not run as root
        user = pwd.getpwnam("postgres")
        os.chown(DATABASE, user.pw_uid, user.pw_gid)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    subprocess.run([f"{POSTGRES}/initdb", "-D", DATABASE / "data", "-A", "trust", "-U", "postgres"], check=True, stdout=subprocess.DEVNULL, cwd=DATABASE, **who)
    options = {"listen_addresses": "127.0.0.1", "port": DB, "unix_socket_directories": DATABASE, "fsync": "off", "max_connections": 300, "jit": "off"}
    start([f"{POSTGRES}/postgres", "-D", DATABASE / "data", *(f"--{k}={v}" for k, v in options.items())], **who)
    for _ in range(300):
        if subprocess.run([f"{POSTGRES}/pg_isready", "-h127.0.0.1", f"-p{DB}", "-q"], check=False).returncode == 0:
            break
        time.sleep(0.1)
    psql("-c", "create database panda_db", "-c", "create user panda password 'panda'", "-c", "alter role panda set search_path = doma_panda, public", database="postgres")
    for component in ("PANDA", "PANDAMETA", "PANDAARCH", "PANDABIGMON", "DEFT"):
        for part in ("TABLE", "VIEW", "TYPE", "SEQUENCE", "FUNCTION", "TRIGGER", "SCHEDULER_JOBS", "PROCEDURE"):
            file = SCHEMA / f"schema/postgres/sqls/pg_{component}_{part}.sql"
            if file.exists():
                psql("-f", str(file))
    psql("-f", str(SCHEMA / "schema/postgres/sqls/post_step_panda.sql"))
    version = (SCHEMA / "schema/postgres/version").read_text().strip().split(".")
    # One partition for all, since pg_partman may not be there; then a site, its storage, and its queue.
    psql(text=f"""
do $$ declare t record; begin
for t in select n.nspname s, c.relname r from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind = 'p' loop
  execute format('create table %I.%I partition of %I.%I default', t.s, t.r || '_rest', t.s, t.r);
  execute format('alter table %I.%I owner to panda', t.s, t.r || '_rest');
end loop; end $$;
set search_path = doma_panda;
insert into pandadb_version (component, major, minor, patch) values ('PanDA', {version[0]}, {version[1]}, {version[2]});
insert into site (site_name, role, tier_level, state) values ('LOCAL', 'nucleus', 1, 'ACTIVE');
insert into panda_site (panda_site_name, site_name, storage_site_name, is_local) values ('LOCAL', 'LOCAL', 'LOCAL', 'Y');
insert into ddm_endpoint (ddm_endpoint_name, site_name, ddm_spacetoken_name, is_tape, type, detailed_status) values ('LOCAL_DISK', 'LOCAL', 'DISK', 'N', 'DATADISK', '{{}}');
insert into panda_ddm_relation (panda_site_name, ddm_endpoint_name, is_local, roles, order_read, order_write, default_read, default_write, scope)
  values ('LOCAL', 'LOCAL_DISK', 'Y', 'write_lan,read_lan', 1, 1, 'Y', 'Y', 'default');
insert into schedconfig_json (panda_queue, data, last_update) values ('LOCAL', '{json.dumps(QUEUE)}', now());
""")


# ---- configuration ---------------------------------------------------------------------------------------------------

def configure(template, output, values):
    """The server's own template, with other values."""
    text = re.sub(r"@@\w+@@", "/nowhere", (SERVER / "templates" / template).read_text())
    for section, key, value in values:
        line, pattern = f"{key} = {value}", rf"(?ms)^(\[{section}\](?:(?!^\[).)*?)^{key}\s*=[^\n]*"
        text = re.sub(pattern, lambda m: m.group(1) + line, text, count=1) if re.search(pattern, text) else text.replace(f"[{section}]", f"[{section}]\n{line}", 1)
    (ETC / output).write_text(text)


def configuration():
    (ETC / "auth").mkdir(parents=True)
    for name in ("cache", "logs", "lock", "www/oidc/.well-known", "www/trf"):
        (FOLDER / name).mkdir(parents=True)
    shutil.copytree(TRANSFORMATIONS / "dist", WWW / "trf/user")
    (ETC / "panda_common.cfg").write_text("[logger]\n" + "".join(f"{k}={v}\n" for k, v in {
        "loghost": "127.0.0.1", "monport-apache": 9, "method": "GET", "encoding": "url", "loghost_new": "127.0.0.1", "monport-apache_new": 9, "method_new": "POST",
        "encoding_new": "json", "monurlprefix": "/logger", "logdir": FOLDER / "logs", "nemitters": 1, "migrated": True, "log_level": "INFO", "rotating_policy": "none",
        "rotating_backup_count": 1, "rotating_max_size": 1024, "rotating_interval": 24}.items()))
    plugins = "wlcg:pandaserver.dataservice.{0}_dummy_plugin:{1}DummyPlugin"
    db = {"dbhost": "127.0.0.1", "dbport": DB, "dbuser": "panda", "dbpasswd": "panda", "dbname": "panda_db"}
    configure("panda_server.cfg.rpmnew.template", "panda_server.cfg", [("server", k, v) for k, v in {
        **db, "backend": "postgres", "logdir": FOLDER / "logs", "cache_dir": FOLDER / "cache", "home_dir_cwd": FOLDER, "nDBConnection": 2, "schemaEI": "DOMA_EI",
        "pserverhost": "127.0.0.1", "pserverport": HTTP, "pserverporthttp": HTTP, "pserverportcache": HTTP, "token_authType": "oidc", "auth_config": f"{ETC}/auth/",
        "legacy_token_issuers": "", "adder_plugins": plugins.format("adder", "Adder"), "setupper_plugins": plugins.format("setupper", "Setupper")}.items()])
    quick = {(section, key): 1 for section in ("confeeder", "taskrefine", "jobgen", "postprocessor", "tcommando") for key in ("loopCycle", "nWorkers")}
    quick.update({("confeeder", "checkInterval"): 1, ("jobgen", "procConfig"): "wlcg:any:1:", ("taskbroker", "procConfig"): "wlcg:managed:0",
                  ("watchdog", "loopCycle"): 5, ("watchdog", "procConfig"): "wlcg:any:1", ("watchdog", "modConfig"): "wlcg:any:pandajedi.jedidog.GenWatchDog:GenWatchDog",
                  ("ddm", "modConfig"): "wlcg:1:pandajedi.jediddm.GenDDMClient:GenDDMClient::off"})
    configure("panda_jedi.cfg.rpmnew.template", "panda_jedi.cfg", [("db", k, v) for k, v in {**db, "nWorkers": 2}.items()] + [(s, k, v) for (s, k), v in quick.items()])


def tokens():
    """An issuer whose key the server fetches, and two tokens of it."""
    key = rsa.generate_private_key(65537, 2048)
    numbers = key.public_key().public_numbers()
    encode = lambda i: base64.urlsafe_b64encode(i.to_bytes((i.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
    jwk = {"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "n": encode(numbers.n), "e": encode(numbers.e)}
    (WWW / "oidc/.well-known/openid-configuration").write_text(json.dumps({"issuer": BASE, "jwks_uri": f"{BASE}/oidc/jwks"}))
    (WWW / "oidc/jwks").write_text(json.dumps({"keys": [jwk]}))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    provider = {"audience": "panda", "client_id": "sbi-test", "client_secret": "", "vo": "wlcg", "oidc_config_url": f"{BASE}/oidc/.well-known/openid-configuration"}
    for vo in ("wlcg", "wlcg.production"):
        (ETC / f"auth/{vo}_auth_config.json").write_text(json.dumps(provider))
    for name, groups in (("user", ["wlcg"]), ("pilot", ["wlcg", "wlcg/production"])):
        claims = {"iss": BASE, "aud": "sbi-test", "sub": name, "name": f"Test {name}", "groups": groups, "iat": int(time.time()), "exp": int(time.time()) + 86400}
        (FOLDER / f"{name}.token").write_text(jwt.encode(claims, pem, algorithm="RS256", headers={"kid": "one"}))
        (FOLDER / f"{name}.token").chmod(0o600)


def web():
    temporary = " ".join(f"{n}_temp_path {FOLDER}/web-{n};" for n in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (FOLDER / "nginx.conf").write_text(f"""
pid {FOLDER}/nginx.pid; error_log {FOLDER}/logs/nginx; worker_processes 1; daemon off; {"user root;" if os.geteuid() == 0 else ""}
events {{ worker_connections 256; }}
http {{ access_log off; client_max_body_size 800m; {temporary}
    server {{ listen 127.0.0.1:{HTTP}; root {WWW}; location /cache/ {{ alias {FOLDER}/cache/; }} location /auth/ {{ alias {ETC}/auth/; }}
        location /oidc/ {{ }} location /trf/ {{ }} location / {{ proxy_pass http://127.0.0.1:{APP}; proxy_read_timeout 300; }} }} }}
""")
    start(["nginx", "-p", str(FOLDER), "-c", str(FOLDER / "nginx.conf")])


def main():
    signal.signal(signal.SIGTERM, stop)
    database()
    configuration()
    tokens()
    url = {n: f"{BASE}/server/panda" for n in ("PANDA_URL", "PANDA_URL_SSL", "PANDACACHE_URL")}
    url.update(PANDA_API_URL=f"{BASE}/api/v1", PANDA_API_URL_SSL=f"{BASE}/api/v1")
    own = {"PANDA_AUTH": "oidc", "PANDA_AUTH_VO": "wlcg.production", "PANDA_AUTH_ID_TOKEN": f"file:{FOLDER}/pilot.token"}  # the server calls itself
    environment = {**os.environ, **url, **own, "PANDA_HOME": str(FOLDER / "home"), "HOME": str(FOLDER / "home"), "TZ": "UTC", "PANDA_NO_ROOT": "1",
                   "PANDA_LOCK_DIR": str(FOLDER / "lock"), "VIRTUAL_ENV": sys.prefix, "PYTHONDONTWRITEBYTECODE": "1",
                   "PYTHONPATH": f"{HERE}:{PACKAGES}/pandacommon:{SERVER}:{SERVER}/pandaserver"}
    web()
    program = lambda *a: start([sys.executable, *map(str, a)], env=environment)
    program("-m", "gunicorn", "--no-control-socket", "-w1", "-kgthread", "--threads", 8, "-b", f"127.0.0.1:{APP}", "--timeout", 600, "programs:application")
    for _ in range(600):
        try:
            urllib.request.urlopen(f"{BASE}/api/v1/system/is_alive", timeout=10)
            break
        except OSError:
            time.sleep(0.5)
    program("-c", "import programs; programs.jedi()")
    program("-c", "import programs; programs.adder()")
    start([sys.executable, str(HERE / "pilot.py"), f"{BASE}/api/v1", str(FOLDER / "pilots"), str(FOLDER / "pilot.token")])
    (FOLDER / "ready").touch()
    while True:
        psql(*(a for p in PROCEDURES for a in ("-c", f"call doma_panda.{p}()")))
        time.sleep(1)


main()
