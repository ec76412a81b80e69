"""Cuts between the nodes of a local cluster: rules of nftables drop what one sends to another, told by the addresses of their links."""

import os
import shutil
import subprocess


def missing():
    """Why nothing can be cut here; None when it can."""
    if os.geteuid() != 0:
        return "rules of nftables need root"
    if not shutil.which("nft"):
        return "nft is not installed (package nftables)"
    # Also a root may not be allowed to, in a container.
    table = f"hyperion_{os.getpid()}_probe"
    done = subprocess.run(["nft", f"add table ip {table}; delete table ip {table}"], capture_output=True, text=True)
    return None if done.returncode == 0 else f"nft: {' '.join(done.stderr.split())}"


class Network:
    """The links of one cluster. `addresses` gives (host, port) of each node, as its config has it."""

    def __init__(self, addresses):
        self.addresses = addresses
        # Other clusters on this machine have other ports, and keep their links.
        self.table = f"hyperion_{min(port for _, port in addresses.values())}"

    def cut(self, pairs):
        """Nothing arrives from the first of each pair at the second from now on; what was cut before is whole."""
        rules = "".join(self.rule(*pair) for pair in pairs)
        self.heal()
        nft(f"table ip {self.table} {{\n chain input {{\n  type filter hook input priority 0\n{rules} }}\n}}\n")

    def rule(self, one, other):
        (source, source_port), (target, target_port) = self.addresses[one], self.addresses[other]
        if source == target:
            raise SystemExit(f"n{one} and n{other} have the same address {source} for other nodes, so nothing tells their links apart; "
                             "`start --fresh` gives each its own")
        # Links are dialed by either side.
        between = f"ip saddr {source} ip daddr {target} tcp"
        return f"  {between} dport {target_port} drop\n  {between} sport {source_port} drop\n"

    def heal(self):
        """All nodes hear each other again."""
        if os.geteuid() == 0 and shutil.which("nft"):
            subprocess.run(["nft", "delete", "table", "ip", self.table], capture_output=True)


def alone(number, numbers):
    """The pairs that cut one node off from all others, both ways."""
    others = [other for other in numbers if other != number]
    return [(number, other) for other in others] + [(other, number) for other in others]


def nft(rules):
    done = subprocess.run(["nft", "-f", "-"], input=rules, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"nft: {done.stderr.strip()}")
