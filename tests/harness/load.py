# SPDX-License-Identifier: GPL-3.0-or-later
"""Many callers at once, and what became of each call."""
import threading
import time


class Load:
    """Runs `call(caller, iteration)` in so many threads until the block is left.

    What a call returns is appended to `results`; what it raises to `errors`.
    """

    def __init__(self, callers, call, pause=0.0):
        self.results, self.errors = [], []
        self._call, self._pause = call, pause
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i,)) for i in range(callers)]

    def _run(self, caller):
        iteration = 0
        while not self._stop.is_set():
            try:
                self.results.append(self._call(caller, iteration))
            except Exception as error:
                self.errors.append(error)
                time.sleep(0.01)
            iteration += 1
            if self._pause:
                time.sleep(self._pause)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()


def together(callers, call):
    """Runs `call(i)` once in each of so many threads, all let go at one moment; their results."""
    gate, results = threading.Barrier(callers), [None] * callers

    def run(i):
        gate.wait()
        try:
            results[i] = call(i)
        except Exception as error:
            results[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


def until_refused(send, most=1000):
    """Responses of send(0), send(1), …, the last one a 429: on a slow machine a limit refills
    meanwhile."""
    responses = []
    for i in range(most):
        responses.append(send(i))
        if responses[-1].status == 429:
            return responses
    raise AssertionError(f"none of {most} requests was refused")


class RateLimit:
    """Counts the requests that pass a limit of so many a minute, of which that many may come at once.

    What has been refilled since its making passes too: how much depends on the machine's speed."""

    def __init__(self, limit):
        self.limit, self.passed, self._began = limit, 0, time.monotonic()

    def refilled(self):
        return (time.monotonic() - self._began) * self.limit / 60

    def send(self, request):
        """The response to one request."""
        response = request()
        self.passed += response.status != 429
        return response

    def exhaust(self, request):
        """Sends until a request is refused; all responses, the last one a 429."""
        return until_refused(lambda _: self.send(request))

    def assert_exhausted(self):
        """As many have passed as the limit allows."""
        most = self.limit + self.refilled()
        assert self.limit <= self.passed <= most, f"{self.passed} passed, not {self.limit} to {most}"
