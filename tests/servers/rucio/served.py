# SPDX-License-Identifier: Apache-2.0
"""Rucio's own application, with what Apache's mod_ssl would add: the subject of the client's certificate. The database need not outlive a crash."""
from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def without_fsync(connection, record):
    connection.execute("PRAGMA synchronous = OFF")


def application(environ, start_response):
    from rucio.web.rest.flaskapi.v1.main import application as rucio

    subject = environ.pop("HTTP_X_TEST_SUBJECT", "")
    if subject:
        environ["SSL_CLIENT_S_DN"] = subject
    return rucio(environ, start_response)
