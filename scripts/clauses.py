"""Clauses of a goal: each holds, fails, or stays open where the machine was to blame; and what other programs took of it meanwhile."""

import os

# Above this part of the machine's processor time, taken by programs that are not the test's, no time by the wall is judged.
OTHERS_MAX = 0.10
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def tell(clauses):
    """Prints (name, holds, counts, figure) of each, and gives whether none fails: one that does not count stays open."""
    for name, holds, counts, figure in clauses:
        print(f"  {'pass' if holds else 'fail' if counts else 'open'}  {name}: {figure}", flush=True)
    return all(holds or not counts for _, holds, counts, _ in clauses)


def machine_seconds():
    """Processor seconds that were used, what a hypervisor took among them, and those that there were."""
    with open("/proc/stat") as lines:
        user, nice, system, idle, waiting, interrupts, soft, stolen = map(int, next(lines).split()[1:9])
    used = user + nice + system + interrupts + soft + stolen
    return used / TICKS_A_SECOND, (used + idle + waiting) / TICKS_A_SECOND


def own_seconds(servers):
    """Those of this process, of children that have ended, and of the servers."""
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    for pid in servers:
        with open(f"/proc/{pid}/stat") as line:
            fields = line.read().rsplit(") ", 1)[1].split()
        own += (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
    return own


class Others:
    """What others took since it was made: programs, and the hypervisor. The loads must have ended when it is asked."""

    def __init__(self, *servers):
        self.servers = servers
        self.begin = (*machine_seconds(), own_seconds(servers))

    def share(self):
        used, there, own = (now - then for now, then in zip((*machine_seconds(), own_seconds(self.servers)), self.begin))
        return max(0.0, used - own) / max(there, 1 / TICKS_A_SECOND)
