"""Many shapes of classes, each as it is and slotted as advised, measured by the allocator's own book-keeping.

Never measures what attributes refer to: every value is None. Keeps to the syntax of Python 3.8. The answer to "facts" has,
per shape and per kind of class (plain, twin, leaf), what its instances requested and were given: see slots_measure.py.

    python slots_corpus.py [INSTANCES]
"""

import sys
import threading

import probe
import slots_kinds
import slots_lines
import slots_measure
import slots_native
import slots_shapes as shapes

INSTANCES = 120
SHAPES = (
    shapes.ATTRIBUTES + shapes.PATTERNS + shapes.STATES + slots_lines.LINES + slots_native.NATIVE + slots_kinds.KINDS
)


def main():
    """Measure every shape, keep the instances, and wait."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else INSTANCES
    wanted = sys.argv[2].split(",") if len(sys.argv) > 2 and sys.argv[2] else None
    slots_measure.rehearse(SHAPES[0], count)
    figures = {}
    for shape in SHAPES:
        if wanted is None or shape.name in wanted:
            figures[shape.name] = slots_measure.measure(shape, count)
    probe.start(lambda: {"shapes": figures})
    threading.Event().wait()


main()
