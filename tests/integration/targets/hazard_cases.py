"""Holds one live example of every hazard, and tries on request what becomes of it with slots.

Each module of the package ``hazards`` is a case: ``build`` makes what is to be captured, ``after`` does what its converted twin
does. One JSON object per line: {"ask": "after", "case": name} -> {"error": name of the exception's type, "text": what it says}.
"""

import importlib
import json
import os
import sys

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hazards")


def attempt(module):
    """Run the twin of one case; report what it raises."""
    if not getattr(module, "AVAILABLE", True):
        return {"error": "not available", "text": ""}
    try:
        module.after()
    except Exception as error:
        return {"error": type(error).__name__, "text": str(error)[:500]}
    return {"error": "", "text": ""}


def main():
    """Build everything, then answer."""
    wanted = sys.argv[1:] or sorted(name[:-3] for name in os.listdir(FOLDER) if name.endswith(".py"))
    cases = {name: importlib.import_module("hazards." + name) for name in wanted}
    kept = [module.build() for module in cases.values()]
    print(json.dumps({"markers": len(kept), "slotted": 0}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(attempt(cases[request["case"]])), flush=True)


main()
