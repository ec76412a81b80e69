"""The processor time of a full TLS handshake, by the kind of the server's key: openssl makes connection after connection and resumes none."""

import json
import os
import re
import shutil
import statistics
import subprocess
import urllib.request

from servers import free_ports

KEYS = {
    "elliptic P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "RSA of 2048 bits": ["-newkey", "rsa:2048"],
}
RUN_SECONDS = 3


def secure(server, folder, key):
    """Gives a server that runs a certificate of this kind and an address for TLS; gives its port."""
    certificate, private = (os.path.join(folder, name) for name in ("cert.pem", "key.pem"))
    subprocess.run(["openssl", "req", "-x509", *key, "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", private, "-out", certificate], check=True, capture_output=True)
    with urllib.request.urlopen(f"http://127.0.0.1:{server.http_port}/config?next=1") as answer:
        config = json.load(answer)
    port = free_ports(1)[0]
    config["nodes"][0]["resp_tls"] = f"127.0.0.1:{port}"
    config["settings"]["tls"] = {"cert_file": certificate, "key_file": private}
    # Addresses are those of the file at a start.
    server.stop()
    with open(os.path.join(server.data, "config.json"), "w") as file:
        json.dump(config, file)
    server.start()
    return port


def handshakes(port):
    """How many openssl has made in some seconds."""
    told = subprocess.run(["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", str(RUN_SECONDS)],
                          capture_output=True, text=True).stdout
    found = re.search(r"(\d+) connections in \d+ real seconds", told)
    if not found or int(found[1]) == 0:
        raise SystemExit(f"handshake: openssl made no connection: {told[-300:]}")
    return int(found[1])


def measure(start, folder, repeats, cpu_seconds):
    """`start` gives a running server for a folder, `cpu_seconds` what its processes took."""
    if not shutil.which("openssl"):
        raise SystemExit("handshake: openssl is missing; install openssl")
    for name, key in KEYS.items():
        place = os.path.join(folder, f"handshake {name.split()[0]}")
        server = start(place)
        port = secure(server, place, key)
        each = []
        for _ in range(repeats):
            before = cpu_seconds(server.process.pid)
            count = handshakes(port)
            each.append((cpu_seconds(server.process.pid) - before) / count * 1e3)
        print(f"handshake, {name}: {statistics.median(each):.2f} ms of the server's processor time ({min(each):.2f} to {max(each):.2f}),"
              f" median of {repeats}", flush=True)
        server.stop()
