"""What the launcher runs: its arguments are the name that was typed and then the user's own."""

import os
import sys

CA_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/cert.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
)
"""Where systems keep the authorities that they trust. OpenSSL finds the first two by itself."""


def trust_the_system() -> None:
    """The OpenSSL of this Python was built elsewhere: tell it where this system keeps its authorities."""
    if "SSL_CERT_FILE" in os.environ or "SSL_CERT_DIR" in os.environ:
        return
    bundle = next(filter(os.path.exists, CA_BUNDLES), None)
    if bundle in CA_BUNDLES[2:]:
        os.environ["SSL_CERT_FILE"] = bundle


del sys.argv[0]
sys.path.append(os.path.join(os.path.dirname(__file__), "packages"))  # noqa: PTH118, PTH120  pathlib costs 3 ms at each start
trust_the_system()

from kubectl_lrs.cli import main  # noqa: E402  only now is it on the path

main()
