"""What a measurement leaves behind: JSON with every run, a page of Markdown, and plots beside it."""

import datetime
import json
import os
import platform
import re
import subprocess

from peers import plots, tables
from peers.figures import Cells
from peers.parts import PERCENTILES
from peers.programs import PEERS, REPOSITORY


def machine():
    """What the machine is, without its name."""
    with open("/proc/cpuinfo") as lines:
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    with open("/proc/meminfo") as lines:
        memory = next(int(line.split()[1]) for line in lines if line.startswith("MemTotal"))
    return {"processor": models[0] if models else platform.machine(), "cores": os.cpu_count(),
            "kernel": platform.release().split("-")[0], "memory_gib": round(memory / (1 << 20))}


def machine_slug(machine):
    model = re.sub(r"\((r|tm)\)|processor|cpu|@.*", " ", machine["processor"], flags=re.IGNORECASE)
    return re.sub(r"[^a-z0-9]+", "-", f"{model} {machine['cores']} cores".lower()).strip("-")


def commit():
    """The commit that the working copy stands at, and whether it has changes beside."""
    def git(*words):
        return subprocess.run(["git", "-C", REPOSITORY, *words], capture_output=True, text=True).stdout.strip()
    return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")


def joined(plains):
    """One report of several files' contents, all measured on one machine. Errors: `ValueError`."""
    machines = [plain["machine"] for plain in plains]
    if any(machine != machines[0] for machine in machines):
        raise ValueError("they were not measured on one machine")
    cells, told, notes = Cells(), {}, {}
    for plain in plains:
        cells.add_plain(plain["cells"])
        for peer, it in plain["peers"].items():
            known = told.setdefault(peer, {"version": it["version"], "commands": {}})
            if known["version"] != it["version"]:
                raise ValueError(f"{peer} was {known['version']} in one and {it['version']} in another")
            known["commands"].update(it["commands"])
        for part, note in plain["notes"].items():
            notes[part] = note if notes.get(part, note) == note else f"{notes[part]} {note}"
    report = Report(cells, [peer for peer in PEERS if peer in told], told, "; ".join(plain["command"] for plain in plains), notes)
    report.machine = machines[0]
    report.date, report.commit = (", ".join(dict.fromkeys(plain[name] for plain in plains)) for name in ("date", "commit"))
    return report


class Report:
    def __init__(self, cells, peers, told, command, notes):
        self.cells, self.peers, self.told, self.command, self.notes = cells, peers, told, command, notes
        self.machine, self.commit = machine(), commit()
        self.date = datetime.date.today().isoformat()
        self.names = {peer: f"{tables.NAMES[peer]} {told[peer]['version']}" for peer in peers if peer in told}
        self.tables = tables.Tables(cells, peers, {peer: told[peer]["version"] for peer in told})

    def head(self):
        it = self.machine
        return (f"{it['processor']}, {it['cores']} cores, {it['memory_gib']} GiB, Linux {it['kernel']}, {self.date}, at commit {self.commit}."
                f" {' '.join(self.notes.values())}")

    def section(self, part):
        return f"{self.tables.part(part)}\n"

    def write(self, folder, stem):
        """Writes all files; gives their paths."""
        os.makedirs(folder, exist_ok=True)
        pictures = {name: text for name, text in self.pictures().items() if text}
        finished = datetime.datetime.now().isoformat(timespec="seconds")
        plain = {"date": self.date, "finished": finished, "commit": self.commit, "command": self.command, "machine": self.machine, "notes": self.notes,
                 "peers": self.told, "cells": self.cells.plain()}
        files = {f"{stem}.json": json.dumps(plain, indent=1) + "\n", f"{stem}.md": self.page(stem, pictures)}
        files.update({f"{stem}-{name}.svg": text for name, text in pictures.items()})
        for name, content in files.items():
            with open(os.path.join(folder, name), "w") as file:
                file.write(content)
        return [os.path.join(folder, name) for name in files]

    def page(self, stem, pictures):
        lines = ["# Beside the peers", "", f"`{self.command}`", "", self.head(), "",
                 "Each figure: the median of the runs (its ratio to the first column's), the least and the most of them.", ""]
        of_part = {"throughput": ("cpu", "pipeline"), "latency": ("latency",), "memory": ("memory",), "commits": ("commits",)}
        for part in self.cells.parts():
            lines += [f"## {part.capitalize()}", "", *(f"![{name}]({stem}-{name}.svg)\n" for name in of_part[part] if name in pictures),
                      self.section(part)]
        lines += ["## Settings", ""]
        for peer in self.told:
            commands = self.told[peer]["commands"]
            for command in dict.fromkeys(commands.values()):
                alike = ", ".join(part for part in commands if commands[part] == command)
                lines.append(f"- {self.names[peer]}, {alike}: `{command}`")
        return "\n".join(lines) + "\n"

    # ---- pictures

    def series(self, part, abouts, metrics):
        """Of each peer the spread in each cell, or of each figure in one cell."""
        pairs = [(about, metric) for about in abouts for metric in metrics]
        return {peer: [self.cells.spread(part, about, peer, metric) for about, metric in pairs]
                for peer in self.cells.peers(part, self.peers)}

    def pictures(self):
        draw = {"throughput": self.throughput_pictures, "latency": self.latency_pictures, "memory": self.memory_pictures,
                "commits": self.commit_pictures}
        found = {}
        for part in self.cells.parts():
            found.update(draw[part]())
        return found

    def throughput_pictures(self):
        """Processor time with a panel for each pipeline, and rates with a panel for each command and size."""
        cells = self.cells.cells("throughput")

        def panels(same, label, title, metric, x_label=""):
            for kind in dict.fromkeys(tuple(about[name] for name in same) for about in cells):
                alike = [about for about in cells if tuple(about[name] for name in same) == kind]
                yield plots.Panel(title(alike[0]), [label(about) for about in alike], self.series("throughput", alike, [metric]), x_label)

        cpu = panels(("pipeline", "clients"), lambda it: f"{it['command'].upper()} {it['bytes']} B",
                     lambda it: f"pipeline {it['pipeline']}, {it['clients']} clients", "server_cpu_ns")
        rate = panels(("command", "bytes", "clients"), lambda it: it["pipeline"],
                      lambda it: f"{it['command'].upper()} {it['bytes']} B, {it['clients']} clients", "operations_per_second",
                      "commands in a pipeline")
        return {"cpu": plots.svg("Processor time of the server for one operation", "ns", list(cpu), self.names),
                "pipeline": plots.svg("Operations a second, server on one core", "operations/s", list(rate), self.names, "lines")}

    def latency_pictures(self):
        metrics = [f"{name}_us" for name in PERCENTILES]
        labels = [name.replace("_", ".") for name in PERCENTILES]
        panels = [plots.Panel(f"{about['bytes']} B, {about['clients']} clients, {about['rate']:,.0f} requests/s", labels,
                              self.series("latency", [about], metrics)) for about in self.cells.cells("latency")]
        return {"latency": plots.svg("Latency, half reads and half writes", "us, log scale", panels, self.names, "lines", is_log=True)}

    def memory_pictures(self):
        panels = [plots.Panel(f"{about['keys']:,} keys", [f"16 B and {about['bytes']} B"], self.series("memory", [about], ["over_payload"]))
                  for about in self.cells.cells("memory")]
        return {"memory": plots.svg("Resident bytes a key over key and value", "bytes", panels, self.names)}

    def commit_pictures(self):
        cells = self.cells.cells("commits")
        panel = plots.Panel(f"SET {cells[0]['bytes']} B, each synced before its answer", [about["clients"] for about in cells],
                            self.series("commits", cells, ["commits_per_second"]), "connections, one command at a time on each")
        return {"commits": plots.svg("Commits a second", "commits/s", [panel], self.names, "lines")}
