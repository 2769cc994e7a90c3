# SPDX-License-Identifier: GPL-3.0-or-later
"""Which teacher may read which student, while rosters change.

All cohorts of a teacher belong to one client, so rights change in a known order. While the outcome of a
change is not known, neither answer is wrong for those whom it concerns."""
import threading

YES, NO, EITHER = "yes", "no", "either"


class Rights:
    def __init__(self):
        self._lock = threading.Lock()
        self.rosters = {}  # cohort: (teachers, students); acknowledged
        self._running = {}  # cohort: the roster that is being written
        self._erasing = set()
        self._version = 0

    def begin(self, cohort, teachers, students):
        with self._lock:
            self._running[cohort] = (set(teachers), set(students))
            self._version += 1

    def end(self, cohort, roster):
        """roster: what holds now; None: the cohort is deleted."""
        with self._lock:
            self._running.pop(cohort, None)
            self.rosters.pop(cohort, None)
            if roster:
                self.rosters[cohort] = (set(roster[0]), set(roster[1]))
            self._version += 1

    def begin_erasure(self, student):
        with self._lock:
            self._erasing.add(student)
            self._version += 1

    def end_erasure(self, student):
        """The erased student is in no roster."""
        with self._lock:
            self._erasing.discard(student)
            for _, students in self.rosters.values():
                students.discard(student)
            self._version += 1

    def cohorts_with(self, student):
        with self._lock:
            return [cohort for cohort, (_, students) in self.rosters.items() if student in students]

    def snapshot(self, teacher, student):
        """(verdict, version): judge only if they are the same before and after the request."""
        with self._lock:
            return self._verdict(teacher, student), self._version

    def _verdict(self, teacher, student):
        def holds(rosters):
            return any(teacher in teachers and student in students for teachers, students in rosters)

        settled = [roster for cohort, roster in self.rosters.items() if cohort not in self._running]
        if student in self._erasing:
            return EITHER
        if holds(settled):
            return YES
        touched = [self.rosters[cohort] for cohort in self._running if cohort in self.rosters]
        return EITHER if holds([*touched, *self._running.values()]) else NO
