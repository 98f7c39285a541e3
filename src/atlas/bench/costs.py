"""A run's energy, time and tokens as money, by what a user says about prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from atlas.bench import manifest as manifests
from atlas.bench.home import home
from atlas.bench.metering import is_here
from atlas.bench.spec import RunFiles
from atlas.bench.summary import ArmRow, Summary
from atlas.cost.ownership import HOURS_A_MONTH, break_even_months, electricity
from atlas.cost.prices import Price, price_of, prices
from atlas.cost.settings import Settings
from atlas.cost.sources import Declared
from atlas.problem import Usage

_NO_TIME = "No energy is known: how long the arms took is not, so declared watts say nothing."


@dataclass(frozen=True, slots=True)
class ArmCost:
    """One arm over all its problems and seeds, failures included. None: not known, or nothing of the kind.

    ``joules`` are with idle power, ``above_idle`` without; ``how`` they were measured. ``electricity`` is the price of
    ``joules``, ``hardware`` that of the hours, ``api`` that of the tokens. ``by_attempt`` divides the ``total`` by
    problems times seeds, ``by_solved`` by those that were solved.
    """

    arm: str
    attempts: int
    solved: int
    seconds: float | None
    joules: float | None
    above_idle: float | None
    how: tuple[str, ...]
    electricity: float | None
    hardware: float | None
    api: float | None

    @property
    def idle_watts(self) -> float | None:
        """What the machine drew beside the work, by ``joules`` and ``above_idle``."""
        if self.joules is None or self.above_idle is None or not self.seconds:
            return None
        return (self.joules - self.above_idle) / self.seconds

    @property
    def total(self) -> float | None:
        """Everything that is known; None where neither energy nor tokens have a price."""
        if self.electricity is None and self.api is None:
            return None
        return sum(part for part in (self.electricity, self.hardware, self.api) if part is not None)

    @property
    def by_attempt(self) -> float | None:
        """Of one problem, solved or not."""
        return _share(self.total, self.attempts)

    @property
    def by_solved(self) -> float | None:
        """Of one problem that was solved."""
        return _share(self.total, self.solved)


@dataclass(frozen=True, slots=True)
class Costs:
    """What the arms of a run cost, in one currency; ``notes`` say by which prices, and what is left out."""

    currency: str
    rows: tuple[ArmCost, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """Who ran the model: its name, and whether that was this machine."""

    model: str
    here: bool


@dataclass(frozen=True, slots=True)
class Month:
    """An arm at so many problems a month, which are ``hours`` of work for ``machines``.

    ``electricity`` is theirs at work and ``idle`` that of all other hours (None: the idle power is not known);
    ``local`` is both with the machines. ``instead`` is what the same tokens cost at an API, and ``break_even`` the
    months after which the machines have paid for themselves (None: never while they are used). ``whole``: the prompts'
    tokens are known and in ``instead``, not those alone that were generated.
    """

    arm: str
    hours: float
    machines: int
    electricity: float
    idle: float | None
    local: float
    instead: float | None
    break_even: float | None
    whole: bool = True


def settings_path() -> Path:
    """Where a user's prices lie."""
    return home() / "cost.toml"


def served(files: RunFiles) -> dict[str, Served]:
    """Who ran the models of a run, by arm.

    Raises:
        UsageError: a file is absent or malformed.
    """
    manifest, found = manifests.read(files), manifests.found(files)
    engine = manifest.spec.engine
    name = engine.model or (str(found.capabilities.get("model", "")) if found else "")
    own = Served(name, engine.kind != "endpoint" or is_here(engine.url))
    apis = found.apis if found else {}
    bought = {str(api): Served(str(about["model"]), False) for api, about in apis.items()}
    return {
        arm.name: own if arm.api is None else bought.get(str(arm.api), Served(arm.api.model, False))
        for arm in manifest.spec.arms
    }


def costs(summary: Summary, by: Mapping[str, Served], settings: Settings) -> Costs:
    """What every arm of a run cost; ``by`` says whose model it asked."""
    table = prices(settings.model)
    rows: list[ArmCost] = []
    notes: list[str] = []
    for row in summary.rows:
        whose = by[row.arm]
        if whose.here:
            rows.append(_own(row, settings))
            continue
        price = price_of(whose.model, table)
        rows.append(_bought(row, price if price is not None and price.currency == settings.currency else None))
        notes += _notes_bought(whose, price, settings)
    own = tuple(row for row in rows if by[row.arm].here)
    return Costs(settings.currency, tuple(rows), (*(_notes_own(own, settings) if own else ()), *dict.fromkeys(notes)))


def by_month(row: ArmCost, counted: ArmRow, problems: float, settings: Settings, instead: Price | None) -> Month | None:
    """An arm of one's own machine at ``problems`` a month; None where its electricity is not known.

    ``counted`` has the arm's tokens. There are as many machines as its hours of work need, at the
    share of hours in which one works (``settings.machine.utilisation``).
    """
    by_problem = _share(row.electricity, row.attempts)
    if by_problem is None or row.seconds is None:
        return None
    work, hours = by_problem * problems, row.seconds / 3600 / row.attempts * problems
    count = settings.machine.owned().machines(hours)
    owned, watts = settings.machine.owned().times(count), row.idle_watts
    idle = None if watts is None else electricity(watts * (count * HOURS_A_MONTH - hours) * 3600, settings.kwh_price)
    running = work + (idle or 0.0)
    bought = None if instead is None or counted.generated_tokens is None else instead.of(tokens_of(counted))
    elsewhere = None if bought is None else bought / row.attempts * problems
    even = None if elsewhere is None else break_even_months(owned, running, elsewhere)
    whole = counted.prompt_tokens is not None
    return Month(row.arm, hours, count, work, idle, owned.by_month + running, elsewhere, even, whole)


def tokens_of(row: ArmRow) -> Usage:
    """An arm's tokens, over all its attempts; what is not known is not counted."""
    told = (row.requests, row.generated_tokens, row.prompt_tokens, row.cached_tokens, row.executions)
    return Usage(*(count or 0 for count in told))


def _own(row: ArmRow, settings: Settings) -> ArmCost:
    taken = row.consumed
    joules, above, how = taken.joules, taken.above_idle, taken.sources
    if joules is None and settings.watts is not None and row.seconds is not None:
        joules, how = settings.watts * row.seconds, (f"{settings.watts:g} W: {Declared.how}",)
        idle = settings.idle_watts
        above = None if idle is None else max(0.0, settings.watts - idle) * row.seconds
    owned = settings.machine.owned()
    return ArmCost(
        row.arm,
        row.attempts,
        row.solved,
        row.seconds,
        joules,
        above,
        how if joules is not None else (),
        None if joules is None else electricity(joules, settings.kwh_price),
        owned.by_hour * row.seconds / 3600 if owned.by_month and row.seconds is not None else None,
        None,
    )


def _bought(row: ArmRow, price: Price | None) -> ArmCost:
    api = None if price is None else price.of(tokens_of(row))
    return ArmCost(row.arm, row.attempts, row.solved, row.seconds, None, None, (), None, None, api)


def _notes_own(rows: tuple[ArmCost, ...], settings: Settings) -> tuple[str, ...]:
    told = [f"Electricity at {settings.kwh_price:g} {settings.currency} a kWh."]
    how = tuple(dict.fromkeys(part for row in rows for part in row.how))
    told.append(
        f"Energy of {'; '.join(how)}: with idle power, and above idle. What is not listed is not counted."
        if how
        else _NO_TIME
        if settings.watts is not None and all(row.seconds is None for row in rows)
        else "No energy is known: nothing here measures it; --watts declares what the machine draws."
    )
    owned = settings.machine.owned()
    if owned.by_month:
        told.append(
            f"Hardware: {owned.price:g} over {owned.months:g} months, {owned.resale:g} back, "
            f"{owned.maintenance:g} a month of maintenance; at work {owned.utilisation:.0%} of all hours."
        )
    else:
        told.append("The hardware is not counted: its price was not given.")
    return tuple(told)


def _notes_bought(by: Served, price: Price | None, settings: Settings) -> tuple[str, ...]:
    if price is None:
        return (f"No price is known for {by.model!r}: give its rates in {settings_path().name}.",)
    if price.currency != settings.currency:
        return (f"{price.name} is priced in {price.currency}, not in {settings.currency}: give rates of your own.",)
    when = f", as of {price.dated}" if price.dated else ""
    cached = price.input if price.cached is None else price.cached
    return (
        f"{price.name} at {price.input:g} for a million prompt tokens, {cached:g} for cached ones, "
        f"{price.output:g} for generated ones, in {price.currency}{when} ({price.source or 'your own row'}).",
        *((f"Not confirmed by the model's maker: {price.second_hand}.",) if price.second_hand else ()),
    )


def _share(total: float | None, count: int) -> float | None:
    return None if total is None or not count else total / count


def price_named(model: str, settings: Settings) -> Price | None:
    """The rates of a model, in the settings' currency."""
    table: Mapping[str, Price] = prices(settings.model)
    price = price_of(model, table)
    return price if price is not None and price.currency == settings.currency else None
