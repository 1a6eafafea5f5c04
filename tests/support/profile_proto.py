"""Reads pprof profiles with Google's own protobuf library, by the field numbers of google/pprof's profile.proto.

Never shares code with what writes them.
"""

from __future__ import annotations

import gzip
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "int64": _FIELD.TYPE_INT64,
    "uint64": _FIELD.TYPE_UINT64,
    "bool": _FIELD.TYPE_BOOL,
    "string": _FIELD.TYPE_STRING,
}

_MESSAGES = {
    "ValueType": "int64 type=1; int64 unit=2",
    "Label": "int64 key=1; int64 str=2; int64 num=3; int64 num_unit=4",
    "Sample": "*uint64 location_id=1; *int64 value=2; *Label label=3",
    "Line": "uint64 function_id=1; int64 line=2; int64 column=3",
    "Location": "uint64 id=1; uint64 mapping_id=2; uint64 address=3; *Line line=4; bool is_folded=5",
    "Function": "uint64 id=1; int64 name=2; int64 system_name=3; int64 filename=4; int64 start_line=5",
    "Profile": (
        "*ValueType sample_type=1; *Sample sample=2; *Location location=4; *Function function=5; *string string_table=6;"
        "int64 drop_frames=7; int64 keep_frames=8; int64 time_nanos=9; int64 duration_nanos=10; ValueType period_type=11;"
        "int64 period=12; *int64 comment=13; int64 default_sample_type=14"
    ),
}


def _profile_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", package="perftools.profiles", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for text in fields.split(";"):
            kind, _, rest = text.strip().partition(" ")
            field_name, _, number = rest.partition("=")
            label = _FIELD.LABEL_REPEATED if kind.startswith("*") else _FIELD.LABEL_OPTIONAL
            kind = kind.lstrip("*")
            field = message.field.add(name=field_name, number=int(number), label=label)
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type, field.type_name = _FIELD.TYPE_MESSAGE, f".perftools.profiles.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("perftools.profiles.Profile"))


def read_profile(data: bytes) -> tuple[Any, dict[tuple[str, ...], tuple[int, ...]]]:
    """Return the message, and its values by stack, the outermost frame first. Every rule of the format is checked."""
    profile = _profile_class().FromString(gzip.decompress(data))
    texts = list(profile.string_table)
    assert texts[0] == ""
    functions = {each.id: texts[each.name] for each in profile.function}
    lines = {each.id: functions[each.line[0].function_id] for each in profile.location}
    assert 0 not in functions
    assert 0 not in lines
    assert len(functions) == len(profile.function)
    assert len(lines) == len(profile.location)
    stacks: dict[tuple[str, ...], tuple[int, ...]] = {}
    for sample in profile.sample:
        stack = tuple(lines[number] for number in reversed(sample.location_id))
        assert stack not in stacks
        assert len(sample.value) == len(profile.sample_type)
        stacks[stack] = tuple(sample.value)
    return profile, stacks
