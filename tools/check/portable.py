"""Run the tests and the checked cells as other processors would: `make test-portable`.

The last digits of a sum depend on how many numbers a processor adds at once and on how many threads share the work.
Each setting keeps PyTorch, its libraries and NumPy to less than this machine has.
"""

import argparse
import os
import subprocess
import sys
import time

import numpy as np
import torch

AVX2 = {"MKL_ENABLE_INSTRUCTIONS": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"}
SETTINGS = ("native", "avx2", "default", "one-thread")


def without(*prefixes: str) -> dict[str, str]:
    """NumPy reads none of PyTorch's variables: it has a list of instructions to leave out, by names of its own.

    What is left out already stays out: NumPy does not find it, and a test may ask from within another setting.
    """
    found = np.__config__.show(mode="dicts").get("SIMD Extensions", {}).get("found", [])
    left_out = os.environ.get("NPY_DISABLE_CPU_FEATURES", "").split()
    names = [*left_out, *(name for name in found if name.startswith(prefixes))]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(dict.fromkeys(names))}


def variables(setting: str) -> dict[str, str]:
    """What a setting adds to the environment."""
    if setting == "avx2" and torch.backends.cpu.get_cpu_capability() != "AVX512":
        print("avx2: this machine has no more than that, so nothing is left out", flush=True)
        return {}
    return {
        "native": {},
        "avx2": AVX2 | without("AVX512", "X86_V4"),
        "default": {"ATEN_CPU_CAPABILITY": "default"} | without(""),
        "one-thread": {"OMP_NUM_THREADS": "1"},
    }[setting]


def passes(setting: str, arguments: list[str]) -> bool:
    """Whether pytest with these arguments ends well under a setting."""
    print(f"\n======== {setting} ========", flush=True)
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, env=os.environ | variables(setting)).returncode == 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0], epilog="All else is handed to pytest.")
    parser.add_argument("--setting", choices=SETTINGS, help="default: all, one after the other")
    options, handed_on = parser.parse_known_args(arguments)

    results = {}
    for setting in [options.setting] if options.setting else SETTINGS:
        started = time.monotonic()
        word = "passed" if passes(setting, handed_on) else "FAILED"
        results[setting] = f"{word} in {(time.monotonic() - started) / 60:.0f} min"
    print("\n" + "\n".join(f"{setting}: {result}" for setting, result in results.items()))
    return int(any("FAILED" in result for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
