#!/usr/bin/env bash
# Makes a model like the shipped one, and its draft, from nothing: about seven hours on two idle cores. Each step can be
# run alone; the trainer goes on from its last checkpoint, and training.restore makes one of an exported model, the
# shipped one too. Needs: pip install 'torch>=2.9' -e '.[train]'
set -euo pipefail
cd "$(dirname "$0")/.."
out=training/out nano=src/atlas/engine/nano
python -m training.tokenizer --seed 1

# Stage 1: a flat learning rate, few steps a problem before many; then mostly traces.
python -m training.data --tokens 12000000 --seed 5 --short --out $out/short.npz
python -m training.train --data $out/short.npz --steps 2000 --flat | tee -a $out/train.log
python -m training.data --tokens 40000000 --seed 6 --out $out/full.npz
python -m training.train --data $out/full.npz --steps 8000 --flat --muon-lr 4.5e-3 --adam-lr 2.2e-3 | tee -a $out/train.log
python -m training.data --tokens 42000000 --seed 41 --drills 0.82 --out $out/drills.npz
python -m training.train --data $out/drills.npz --steps 15000 --flat --muon-lr 4.5e-3 --adam-lr 2.2e-3 | tee -a $out/train.log
python -m training.export --out $out/stage1.gguf

# Stage 2: its own mistakes among the samples, the learning rate halved and falling to nothing.
python -m training.onpolicy --model $out/stage1.gguf --tasks 2400 --out $out/onpolicy.jsonl
python -m training.weak --model $out/stage1.gguf --out $out/weak.txt
python -m training.data --tokens 12000000 --seed 61 --drills 0.75 --weak $out/weak.txt --also $out/onpolicy.jsonl --out $out/decay.npz
python -m training.train --data $out/decay.npz --steps 17500 --muon-lr 4.5e-3 --adam-lr 2.2e-3 | tee -a $out/train.log
python -m training.export --out $nano/nano.gguf

# The draft: the same tokenizer and samples, a ninth of the weights.
python -m training.train --data $out/decay.npz --out $out/draft.pt --steps 4500 --layers 2 --width 96 --heads 3 --hidden 256
python -m training.export --checkpoint $out/draft.pt --out $nano/nano-draft.gguf --name 'ATLAS nano draft'
python -m training.curve $out/train.log
python -m training.evaluate > benchmarks/results/nano_evaluation.json
python -m training.repairs > benchmarks/results/nano_repairs.json
