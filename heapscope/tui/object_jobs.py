"""Owns the work on single objects that runs in threads beside the screens, and the messages with its results.

Never touches a widget: a thread only posts messages.
"""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from heapscope.errors import HeapscopeError
from heapscope.tui.engine import Engine
from heapscope.tui.holder_jobs import Job, error_of, oversight_of
from heapscope.tui.holders import HolderIndex, PathQuestion
from heapscope.tui.inspection import ObjectFacts, ObjectList
from heapscope.tui.jobs import Post

Answer = ObjectFacts | ObjectList


@dataclass(eq=False)
class ObjectJob(Job):
    """One question; ``lists`` says that all of its objects are wanted, not everything about one."""

    question: PathQuestion | None = None
    lists: bool = False


class ObjectsAnswered(Message):
    """The answer, or why there is none; ``is_last`` is False while more of it will come."""

    def __init__(
        self, job: ObjectJob, answer: Answer | None, error: HeapscopeError | None = None, *, is_last: bool = True
    ) -> None:
        super().__init__()
        self.job = job
        self.answer = answer
        self.error = error
        self.is_last = is_last


def run_objects(engine: Engine, holders: HolderIndex, job: ObjectJob, post: Post) -> None:
    """Answer a question; ends with ObjectsAnswered whatever happens."""
    answers: list[Answer] = []

    def show(facts: ObjectFacts) -> None:
        post(ObjectsAnswered(job, facts, is_last=False))

    def work() -> None:
        assert job.question is not None
        oversight = oversight_of(job, post)
        if job.lists:
            answers.append(engine.list_instances(holders, job.question, oversight))
        else:
            answers.append(engine.inspect(holders, job.question, oversight, show))

    error = error_of(work)
    post(ObjectsAnswered(job, answers[0] if error is None else None, error))
