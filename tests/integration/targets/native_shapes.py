"""Every built-in type and every shape of class, in threads and frames too, for comparing one walker with another."""

import sys
import threading

import native_classes
import native_graph
import native_repeated
import native_values
import probe
from native_classes import HELD, Plain, SubThread, hold
from native_values import closure


def frame_objects(argument):
    """A frame object that outlives its call, and one of a call that goes on."""
    local = [argument]
    hold(sys._getframe(), sys._getframe(1))
    return local


def running_thread(event, depth, payload):
    """A thread with a stack of frames of all kinds."""
    local = {"payload": payload, "depth": depth}
    if depth:
        return [running_thread(event, depth - 1, copy) for copy in [[payload]]]
    for _ in (wait_inside(event, value) for value in [local]):
        pass
    return local


def wait_inside(event, value):
    """The innermost call."""
    held = [value]
    hold_on = closure(held)
    event.wait()
    return hold_on


def threads():
    """Threads that wait, some deep."""
    event = threading.Event()
    made = [
        SubThread(target=running_thread, args=(event, depth, object()), daemon=True, name="runs %d" % depth)
        for depth in (0, 3, 60)
    ]
    for each in made:
        each.attribute = [1]
        each.start()
    return [event, *made]


def main():
    """Make everything; some of it young, some old, some in a cycle."""
    hold(native_values.frozen_values())
    hold(native_values.plain_values(), native_values.library_values(), native_values.modern())
    hold(native_values.suspended(), native_values.failures(), native_values.tasks())
    hold(native_classes.sub_instances(), native_repeated.repeated(), native_classes.class_shapes())
    hold(frame_objects("argument"), threads(), native_graph.built(3, 2000))
    hold(closure([1]), lambda: HELD, native_graph)
    cycle = [Plain(1), {}]
    cycle[1]["cycle"] = cycle
    probe.make_markers()
    probe.start()
    hold([object() for _ in range(50)])
    waiting = threading.Event()
    waiting.wait()


main()
