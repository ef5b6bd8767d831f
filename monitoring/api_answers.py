"""What the API of the system answers, described for its schema."""

from __future__ import annotations

from typing import Final

from rest_framework import serializers

from btc_watcher.lib.api.answers import (
    anything,
    flag,
    many,
    moment,
    one,
    real,
    rows,
    shape,
    text,
    texts,
    whatever,
    whole,
)

PROCESS = shape(
    "SystemProcess",
    "A process of ours.",
    {
        "role": text(),
        "name": text(),
        "host": text(),
        "pid": whole(),
        "state": text("alive, dead or stopped."),
        "cpu": real("Percent of one core.", null=True),
        "memory_mb": real(null=True),
        "up_seconds": real(),
        "seen_at": moment(),
    },
)
STATUS = shape(
    "SystemStatus",
    "How the system is at this moment.",
    {
        "health": anything(
            "A word for each component; status is ok, warning or unavailable."
        ),
        "figures": anything("The fields of system:status."),
        "machines": many(
            shape(
                "Machine",
                "A machine, in percent; what was not measured is null.",
                {
                    "host": text(),
                    "cpu": real(null=True),
                    "memory": real(null=True),
                    "disk": real(null=True),
                },
            )
        ),
        "processes": many(PROCESS),
        "database_gb": real(null=True),
        "bots": whole("Processes that run strategies."),
        "bots_mb": real(),
        "shared_processes": many(
            shape(
                "SharedProcess",
                "A process that strategies share now.",
                {
                    "name": text(),
                    "node": text(),
                    "pid": whole(null=True),
                    "memory_mb": real(),
                    "strategies": rows("Their ids."),
                },
            )
        ),
        "replica": whatever("How the replica is; null without one."),
    },
)
METRICS = shape(
    "Metrics",
    "Measurements of a period.",
    {
        "from": whole("Seconds since 1970."),
        "to": whole("Seconds since 1970."),
        "at": rows("The moments, in seconds since 1970."),
        "charts": many(
            shape(
                "MetricsChart",
                "Lines of one unit.",
                {
                    "key": text(),
                    "title": text(),
                    "unit": text(),
                    "lines": many(
                        shape(
                            "MetricsLine",
                            "A value for each moment; null where nothing was measured.",
                            {"label": text(), "values": rows()},
                        )
                    ),
                },
            )
        ),
    },
)
RUN = shape(
    "Run",
    "What was asked for and how far it is.",
    {
        "number": text(),
        "what": text("backup, trial or rotation."),
        "state": text("waiting, running, done or failed."),
        "by": text(),
        "at": moment(),
        "seconds": real(),
        "error": text(),
        "steps": texts(),
    },
)
ASKED = shape("RunAsked", "A worker does it.", {"run": text("Its number.")})
PARTITION = shape(
    "Partition",
    "A month of a large table.",
    {
        "table": text(),
        "name": text(),
        "first": serializers.DateField(
            allow_null=True, help_text="The first day; null for the safety net."
        ),
        "end": serializers.DateField(
            allow_null=True, help_text="The day after the last."
        ),
        "state": text("active, ahead, default, pending, kept or going."),
        "rows": whole("Estimated; null while unknown.", null=True),
        "bytes": whole(),
        "trouble": flag("Whether somebody should look."),
    },
)
PARTITIONS = shape(
    "Partitions",
    "Every partition, and the rotation that goes on or has just ended.",
    {"results": many(PARTITION), "run": one(RUN, null=True)},
)
PLAN = shape(
    "RotationPlan",
    "What a rotation would do now.",
    {
        "tables": many(
            shape("RotationTable", "Of one table.", {"name": text(), "steps": texts()})
        ),
        "drops": whole("How many months it would drop."),
    },
)
COUNTED = shape("PartitionRows", "Counted rows.", {"name": text(), "rows": whole()})
_BACKUP: Final = {
    "name": text(),
    "state": text("failed, damaged, trial_failed, untried or good."),
    "started": moment(),
    "size": whole("Bytes."),
    "error": text(),
    "figures": anything("How long it took, rows, server, whether it is encrypted."),
    "trial": anything("How its restore on trial went; null before.", null=True),
}
BACKUP = shape("Backup", "A backup, or a failure to make one.", _BACKUP)
ERROR = shape(
    "ErrorGroup",
    "Errors of one kind.",
    {
        "id": whole(),
        "time": moment("When it last happened."),
        "level": text(),
        "component": text(),
        "message": text(),
        "resolved": flag(),
        "resolved_at": moment(null=True),
        "count": whole("How often it happened.", null=True),
        "context": anything(),
    },
)
ERROR_DETAIL = shape(
    "ErrorGroupDetail",
    "Errors of one kind, with the stack.",
    {**ERROR().get_fields(), "stack": text(null=True)},
)
RESOLVED = shape("ErrorsResolved", "How many of them were open.", {"resolved": whole()})
SCHEDULE = shape(
    "Schedule",
    "Work that is done by itself.",
    {
        "name": text(),
        "purpose": text(),
        "seconds": real("Between two runs.", null=True),
        "least": whole("The shortest interval that is allowed."),
        "most": whole("The longest."),
        "enabled": flag(),
        "needed": flag("Whether it cannot be switched off."),
        "last_run_at": moment(null=True),
    },
)
