"""What a fault came to: its row, and the table of all rows."""

EXAMPLES_MAX = 6
EXAMPLE_WIDTH = 140


class Skipped(Exception):
    """This machine cannot make the fault; the text is a sentence."""


class Row:
    """One line of the table. `control` turns the verdict round: what is broken on purpose must be found."""

    def __init__(self, name, control=False):
        self.name, self.control = name, control
        self.rounds = self.acknowledged = self.lost = self.wrong = 0
        self.notes, self.examples, self.skipped = [], [], None

    def short(self, text):
        """Something other than a lost or wrong value falls short."""
        self.wrong += 1
        self.example(text)

    def example(self, text):
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append(text)

    def note(self, text):
        if text not in self.notes:
            self.notes.append(text)

    def take(self, finding):
        """Adds what `Book.judge` found."""
        self.acknowledged += finding.acknowledged
        self.lost += finding.lost
        self.wrong += finding.wrong + finding.errors
        for text in finding.examples:
            self.example(text)

    def add(self, part):
        """Adds a part of the same row that ran elsewhere."""
        self.rounds += part.rounds
        self.acknowledged = max(self.acknowledged, part.acknowledged)
        self.lost += part.lost
        self.wrong += part.wrong
        for text in part.examples:
            self.example(text)
        for text in part.notes:
            self.note(text)

    def holds(self):
        return self.rounds > 0 and (self.lost + self.wrong > 0) == self.control

    def verdict(self):
        if self.skipped:
            return f"skipped: {self.skipped}"
        if self.rounds == 0:
            return "NOT RUN"
        if self.control:
            return "found as it must" if self.holds() else "NOT FOUND"
        return "holds" if self.holds() else "FALLS SHORT"


def table(rows):
    lines = [f"{'fault':44} {'rounds':>6} {'acknowledged':>12} {'lost':>6} {'wrong':>6}  verdict"]
    for row in rows:
        name = f"  control: {row.name}" if row.control else row.name
        lines.append(f"{name:44} {row.rounds:6d} {row.acknowledged:12d} {row.lost:6d} {row.wrong:6d}  {row.verdict()}")
        lines += [f"    {note}" for note in row.notes]
        if row.control and row.holds():
            lines += [f"    found: {example[:EXAMPLE_WIDTH]}" for example in row.examples[:1]]
        else:
            lines += [f"    ! {example}" for example in row.examples]
    return "\n".join(lines)
