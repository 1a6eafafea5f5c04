"""``heapscope object --draw``: the neighbours of an object as objgraph draws them, in a clone of the live process.

Never draws from a file: objgraph looks at objects, and a file has figures.
"""

from __future__ import annotations

from heapscope.cli.capturing import cancel_on_signals, capture_options_of
from heapscope.cli.options import CaptureChoice, OutputChoice
from heapscope.cli.output import write_text
from heapscope.cli.talk import ProgressLine, Talk
from heapscope.errors import UsageError
from heapscope.units import clean_text

_CUT = {
    "boxes": "there is more than can be drawn; a smaller --depth leaves out what is far away",
    "time": "the time was over before all was drawn; --timeout 300 gives it more",
}


def draw_object(
    source: str,
    address: int,
    direction: str,
    depth: int,
    out: OutputChoice,
    capture: CaptureChoice,
    talk: Talk,
) -> None:
    """Draw the object at an address of a running process into a file, or as dot to stdout.

    Raises:
        UsageError: the source is no process, or the file's name says nothing that can be written.
        HeapscopeError: as service/drawing.py raises.
    """
    from heapscope.pictures.languages import write_dot  # noqa: PLC0415 - only drawings need it
    from heapscope.pictures.svg import write_svg  # noqa: PLC0415 - as above
    from heapscope.service.drawing import Question, draw  # noqa: PLC0415 - as above
    from heapscope.service.sources import find_pid  # noqa: PLC0415 - as above

    pid = find_pid(source)
    if pid is None:
        raise UsageError(
            f"objgraph draws in a live process, and {clean_text(source, 60)} is a file",
            hint=f"heapscope paths FILE --address {address:#x} --to svg -o FILE.svg",
        )
    is_svg = (out.output or "").endswith(".svg")
    if out.output is not None and not is_svg and not out.output.endswith((".dot", ".gv")):
        raise UsageError(f"{clean_text(out.output, 60)} is neither .svg nor .dot", hint="-o object.svg")
    if out.format_ != "table":
        raise UsageError(f"--draw and --format {out.format_} exclude each other", hint="-o object.svg")
    out.check()
    with cancel_on_signals() as cancel, ProgressLine(talk) as progress:
        drawing = draw(pid, Question(address, direction, depth), capture_options_of(capture), progress.report, cancel)
    write_text((write_svg if is_svg else write_dot)(drawing.graph), out.options)
    talk.say(
        f"{drawing.type_name} at {address:#x}: {len(drawing.graph.nodes)} boxes, drawn with objgraph {drawing.objgraph_version}"
    )
    if drawing.cut in _CUT:
        talk.warn(_CUT[drawing.cut])
