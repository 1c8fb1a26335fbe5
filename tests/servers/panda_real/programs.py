# SPDX-License-Identifier: Apache-2.0
"""The server's programs as they are imported from its checkout: the WSGI application, JEDI, and the daemon that takes what pilots report."""

import sys
import time
import traceback
import types


def jedi():
    from pandajedi.jediorder.JediMaster import JediMaster

    JediMaster().start()


def adder():
    from pandaserver.config import panda_config

    panda_config.setupPlugin()
    from pandaserver.brokerage.SiteMapper import SiteMapper
    from pandaserver.dataservice.adder_gen import AdderGen
    from pandaserver.taskbuffer.TaskBuffer import taskBuffer

    taskBuffer.init(panda_config.dbhost, panda_config.dbpasswd, nDBConnection=1, useTimeout=True, requester="adder")
    sites = SiteMapper(taskBuffer)
    while True:
        try:
            for job, status, attempt, _ in taskBuffer.listJobOutputReport(only_unlocked=True, time_limit=10, limit=100, grace_period=0, labels=["user"]) or []:
                if taskBuffer.lockJobOutputReport(panda_id=job, attempt_nr=attempt, pid="adder", time_limit=10):
                    AdderGen(taskBuffer, job, status, attempt, ignore_tmp_error=True, siteMapper=sites, pid="adder", prelock_pid="adder").run()
        except Exception:
            traceback.print_exc()
        time.sleep(0.3)


def __getattr__(name):
    """`programs:application`, as gunicorn asks for it."""
    if name != "application":
        raise AttributeError(name)
    snakes = types.ModuleType("pandaserver.workflow.snakeparser")  # workflows of snakemake, which is large, are left out
    snakes.Parser = None
    sys.modules[snakes.__name__] = snakes
    from pandaserver.server.panda import application as panda

    def application(environ, start_response):
        environ["SCRIPT_NAME"] = environ.get("PATH_INFO", "")  # as mod_wsgi has it
        return panda(environ, start_response)

    return application
