"""HttpSender over TLS: certificates are checked, and the client's own is shown."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time

import pytest

from bext_host.exporters.http import HttpSender, SendFailed, TlsFiles
from support.http_receiver import Receiver

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, and one for the client, as paths without their suffix."""
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("server", "client"):
        out = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", "-days", "2", "-nodes"]
        about = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"]
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", *out, *about]
        subprocess.run(command, check=True, capture_output=True)
    return folder


def server_context(files, *, asks_for_client: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.pem", files / "server.key")
    if asks_for_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(files / "client.pem")
    return context


def send(receiver, tls: TlsFiles, host: str = "127.0.0.1") -> int:
    sender = HttpSender(f"https://{host}:{receiver.port}/", tls=tls, timeout_seconds=2.0)
    try:
        return sender.send(b"body", time.monotonic() + 5.0).status
    finally:
        sender.close()


def test_a_trusted_certificate(files):
    with Receiver(context=server_context(files)) as receiver:
        assert send(receiver, TlsFiles(str(files / "server.pem"))) == 200


def test_a_certificate_that_is_not_trusted_is_tried_once(files):
    with Receiver(context=server_context(files)) as receiver, pytest.raises(SendFailed, match=r"is not trusted \(.*\), after 1 attempt$"):
        send(receiver, TlsFiles())
    assert receiver.requests == []


def test_a_certificate_for_another_name(files):
    trusting = TlsFiles(str(files / "server.pem"))
    with Receiver(context=server_context(files)) as receiver, pytest.raises(SendFailed, match="is not trusted"):
        send(receiver, trusting, "localhost")


def test_the_certificate_of_the_client(files):
    ours = TlsFiles(str(files / "server.pem"), str(files / "client.pem"), str(files / "client.key"))
    with Receiver(context=server_context(files, asks_for_client=True)) as receiver:
        assert send(receiver, ours) == 200
        with pytest.raises(SendFailed):
            send(receiver, TlsFiles(str(files / "server.pem")))


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("nothing.pem",), "cannot be read from .*nothing.pem"),
        (("server.key",), "cannot be read from .*server.key"),
        ((None, "client.pem", "server.key"), "client certificate .*client.pem.* cannot be used"),
        ((None, None, "client.key"), "needs a client certificate"),
    ],
)
def test_files_are_read_when_a_sender_is_made(files, names, words):
    tls = TlsFiles(*[None if name is None else str(files / name) for name in names])
    with pytest.raises(ValueError, match=words):
        HttpSender("https://localhost/", tls=tls)
