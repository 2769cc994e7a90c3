# SPDX-License-Identifier: GPL-3.0-or-later
"""projection and last_value once more, by NumPy, written from docs/mastery-model.md, Prediction."""
import numpy as np
from harness.model import COMPONENTS
from harness.statistics_model import LevelForecast, t_quantile
from scipy import stats

CONSISTENCY = COMPONENTS.index("consistency")
USUAL_ERROR, USUAL_COUNT = 0.0424, 4
PRIOR_DAYS, PRIOR_RATE, RATE_WINDOW, WINDOW = 7, 0.2, 28, 14
HALF_LIFE = 14


class LastValue(LevelForecast):
    """days: {date: score}; the predictions are made on `today`."""

    name = "last_value"

    def __init__(self, days, today, interval_level=0.9):
        super().__init__(days, interval_level)
        self.today = today
        self.numbers = np.array([day.toordinal() for day in self.dates])

    def closing(self, number):
        """Position of the last day that is not after it."""
        return int(np.searchsorted(self.numbers, number, side="right")) - 1

    def expected(self, number, ahead):
        """What the formula says on the day `number` of the score so many days later."""
        return self.values[self.closing(number)]

    def own_errors(self, ahead):
        """From each day after which something happened until the predicted day, which has come."""
        past = range(self.numbers[0], self.today.toordinal() - ahead + 1)
        origins = [o for o in past if self.closing(o + ahead) > self.closing(o)]
        truths = np.array([self.values[self.closing(o + ahead)] for o in origins])
        return truths - np.array([self.expected(o, ahead) for o in origins])

    def outlook(self, day):
        today, ahead = self.today.toordinal(), (day - self.today).days
        errors = self.own_errors(ahead)
        apart = min(2 * ahead - 1, HALF_LIFE)  # overlapping spans are not independent
        count = min(len(errors), (today - self.numbers[0] + 1) / apart)
        usual = USUAL_ERROR * np.sqrt(1 - 2 ** (-2 * ahead / 14)) * (2 if self.n == 1 else 1)
        own = np.mean(errors**2) if len(errors) else 0
        df = USUAL_COUNT + count
        error = np.sqrt((USUAL_COUNT * usual**2 + count * own) / df)
        return self.expected(today, ahead), error, stats.t(df), lambda p: t_quantile(p, df)

    def components(self, histories, day, factor=0.0):
        return {n: self.lifted(d[max(d)], factor) if d else 0 for n, d in histories.items()}


class Projection(LastValue):
    """closings: {date: (components, weights)}, each of four; active: the dates with an event."""

    name = "projection"

    def __init__(self, closings, active, today, interval_level=0.9):
        scores = {day: min(1, float(np.dot(*closing))) for day, closing in closings.items()}
        super().__init__(scores, today, interval_level)
        self.closings = [closings[day] for day in self.dates]
        self.active = np.array(sorted(day.toordinal() for day in active))

    def rate(self, number):
        active = self.active[self.active <= number]
        observed = min(RATE_WINDOW, number - active[0] + 1)
        recent = np.sum(active > number - RATE_WINDOW)
        return min(1, (PRIOR_DAYS * PRIOR_RATE + recent) / (PRIOR_DAYS + observed))

    def consistency(self, number, ahead):
        rate = self.rate(number)
        wait = min(ahead - 1, round((1 - rate) / rate, 12))
        start = ahead - wait - WINDOW  # of the window that ends with the last active day
        active = self.active[self.active <= number] - number
        expected = rate * max(0, ahead - wait - 1 - max(0, start))
        return min(1, (1 + min(13, np.sum(active > start) + expected)) / 10)

    def expected(self, number, ahead):
        at = self.closing(number)
        if not self.sufficient or not np.any(self.active <= number):
            return self.values[at]
        idle = (1 - self.rate(number)) ** ahead
        components, weights = (np.array(part, float) for part in self.closings[at])
        components[CONSISTENCY] = self.consistency(number, ahead)
        return idle * self.values[at] + (1 - idle) * components @ weights

    def components(self, histories, day, factor=0.0):
        found = super().components(histories, day, factor)
        if self.sufficient and len(self.active):
            ahead = (day - self.today).days
            expected = self.consistency(self.today.toordinal(), ahead)
            found["consistency"] = self.lifted(expected, factor)
        return found
