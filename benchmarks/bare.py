"""The floor for a restore: the bodies POSTed by 16 threads over kept connections, and nothing else.

`python -m benchmarks.bare KUBECONFIG BODIES PATH`: BODIES has one JSON object in each line. Standard library only.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import sys
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from urllib.parse import urlsplit

WORKERS = 16


def main(kubeconfig: str, bodies: str, path: str) -> int:
    """Send them all; 0 when each was created."""
    queue: SimpleQueue[bytes | None] = SimpleQueue()
    failures: list[str] = []
    threads = [Thread(target=_work, args=(kubeconfig, path, queue, failures)) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    with Path(bodies).open("rb") as file:
        for line in file:
            queue.put(line)
    for _ in threads:
        queue.put(None)
    for thread in threads:
        thread.join()
    if failures:
        print(f"{len(failures)} failed: {failures[0]}", file=sys.stderr)
    return 1 if failures else 0


def _work(kubeconfig: str, path: str, queue: SimpleQueue[bytes | None], failures: list[str]) -> None:
    config = json.loads(Path(kubeconfig).read_text())
    cluster = config["clusters"][0]["cluster"]
    trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    server = urlsplit(cluster["server"])
    headers = {"Authorization": f"Bearer {config['users'][0]['user']['token']}", "Content-Type": "application/json"}
    connection = http.client.HTTPSConnection(str(server.hostname), server.port, context=trust)
    while (body := queue.get()) is not None:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        answer = response.read()
        if response.status != 201:
            failures.append(answer.decode(errors="replace")[:300])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
