"""Train the shipped model. Resumable, fixed seed, CPU or GPU.

    python -m training.train --data training/out/data.npz --epochs 1 --out training/out/model.pt

Muon for the matrices inside blocks, AdamW for the rest; loss on replies only; warm-up, flat, then a linear decay
over the last 30% of the steps; an exponential moving average of the weights is what is exported.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.model import Config, Model


class Batches:
    """Samples of like length together, padded on the right; the order depends on the seed and the epoch alone."""

    def __init__(self, path: Path, tokens: int, seed: int) -> None:
        data = np.load(path)
        self.ids, self.lengths, self.learned = data["ids"], data["lengths"].astype(int), data["learned"]
        self.starts = np.concatenate(([0], np.cumsum(self.lengths)[:-1]))
        self.tokens, self.seed = tokens, seed

    def epoch(self, number: int) -> list[np.ndarray]:
        rng = np.random.default_rng((self.seed, number))
        noisy = self.lengths + rng.uniform(0, 24, len(self.lengths))
        order = np.argsort(noisy)
        batches, at = [], 0
        while at < len(order):
            # Few shapes: every new one costs the matrix library a compilation, and memory that it keeps.
            rows = max(1, self.tokens // self._width(self.lengths[order[at]]))
            batch = order[at : at + rows]
            rows = max(1, self.tokens // self._width(self.lengths[batch].max()))
            batches.append(batch[:rows])
            at += rows
        return [batches[i] for i in rng.permutation(len(batches))]

    @staticmethod
    def _width(longest: int) -> int:
        return -(-int(longest) // 32) * 32

    def tensors(self, batch: np.ndarray) -> tuple[Tensor, Tensor]:
        """Ids and loss mask, both (batch, time)."""
        width = self._width(self.lengths[batch].max())
        ids = np.zeros((len(batch), width), dtype=np.int64)
        mask = np.zeros((len(batch), width), dtype=bool)
        for row, index in enumerate(batch):
            start, length = self.starts[index], self.lengths[index]
            ids[row, :length] = self.ids[start : start + length]
            mask[row, :length] = self.learned[start : start + length]
        return torch.from_numpy(ids), torch.from_numpy(mask)


class Trainer:
    """Model, optimizers, average and position in the data: everything that a checkpoint holds."""

    def __init__(self, args: argparse.Namespace) -> None:
        torch.manual_seed(args.seed)
        self.args = args
        self.device = args.device
        self.config = Config(width=args.width, layers=args.layers, heads=args.heads, hidden=args.hidden)
        self.model = Model(self.config).to(self.device)
        self.average = {k: v.detach().clone() for k, v in self.model.named_parameters()}
        matrices = [p for p in self.model.blocks.parameters() if p.ndim == 2]
        rest = [p for n, p in self.model.named_parameters() if p.ndim < 2 or n.startswith("embed")]
        self.optimizers: list[torch.optim.Optimizer] = [
            torch.optim.Muon(
                matrices, lr=args.muon_lr, momentum=0.95, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"
            ),
            torch.optim.AdamW(rest, lr=args.adam_lr, betas=(0.9, 0.98), weight_decay=0.0),
        ]
        self.base = [g["lr"] for o in self.optimizers for g in o.param_groups]
        self.batches = Batches(args.data, args.batch_tokens, args.seed)
        self.plan = [(e, b) for e in range(args.epochs) for b in self.batches.epoch(e)]
        self.steps = len(self.plan) if args.steps is None else args.steps
        self.step, self.trained, self.seconds = 0, 0, 0.0

    def rate(self) -> float:
        """Learning-rate factor at this step."""
        rate = min(1.0, (self.step + 1) / 100)
        if self.args.flat:
            return rate
        return min(rate, max(0.02, (self.steps - self.step) / (0.3 * self.steps)))

    def advance(self) -> float:
        """One optimizer step; returns the loss."""
        ids, mask = self.batches.tensors(self.plan[self.step % len(self.plan)][1])
        ids, mask = ids.to(self.device), mask.to(self.device)
        with torch.autocast(self.device, dtype=torch.bfloat16):
            loss = self.model.loss(ids, mask)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        factor, base = self.rate(), iter(self.base)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = next(base) * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        decay = min(0.995, self.step / (self.step + 10))
        for name, parameter in self.model.named_parameters():
            self.average[name].lerp_(parameter.detach(), 1 - decay)
        self.step += 1
        self.trained += ids.numel()
        return loss.item()

    def state(self) -> dict[str, Any]:
        return {
            "config": self.config.as_dict(),
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizers": [o.state_dict() for o in self.optimizers],
            "step": self.step,
            "trained": self.trained,
            "seconds": self.seconds,
        }

    def load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["config"] != self.config.as_dict():
            raise SystemExit(f"{path} holds a model of another shape; remove it or pass its shape")
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        if "optimizers" in state:  # a restored model has none
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
        self.step, self.trained, self.seconds = state["step"], state["trained"], state["seconds"]


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint so that a kill in the middle leaves the old one."""
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    temporary.replace(path)


def run(trainer: Trainer, out: Path, every_s: float) -> Iterator[dict[str, float]]:
    """Train to the end of the plan, saving every ``every_s`` seconds; yields a log line a minute or so."""
    saved = logged = last = time.monotonic()
    losses: list[float] = []
    while trainer.step < trainer.steps:
        losses.append(trainer.advance())
        now = time.monotonic()
        trainer.seconds += now - last
        last = now
        done = trainer.step == trainer.steps
        if done or now - logged > 20:
            logged = now
            speed = trainer.trained / trainer.seconds
            yield {
                "step": trainer.step,
                "steps": trainer.steps,
                "loss": round(sum(losses) / len(losses), 4),
                "tokens": trainer.trained,
                "tokens_per_s": round(speed),
                "seconds": round(trainer.seconds),
                "left_s": round(trainer.seconds / trainer.step * (trainer.steps - trainer.step)),
            }
            losses = []
        if done or now - saved > every_s:
            saved = now
            save(out, trainer.state())


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("training/out/data.npz"))
    parser.add_argument("--out", type=Path, default=Path("training/out/model.pt"))
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--steps", type=int, help="where to stop, the schedule with it; by default at the data's end")
    parser.add_argument("--flat", action="store_true", help="no decay of the learning rate: another stage follows")
    parser.add_argument("--batch-tokens", type=int, default=6144)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--heads", type=int, default=6)
    parser.add_argument("--hidden", type=int, default=512)
    parser.add_argument("--muon-lr", type=float, default=6e-3)
    parser.add_argument("--adam-lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--save-every", type=float, default=120.0, help="seconds")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    torch.set_num_threads(args.threads)
    trainer = Trainer(args)
    size = sum(p.numel() for p in trainer.model.parameters())
    if args.out.exists():
        trainer.load(args.out)
    print(f"{size / 1e6:.2f}M parameters, {trainer.steps} steps, from step {trainer.step}", flush=True)
    for line in run(trainer, args.out, args.save_every):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
