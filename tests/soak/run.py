# SPDX-License-Identifier: GPL-3.0-or-later
"""A run: clients and faults for a while, then the comparison of all that the engine holds with the model."""
import threading
import time
import traceback
from dataclasses import dataclass, field

from soak import faults, final, plan
from soak.actor import Actor
from soak.plants import PLANTS, Plant
from soak.pupils import Pupil
from soak.report import Report
from soak.rights import Rights
from soak.site import Site

TOO_MANY = 50  # differences; the run ends early


@dataclass
class Options:
    """seconds: of load and faults. least: operations that each client does however long it takes.
    clients: those that write; a quarter as many only read. rate: operations a second, of all together."""

    seed: int = 1
    seconds: float = 900
    rate: float = 60
    clients: int = 8
    least: int = 0
    faults: list = field(default_factory=faults.possible)
    plant: str = None
    settings: dict = field(default_factory=dict)


class World:
    """The model: students, rights, batches; and the tokens of the users."""

    def __init__(self, site):
        self.site, self.rights, self.batches = site, Rights(), {}
        self._pupils, self._latest, self._lock = {}, {}, threading.Lock()
        for number in range(plan.COMMON):
            name = plan.common_student(number)
            self._pupils[name] = Pupil(name, common=True)

    def pupil(self, name):
        with self._lock:
            if name not in self._pupils:
                self._pupils[name] = Pupil(name)
                _, client, slot, _ = name.split("-")
                self._latest[int(client), int(slot)] = name
            return self._pupils[name]

    def latest(self, client, slot):
        """The student who has taken a slot last."""
        return self._latest.get((client, slot), f"student-{client}-{slot}-0")

    def pupils(self):
        return list(self._pupils.values())

    def token(self, user, role):
        return self.site.token(user, role)


class Run:
    def __init__(self, options, site):
        self.options, self.site = options, site
        self.report, self.world = Report(options.seed), World(site)
        self.plant = PLANTS.get(options.plant, Plant)(site.redis.client(decode=False))
        self._end = time.monotonic() + options.seconds
        self._clients_ended = threading.Event()

    @property
    def readers(self):
        return max(1, self.options.clients // 4)

    def interval_s(self):
        return (self.options.clients + self.readers) / self.options.rate

    def is_over(self, operations):
        """For a client that has done so many."""
        if len(self.report.differences) > TOO_MANY:
            return True
        return operations >= self.options.least and time.monotonic() >= self._end

    def _guarded(self, function, *arguments):
        """An error of the run itself must not pass for a clean run."""
        try:
            function(*arguments)
        except Exception:
            self.report.difference("the run itself failed", traceback.format_exc()[-900:])

    def _inject(self):
        for fault in plan.faults(self.options.seed, self.options.faults):
            if self._clients_ended.wait(fault.pause_s):
                return
            self.report.injected(fault.kind)
            faults.FAULTS[fault.kind](self.site, fault)
            self.site.keep_worker()

    def judge(self):
        """The report, after everything has been compared."""
        writers = self.options.clients
        actors = [Actor(self, number) for number in range(writers)]
        actors += [Actor(self, number, plan.READS) for number in range(writers, writers + self.readers)]
        threads = [threading.Thread(target=self._guarded, args=(actor.operate,)) for actor in actors]
        injector = threading.Thread(target=self._guarded, args=(self._inject,))
        for thread in [*threads, injector]:
            thread.start()
        for thread in threads:
            thread.join()
        self._clients_ended.set()
        injector.join()
        self._guarded(self.site.whole_again)
        self.report.faults["turnover"] = self.site.turnovers()
        if self.options.plant:
            self.report.plant = f"{self.options.plant}: " + ("planted" if self.plant.planted else "not reached")
        self._guarded(final.Comparison(self, actors[0]).compare)
        for actor in actors:
            actor.close()
        return self.report


def soak(options):
    """Sets up an engine of its own, judges it, and takes it down again."""
    with Site(**options.settings) as site:
        return Run(options, site).judge()
