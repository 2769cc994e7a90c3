# SPDX-License-Identifier: GPL-3.0-or-later
"""The statistics of the contract once more, by NumPy and SciPy: what the engine's numbers are held
against. Nothing here is taken from the engine, and no shared formula is written the same way."""
import warnings
from collections import defaultdict
from datetime import date

import numpy as np
from scipy import special, stats

WEIGHTS = np.array([0.4, 0.3, 0.2, 0.1])
FLOORS = {"novice": 0.0, "developing": 0.4, "proficient": 0.6, "master": 0.8}
LEVELS = list(FLOORS)


def score_of(components):
    """The weighted score, to 12 decimals."""
    return round(min(1.0, float(np.dot(WEIGHTS, components))), 12)


def level_of(score):
    return [level for level in LEVELS if round(score, 12) >= FLOORS[level]][-1]


def t_quantile(p, df):
    """SciPy 1.10's t.ppf is off by 5e-9 for whole df; the incomplete beta function is not."""
    return float(np.sqrt(df * (1 / special.betaincinv(df / 2, 0.5, 2 * (1 - p)) - 1)))


# Groups


def summary(values):
    values = np.asarray(values, float)
    if len(values) == 0:
        values, count = np.zeros(1), 0
    else:
        count = len(values)
    return {
        "count": count,
        "mean": values.mean(),
        "median": np.median(values),
        "std_dev": values.std(ddof=1) if count > 1 else 0.0,
        "min_value": values.min(),
        "max_value": values.max(),
        "percentiles": {
            str(p): np.percentile(values, p, method="linear") for p in (25, 50, 75, 90, 95)
        },
    }


def constant(values):
    return len(set(values)) == 1


def welch(a, b, level=0.95):
    """statistic, degrees of freedom, p, interval of the difference of the means."""
    if constant(a) and constant(b):
        difference = a[0] - b[0]
        if difference == 0:
            return 0.0, None, 1.0, (0.0, 0.0)
        return None, None, 0.0, (difference, difference)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about groups of nearly the same scores
        test = stats.ttest_ind(a, b, equal_var=False)
    errors = [np.var(x, ddof=1) / len(x) for x in (a, b)]
    df = sum(errors) ** 2 / sum(e**2 / (len(x) - 1) for e, x in zip(errors, (a, b)))
    margin = t_quantile((1 + level) / 2, df) * np.sqrt(sum(errors))
    difference = np.mean(a) - np.mean(b)
    return test.statistic, df, test.pvalue, (difference - margin, difference + margin)


def hedges_g(a, b):
    df = len(a) + len(b) - 2
    if constant(a) and constant(b):
        return 0.0 if a[0] == b[0] else None
    squares = sum(np.sum((np.asarray(x) - np.mean(x)) ** 2) for x in (a, b))
    return (np.mean(a) - np.mean(b)) / np.sqrt(squares / df) * (1 - 3 / (4 * df - 1))


def percentile_ranks(values):
    """By average ranks: (rank - 1) / (n - 1) is the contract's formula."""
    if len(values) == 1:
        return [50.0]
    return list(100 * (stats.rankdata(values, "average") - 1) / (len(values) - 1))


def ranks(values):
    """1 is the highest; equal values share a rank."""
    return [int(r) for r in stats.rankdata(-np.asarray(values), "min")]


# One student's days: {date: value}


def trend(values):
    if len(values) < 2:
        return None
    change = round(values[-1] - values[0], 12)
    return "improving" if change > 0.02 else "declining" if change < -0.02 else "stable"


def volatility(values):
    return float(np.std(np.diff(values), ddof=1)) if len(values) > 2 else 0.0


def overall_trend(values):
    return "inconsistent" if volatility(values) > 0.15 else trend(values) or "stable"


def first_of_period(day, aggregation):
    if aggregation == "weekly":
        year, week, _ = day.isocalendar()
        return date.fromisocalendar(year, week, 1)
    return day.replace(day=1) if aggregation == "monthly" else day


def aggregate(days, aggregation):
    """{first day: mean} of {day: array or number}."""
    groups = defaultdict(list)
    for day, value in sorted(days.items()):
        groups[first_of_period(day, aggregation)].append(value)
    return {first: np.mean(values, axis=0) for first, values in groups.items()}


class Forecast:
    """least_squares, by the design matrix, days as they come from the calendar."""

    name = "least_squares"

    def __init__(self, days, interval_level=0.9):
        self.dates = sorted(days)
        self.values = np.array([days[d] for d in self.dates], float)
        self.n, self.level = len(self.dates), interval_level
        self.sufficient = self.n >= 3
        x = np.array([(d - self.dates[0]).days for d in self.dates], float)
        self.centre = x.mean()
        if self.sufficient:
            design = np.column_stack([np.ones(self.n), x - self.centre])
            self.inverse = np.linalg.inv(design.T @ design)
            self.coefficients = self.inverse @ design.T @ self.values
            residuals = self.values - design @ self.coefficients
            self.sigma = np.sqrt(residuals @ residuals / (self.n - 2))
            total = np.sum((self.values - self.values.mean()) ** 2)
            self.r_squared = 0.0 if constant(self.values) else 1 - residuals @ residuals / total
            self.slope = self.coefficients[1]
            self.intercept = self.coefficients[0] - self.slope * self.centre
        else:
            self.slope, self.r_squared, self.intercept = 0.0, None, self.values[-1]

    def outlook(self, day):
        """Centre, standard error and distribution of a new score."""
        if not self.sufficient:
            return self.values[-1], np.sqrt(1 / 12), stats.norm(), stats.norm.ppf
        row = np.array([1, (day - self.dates[0]).days - self.centre])
        error = max(0.02, self.sigma) * np.sqrt(1 + row @ self.inverse @ row)
        df = self.n - 2
        return row @ self.coefficients, error, stats.t(df), lambda p: t_quantile(p, df)

    @staticmethod
    def lifted(value, factor):
        value = min(1.0, max(0.0, float(value)))
        return value + factor * (1 - value)

    def at(self, day, factor=0.0):
        """predicted_score, interval, confidence, level."""
        centre, error, _, quantile = self.outlook(day)
        margin = error * quantile((1 + self.level) / 2)
        score = self.lifted(centre, factor)
        level = level_of(score)
        return {
            "predicted_score": score,
            "lower": max(0, min(self.lifted(centre - margin, factor), score - 0.005, 0.99)),
            "upper": min(1, max(self.lifted(centre + margin, factor), score + 0.005, 0.01)),
            "level": level,
            "confidence": self.confidence(day, level, factor),
        }

    def confidence(self, day, level, factor):
        """P(the lifted score falls in the level), the distribution's ends being the levels' own."""
        centre, error, distribution, _ = self.outlook(day)
        above = FLOORS[level]
        upper = LEVELS[LEVELS.index(level) + 1] if level != "master" else None

        def below(limit):
            before = -np.inf if limit <= factor else (limit - factor) / (1 - factor)
            return distribution.cdf((before - centre) / error)

        low = 0.0 if level == "novice" else below(above)
        high = 1.0 if upper is None else below(FLOORS[upper])
        return min(high - low, 1.0 if self.sufficient else 0.3)

    def trend(self, day):
        slope = round(self.slope, 12)
        return "improving" if slope > 0.002 else "declining" if slope < -0.002 else "stable"

    def components(self, histories, day, factor=0.0):
        """{component: value}, each from a history {date: value} of its own."""
        return {name: project(type(self), days, day, factor) for name, days in histories.items()}


def project(model, days, day, factor=0.0):
    """A component by a line of its own, or its latest value."""
    forecast = model(days)
    return forecast.lifted(forecast.outlook(day)[0], factor)


class LevelForecast(Forecast):
    """What the models that are not least_squares have in common; the line stays that of it."""

    def trend(self, day):
        centre, error, distribution, _ = self.outlook(day)
        change = round(float(np.clip(centre, 0, 1)) - self.values[-1], 12)
        rise = 1 - distribution.cdf((self.values[-1] - centre) / error)
        if change > 0.01 and rise >= 0.6:
            return "improving"
        return "declining" if change < -0.01 and rise <= 0.4 else "stable"


class MemoryForecast(LevelForecast):
    """trend_with_memory, by whole covariance matrices."""

    name = "trend_with_memory"
    SLOPES = {0.0005: 0.9, 0.005: 0.1}
    RHOS = (0, 0.3, 0.5, 0.65, 0.75, 0.82, 0.88, 0.92, 0.95, 0.97, 0.98, 0.99, 0.995)

    def __init__(self, days, interval_level=0.9):
        super().__init__(days, interval_level)
        if not self.sufficient:
            return
        x = np.array([(d - self.dates[-1]).days for d in self.dates], float)
        fits = [self.fit(x, rho, sd) for sd in self.SLOPES for rho in self.RHOS]
        evidence = np.array([fit["evidence"] for fit in fits])
        middles = (np.array(self.RHOS[:-1]) + np.array(self.RHOS[1:])) / 2
        widths = np.diff(np.concatenate([[0], middles, [1]]))
        prior = np.outer(list(self.SLOPES.values()), widths).ravel()
        weights = prior * np.exp(evidence - evidence.max())
        self.fits = list(zip(weights / weights.sum(), fits))

    def fit(self, x, rho, sd):
        gaps = np.abs(x[:, None] - x[None, :])
        correlation = np.power(float(rho), gaps)
        design, df = np.column_stack([np.ones(self.n), x]), self.n - 2
        weighted = np.linalg.solve(correlation, design)
        information = design.T @ weighted

        def solve(prior):
            ridge = information + np.diag([0, prior])
            line = np.linalg.solve(ridge, weighted.T @ self.values)
            off = self.values - design @ line
            squares = off @ np.linalg.solve(correlation, off) + prior * line[1] ** 2
            return line, ridge, max(1e-8, squares / df)

        prior = solve(0)[2] / sd**2
        line, ridge, variance = solve(prior)
        determinants = np.linalg.slogdet(correlation)[1] + np.linalg.slogdet(ridge)[1]
        return {
            "rho": rho,
            "line": line,
            "variance": variance,
            "inverse": np.linalg.inv(ridge),
            "evidence": -0.5 * (df * np.log(variance) + determinants - np.log(prior)),
        }

    def outlook(self, day):
        if not self.sufficient:
            return super().outlook(day)
        ahead = (day - self.dates[-1]).days
        means, variances, weights = [], [], []
        for weight, fit in self.fits:
            kept = float(fit["rho"]) ** ahead
            level, slope = fit["line"]
            unknown = np.array([1 - kept, ahead])
            means.append(level + slope * ahead + kept * (self.values[-1] - level))
            spread = 1 - kept**2 + unknown @ fit["inverse"] @ unknown
            variances.append(fit["variance"] * spread)
            weights.append(weight)
        centre = np.dot(weights, means)
        variance = np.dot(weights, variances) + np.dot(weights, (np.array(means) - centre) ** 2)
        df = self.n - 2
        return centre, np.sqrt(variance), stats.t(df), lambda p: t_quantile(p, df)
