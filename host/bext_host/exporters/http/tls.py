"""TLS for senders: which certificates are trusted, and which one is shown to the receiver."""

from __future__ import annotations

import ssl
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files: the certificates to trust instead of the system's, and the client's own with its key (may be one file)."""

    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None

    def context(self) -> ssl.SSLContext:
        """A context that checks certificates and names. Raises ValueError that names the file which cannot be used."""
        context = self._trusting()
        if self.client_certificate is not None:
            self._show_client(context, self.client_certificate)
        elif self.client_key is not None:
            raise ValueError("a client key needs a client certificate")
        return context

    def _trusting(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self.certificate)
        except OSError as error:
            raise ValueError(f"the certificates to trust cannot be read from {self.certificate!r}: {error}") from None

    def _show_client(self, context: ssl.SSLContext, certificate: str) -> None:
        try:
            context.load_cert_chain(certificate, self.client_key, password=_no_password)
        except (OSError, ValueError) as error:
            key = "" if self.client_key is None else f" with the key {self.client_key!r}"
            raise ValueError(f"the client certificate {certificate!r}{key} cannot be used: {error}") from None


def _no_password() -> str:
    """OpenSSL would otherwise ask for one at the terminal."""
    raise ValueError("the key is encrypted, which is not supported")
