# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict reader of the Prometheus text format 0.0.4 (exposition_formats.md)."""
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
PREFIX = "mastery_engine_"


class Scrape:
    """types: family -> type. samples: (name, frozenset of label pairs) -> value."""

    def __init__(self, text):
        self.types, self.helps, self.samples = {}, {}, {}
        self._finished, self._family = set(), None
        assert text.endswith("\n"), "the last line does not end in a newline"
        for line in text[:-1].split("\n"):
            self._read(line)

    def _read(self, line):
        if line.startswith("# HELP "):
            name, _, text = line[7:].partition(" ")
            self._begin(name)
            assert name not in self.helps, f"second HELP of {name}"
            self.helps[name] = text
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            self._begin(name)
            assert name not in self.types, f"second TYPE of {name}"
            assert kind in ("counter", "gauge", "histogram", "summary", "untyped")
            self.types[name] = kind
        elif line and not line.startswith("#"):
            self._sample(line)

    def _begin(self, family):
        if family != self._family:
            assert family not in self._finished, f"samples of {family} are not in one group"
            self._finished.add(self._family)
            self._family = family

    def _sample(self, line):
        match = SAMPLE.fullmatch(line)
        assert match, f"not a sample: {line!r}"
        name, labels, value = match.groups()
        self._begin(self.family_of(name))
        key = (name, frozenset(_labels(labels or "")))
        assert key not in self.samples, f"twice: {line!r}"
        self.samples[key] = float(value)

    def family_of(self, name):
        """A histogram's samples belong to the name without their suffix."""
        for suffix in ("_bucket", "_sum", "_count"):
            base = name.removesuffix(suffix)
            if base != name and self.types.get(base) in ("histogram", "summary"):
                return base
        return name

    def value(self, name, **labels):
        """One sample's value, 0 when it is not there. name without the common prefix."""
        return self.samples.get((PREFIX + name, frozenset(labels.items())), 0.0)

    def sum(self, name, **labels):
        """Sum over all samples that have these labels among theirs."""
        wanted = set(labels.items())
        return sum(
            value
            for (sample, pairs), value in self.samples.items()
            if sample == PREFIX + name and wanted <= pairs
        )


def _labels(text):
    pairs, at = [], 0
    while at < len(text):
        match = LABEL.match(text, at)
        assert match, f"labels cannot be read: {text!r}"
        pairs.append((match.group(1), match.group(2)))
        at = match.end()
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a label twice: {text!r}"
    return pairs
