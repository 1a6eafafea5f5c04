"""Checks the layout facts of this version on objects made in the clone, before anything relies on them.

Never touches an object of the target; any surprise means "not verified".
"""

from heapscope.agent.instances import InstanceReader
from heapscope.wire.protocol import DictState


class _Probe:
    def __init__(self):
        self.alpha = 1
        self.beta = 2
        self.gamma = 3


class _Base(list):
    pass


def verify(layout, memory):
    """Set ``layout.verified``; return the reason where the facts do not hold, else ""."""
    if layout.cached_keys_offset == 0 or object.__basicsize__ != 16:
        return "instance layout of this interpreter is not known"
    if memory.word(id(_Probe) + 32) != _Probe.__basicsize__ or memory.word(id(_Probe) + 168) & 0xFFFF != (
        _Probe.__flags__ & 0xFFFF
    ):
        return "type layout could not be verified"
    layout.verified = True
    for check in (_check_names, _check_dict, _check_combined, _check_list_subclass):
        memory.forget()
        if not check(layout):
            layout.verified = False
            return "instance layout could not be verified (" + check.__name__[7:] + ")"
    memory.forget()
    return ""


def _read(layout, instance):
    reader = InstanceReader(layout, type(instance))
    reader.read([instance])
    (entry,) = reader.tally
    return reader, entry & 7


def _check_names(layout):
    young = [_Probe() for _ in range(40)]
    reader, state = _read(layout, young[-1])
    expected = DictState.SPLIT if layout.minor < 11 else DictState.VALUES if layout.minor < 13 else DictState.INLINE
    return state == expected and sorted(reader.attributes.counts_by_name()) == ["alpha", "beta", "gamma"]


def _check_dict(layout):
    probe = _Probe()
    names = sorted(probe.__dict__)
    reader, state = _read(layout, probe)
    expected = DictState.SPLIT if layout.minor < 13 else DictState.MATERIALISED
    return state == expected and sorted(reader.attributes.counts_by_name()) == names


def _check_combined(layout):
    probe = _Probe()
    for number in range(40):
        setattr(probe, "name%d" % number, number)
    reader, state = _read(layout, probe)
    return state in (DictState.COMBINED, DictState.SPLIT) and len(reader.attributes.counts_by_name()) == 43


def _check_list_subclass(layout):
    probe = _Base()
    probe.alpha = 1  # type: ignore[attr-defined]
    reader, state = _read(layout, probe)
    return state != DictState.UNKNOWN and list(reader.attributes.counts_by_name()) == ["alpha"]
