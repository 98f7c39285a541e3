"""What a user says about prices: ``cost.toml`` in ATLAS's data folder, or a file that is named.

currency = "EUR"
kwh_price = 0.31
watts = 165                # of the machine at work, where nothing can measure it
idle_watts = 20

[machine]
price = 500
months = 24
resale = 100
maintenance_hours = 0.5    # a month, at hour_price each
hour_price = 40
utilisation = 0.25         # share of all hours in which it works

[[model]]                  # rates of an API, for a million tokens; cached and cache_write may be left out
name = "my-model"
input = 1.0
output = 4.0
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from atlas.cost.ownership import Ownership
from atlas.cost.prices import Price
from atlas.errors import UsageError

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]

KWH_PRICE = 0.12
"""USD: about what the published comparisons of this technique reckon with. Where nobody says otherwise."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Machine(_Strict):
    """Fields as in :class:`atlas.cost.ownership.Ownership`; a ``price`` of 0 leaves the hardware out of account."""

    price: Amount = 0.0
    months: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 24.0
    resale: Amount = 0.0
    maintenance_hours: Amount = 0.0
    hour_price: Amount = 0.0
    utilisation: Annotated[float, Field(gt=0, le=1)] = 0.25

    def owned(self) -> Ownership:
        """The machine to reckon with.

        Raises:
            UsageError: it is sold for more than it cost.
        """
        try:
            return Ownership(**self.model_dump())
        except ValueError as error:
            raise UsageError(f"The machine cannot be reckoned with: {error}.") from None


class Settings(_Strict):
    """Everything that turns joules, seconds and tokens into money."""

    currency: str = "USD"
    kwh_price: Amount = KWH_PRICE
    watts: Amount | None = None
    idle_watts: Amount | None = None
    machine: Machine = Machine()
    model: tuple[Price, ...] = ()


def read(path: Path) -> Settings:
    """The settings in ``path``.

    Raises:
        UsageError: absent, no TOML, or a field that is none or out of range; the sentence names it.
    """
    try:
        return Settings.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}; check the path.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} is no TOML file that can be read: {error}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path}: {where}: {first['msg']}.") from None


def read_or_default(path: Path) -> Settings:
    """The settings in ``path``, or the defaults where there is no such file.

    Raises:
        UsageError: the file cannot be used.
    """
    return read(path) if path.is_file() else Settings()
