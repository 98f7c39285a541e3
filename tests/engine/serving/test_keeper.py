"""What a keeper writes down of a real engine while it works."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from atlas.engine.serving import keeper, records
from atlas.engine.serving.clocks import Clocks
from atlas.engine.serving.keeper import Keeper, Order
from atlas.engine.serving.log import tail
from atlas.engine.serving.process import Process
from atlas.engine.serving.records import Record
from atlas.engine.serving.throttle import Reading, Stretch
from atlas.engine.settings import Settings


@pytest.fixture
def order(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Order:
    monkeypatch.setenv("ATLAS_HOME", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    me = Process.of(1)
    assert me is not None
    settings = Settings(tiny_model, 2, 512, 1, None, port=port, verbose=True)
    record = Record(
        name="tiny",
        model="tiny",
        file=str(tiny_model),
        draft=None,
        kind="embedded",
        version="",
        port=port,
        slots=2,
        context=512,
        cache="f16",
        keeper=me,
        since=time.time(),
    )
    records.folder("tiny").mkdir(parents=True)
    return Order(record, settings, None, gpu=False)


def test_an_order_survives_the_pipe(order: Order) -> None:
    assert Order.parse(order.dump()) == order
    with_draft = replace(order, settings=replace(order.settings, draft=Path("/d.gguf"), placement=("--device", "none")))
    assert Order.parse(with_draft.dump()) == with_draft
    assert "\n" not in with_draft.dump()


async def generate(port: int) -> None:
    body = {"prompt": "hello", "n_predict": 60, "ignore_eos": True}
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as client:
        while True:
            assert (await client.post(f"http://127.0.0.1:{port}/completion", json=body)).status_code == 200
            await asyncio.sleep(0.005)  # the log of requests without a pause would keep this loop from all else


async def test_speed_and_clocks_under_load(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Keeper(order)
    under_load = 0

    class Counted(Stretch):
        def add(self, reading: Reading) -> str | None:
            nonlocal under_load
            under_load += reading.busy > 0
            return super().add(reading)

    def falling() -> Clocks:
        return Clocks(3000.0 if under_load < 6 else 2000.0)

    def told() -> bool:
        return bool(kept.record.notes and kept.record.flash and kept.record.speed)

    monkeypatch.setattr(keeper, "Stretch", Counted)
    monkeypatch.setattr(keeper, "reader", lambda *, gpu: falling)
    monkeypatch.setattr(keeper, "_LOOK_S", 0.02)
    running = asyncio.create_task(kept.run())
    while kept.record.state != "running":
        await asyncio.sleep(0.01)
        assert not running.done()
    working = asyncio.create_task(generate(order.record.port))
    try:
        while not told():
            await asyncio.sleep(0.01)
            assert not running.done()
            assert not working.done()
    finally:
        for task in (running, working):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await asyncio.gather(working, return_exceptions=True)
    (note,) = kept.record.notes
    assert "The clocks fell from 3,000 to 2,000 MHz" in note
    assert kept.record.speed is not None
    assert kept.record.speed > 1
    assert kept.record.cache == "f16"
    assert kept.record.flash in ("enabled", "disabled")
    assert records.read("tiny") == kept.record
    assert any("The clocks fell" in line for line in tail(records.folder("tiny"), 1000))
    assert kept.record.engine is not None
    assert kept.record.engine.gone_within(10)
