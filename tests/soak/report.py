# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has seen: counts, outages, and the differences between engine and model."""
import collections
import threading

SHOWN = 10  # differences in the report


class Report:
    """Used by all threads of a run."""

    def __init__(self, seed):
        self.seed, self._lock = seed, threading.Lock()
        self.counts = collections.Counter()
        self.faults = collections.Counter()
        self.outages = {}  # by kind of fault: the longest, in seconds, and what failed
        self.differences = []
        self.fault = "none yet"  # the one that was injected last
        self.plant = None  # what became of the bug that was to be planted

    def count(self, what, number=1):
        with self._lock:
            self.counts[what] += number

    def difference(self, what, text):
        """Something that the engine did or holds, and must not."""
        with self._lock:
            self.counts["wrong"] += 1
            self.differences.append(f"{what}: {text}"[:1000])

    def injected(self, kind):
        with self._lock:
            self.fault = kind
            self.faults[kind] += 1

    def outage(self, kind, seconds, what):
        """A client had no good response for so long, after a fault of this kind. what: failed first."""
        with self._lock:
            self.outages[kind] = max((seconds, what), self.outages.get(kind, (0, "")))

    def text(self):
        names = ["operations", "acknowledged", "refused", "unknown", "stale", "rights judged", "reads of erased students"]
        lines = [f"seed {self.seed}: " + ", ".join(f"{self.counts[name]} {name}" for name in names)]
        lines.append("fault            injected  longest outage of a client")
        for kind in sorted(self.faults | dict.fromkeys(self.outages, 0)):
            seconds, what = self.outages.get(kind, (0, ""))
            longest = f"{seconds:.1f} s  {what}" if seconds else "none"
            lines.append(f"{kind:<16} {self.faults[kind]:>8}  {longest}")
        lines += [self.plant] if self.plant else []
        lines.append(f"{self.counts['wrong']} differences between engine and model")
        lines += [f"  {text}" for text in self.differences[:SHOWN]]
        return "\n".join(lines)
