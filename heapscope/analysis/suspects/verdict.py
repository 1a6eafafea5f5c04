"""The verdict: one sentence over all suspects, and what to do next. Pure.

Never says leak as a fact: it says what holds the memory, and whether that grew.
"""

from __future__ import annotations

from collections.abc import Sequence

from heapscope.analysis.suspects import thresholds
from heapscope.analysis.suspects.growing import minutes_text
from heapscope.analysis.suspects.merging import FLAT
from heapscope.analysis.suspects.model import Confidence, HeapFigures, Suspect, SuspectKind, Verdict, VerdictKind
from heapscope.units import clean_text, format_bytes, format_count, format_delta

MAX_HOLDER = 100


def judge(suspects: Sequence[Suspect], figures: HeapFigures, *, snapshot_count: int, seconds: float) -> Verdict:
    """Give the verdict. ``suspects`` are ranked, best first; ``seconds`` lie between the oldest and the newest snapshot."""
    best = next((one for one in suspects if one.confidence >= Confidence.MEDIUM and _is_alarm(one)), None)
    over = f" in {minutes_text(seconds)}" if seconds > 0 else ""
    if best is not None:
        return Verdict(_kind_of(best), _headline(best, over), best.confidence, best.next)
    large = _large(suspects)
    if snapshot_count == 1 and large is not None and large.kind is SuspectKind.NATIVE_MEMORY:
        return _unknown(large, figures)
    if snapshot_count == 1 and large is not None:
        return Verdict(
            VerdictKind.NOT_ENOUGH_DATA,
            f"not enough data: {_who(large)} keeps {_share(large)}, and one snapshot cannot say whether it grows",
            Confidence.LOW,
            _again(figures, large),
        )
    if snapshot_count == 1:
        return Verdict(
            VerdictKind.NO_LEAK_SEEN,
            "no leak seen in one snapshot: nothing is held that should not be, and no single holder stands out",
            Confidence.LOW,
            _again(figures, None),
        )
    if large is not None and large.kind is SuspectKind.NATIVE_MEMORY:
        return _unknown(large, figures)
    return _judge_flat(suspects, figures, snapshot_count, seconds)


def _unknown(large: Suspect, figures: HeapFigures) -> Verdict:
    """Most of the memory is not Python objects, and the detector was not sure what that means."""
    return Verdict(
        VerdictKind.NOT_ENOUGH_DATA,
        f"not enough data: {large.share:.0%} of RSS is {_who(large)}",
        Confidence.LOW,
        (*large.next[:1], *_again(figures, None)),
    )


def _judge_flat(suspects: Sequence[Suspect], figures: HeapFigures, snapshot_count: int, seconds: float) -> Verdict:
    confidence = Confidence.LOW
    if snapshot_count > thresholds.GROWTH_STEPS_MEDIUM:
        confidence = Confidence.HIGH if snapshot_count > thresholds.GROWTH_STEPS_HIGH else Confidence.MEDIUM
    over = f"{snapshot_count} snapshots" + (f" over {minutes_text(seconds)}" if seconds > 0 else "")
    growing = next((one for one in suspects if one.growth_bytes is not None), None)
    if growing is not None:
        return Verdict(
            VerdictKind.NOT_ENOUGH_DATA,
            f"not enough data: {_who(growing)} grew by {format_bytes(growing.growth_bytes or 0)}, in {growing.rising} of "
            f"{growing.steps} steps: a few more snapshots will tell",
            Confidence.LOW,
            _again(figures, growing),
        )
    change = format_delta(figures.growth_bytes or 0)
    flat = (one for one in suspects if one.share >= thresholds.LARGE_SHARE and FLAT in one.doubts)
    large = next((one for one in flat if one.kind is not SuspectKind.THREAD), None)
    if large is not None:
        return Verdict(
            VerdictKind.PLATEAU,
            f"plateau, not a leak: {_who(large)} keeps {large.share:.0%} of the heap and did not grow in {over}",
            confidence,
            large.next,
        )
    return Verdict(
        VerdictKind.NO_LEAK_SEEN,
        f"no leak seen in {over}: the heap changed by {change}, and no holder grew steadily",
        confidence,
        (f"heapscope types {figures.pid}",) if figures.pid else (),
    )


def _is_alarm(suspect: Suspect) -> bool:
    """An accumulation alone is none: a full cache is one, too. Neither is work in progress, unless it grows."""
    return suspect.growth_bytes is not None or suspect.kind not in {
        SuspectKind.ACCUMULATION,
        SuspectKind.THREAD,
        SuspectKind.TASK,
    }


def _large(suspects: Sequence[Suspect]) -> Suspect | None:
    """Find a holder that stands out by size, with nothing that speaks against it."""
    return next((one for one in suspects if not one.doubts and one.share >= thresholds.LARGE_SHARE), None)


def _kind_of(suspect: Suspect) -> VerdictKind:
    if suspect.kind is SuspectKind.ALLOCATOR:
        return VerdictKind.ALLOCATOR_RETENTION
    if suspect.kind is SuspectKind.NATIVE_MEMORY:
        return VerdictKind.NATIVE_MEMORY
    return VerdictKind.GROWING if suspect.growth_bytes is not None else VerdictKind.SUSPECTED


def _headline(suspect: Suspect, over: str) -> str:
    grew = f" and grew by {format_bytes(suspect.growth_bytes)}{over}" if suspect.growth_bytes is not None else ""
    share = f"{suspect.share:.0%}"
    size = format_bytes(suspect.retained_bytes)
    who = _who(suspect)
    sentences = {
        SuspectKind.EXCEPTION: f"kept exceptions hold {share} of the heap ({size}) by their tracebacks{grew}: {who}",
        SuspectKind.NATIVE_HOLD: f"objects that only C code holds keep {share} of the heap ({size}){grew}: {who}",
        SuspectKind.UNBOUNDED_CACHE: f"a cache without a limit keeps {share} of the heap ({size}){grew}: {who}",
        SuspectKind.GARBAGE: f"cycles that await the collector are {share} of the heap ({size}){grew}",
        SuspectKind.ALLOCATOR: f"the allocator, not objects: {size} of freed memory ({share} of RSS) was not given back",
        SuspectKind.NATIVE_MEMORY: f"not Python objects: {size} ({share} of RSS) is memory of C libraries",
    }
    return sentences.get(suspect.kind, f"{who} keeps {share} of the heap ({size}){grew}")


def _share(suspect: Suspect) -> str:
    is_outside = suspect.kind in {SuspectKind.ALLOCATOR, SuspectKind.NATIVE_MEMORY}
    return f"{suspect.share:.0%} of {'RSS' if is_outside else 'the heap'}"


def _who(suspect: Suspect) -> str:
    many = f" ({format_count(suspect.entries)} entries)" if suspect.entries else ""
    return clean_text(suspect.holder, MAX_HOLDER) + many


def _again(figures: HeapFigures, suspect: Suspect | None) -> tuple[str, ...]:
    commands = [f"heapscope report {figures.pid} --for 10m --every 2m"] if figures.pid else []
    return (*commands, *(suspect.next[:1] if suspect is not None else ()))
