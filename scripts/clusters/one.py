"""One node of a cluster that takes any client, in the place of a server that is alone."""

import os
import time

from clusters.nodes import HEAL_SECONDS_MAX, Nodes

NODES = 3


class OneOfThree:
    """As `servers.Server`, as far as tests of clients need it."""

    def __init__(self, folder, binary, mode="interval", partitions=64, port=None):
        settings = {"durability": mode, "memory_bytes_max": "512MiB", "segment_bytes": "4MiB", "partitions": partitions,
                    "resp": {"cluster": "transparent"}}
        # ioredis' tests want nobody at 6390, where the second of nodes ten ports apart has HTTP.
        apart = 20 if port else 10
        self.nodes = Nodes(os.path.join(folder, "cluster"), NODES, NODES, binary, settings, port, apart)
        self.port = self.nodes.port(1)

    def start(self):
        """Returns when every node says that all slots are served, and none that a lead is to go over to another."""
        if not self.nodes.heal():
            self.nodes.close()
            raise RuntimeError(self.nodes.wrong[-1])
        end = time.monotonic() + HEAL_SECONDS_MAX
        while any(self.leads_to_move(number) for number in self.nodes.numbers) and time.monotonic() < end:
            time.sleep(0.05)

    def leads_to_move(self, number):
        return self.nodes.cluster.http(number, "/status")["cluster"]["leads_to_move"]

    def alive(self):
        """Whether none of the nodes has ended by itself."""
        self.nodes.look()
        return not self.nodes.wrong

    def tail(self):
        return "\n".join(self.nodes.wrong)

    def kill(self):
        """SIGKILL to all, if they still run."""
        self.nodes.close()

    def stop(self):
        self.nodes.look()
        self.nodes.close()
        for text in self.nodes.wrong:
            print(text)
