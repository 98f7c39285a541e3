#!/usr/bin/env bash
# Makes a model like the shipped one from nothing: about an hour on two idle cores. Each step can be run alone;
# the trainer goes on from its last checkpoint. Needs: pip install 'torch>=2.9' -e '.[train]'
set -euo pipefail
cd "$(dirname "$0")/.."
python -m training.tokenizer --seed 1
python -m training.data --tokens 21000000 --seed 1
python -m training.train --steps 3400
python -m training.export
python -m training.evaluate
