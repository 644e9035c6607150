"""Find the log files of a directory, and pair them."""

from pathlib import Path

from carbonsdk.carbontracker_logs.messages import read_messages
from carbonsdk.carbontracker_logs.output import OutputLog
from carbonsdk.carbontracker_logs.standard import StandardLog, named
from carbonsdk.carbontracker_logs.values import LoggedRun
from carbonsdk.errors import JournalError

STANDARD = "_carbontracker.log"
OUTPUT = "_carbontracker_output.log"


def read_directory(directory: Path | str) -> list[LoggedRun]:
    """Return the runs whose logs lie in a directory, oldest first; those without a partner and torn ones too.

    Raises JournalError where the directory cannot be read. Files without any message are left out.
    """
    directory = Path(directory)
    pairs: dict[str, dict[str, Path]] = {}
    try:
        for path in directory.iterdir():
            suffix = next((each for each in (STANDARD, OUTPUT) if path.name.endswith(each)), None)
            if suffix:
                pairs.setdefault(path.name.removesuffix(suffix), {})[suffix] = path
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise JournalError(f"{directory} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    runs = [read_run(pair.get(STANDARD), pair.get(OUTPUT)) for pair in pairs.values()]
    told = [run for run in runs if run.started or run.epochs or run.problems]
    return sorted(told, key=lambda run: (run.started.timestamp() if run.started else 0.0, run.name))


def read_run(standard_log: Path | None, output_log: Path | None) -> LoggedRun:
    """Return the run of a standard log, an output log, or both."""
    problems: list[str] = []
    standard, output = StandardLog(problems), OutputLog()
    if standard_log is not None:
        standard.take(read_messages(standard_log, problems))
    else:
        problems.append("there is no standard log: epochs, devices and powers are unknown")
    if output_log is not None:
        output.take(read_messages(output_log, problems))
    else:
        problems.append("there is no output log: the consumptions that were told are unknown")
    epochs = standard.epochs()
    path = standard_log or output_log
    times = sorted([*standard.times, *output.times])
    return LoggedRun(
        name=path.name.removesuffix(STANDARD).removesuffix(OUTPUT) if path else "",
        standard_log=standard_log,
        output_log=output_log,
        program=standard.program,
        version=standard.version,
        pue=standard.pue,
        devices=named(standard.devices, epochs),
        epochs=epochs,
        averaged=frozenset(standard.averaged),
        actual=output.actual,
        predicted=output.predicted,
        early_stop=standard.early_stop,
        finished=standard.finished or output.finished,
        grams_per_kwh=standard.grams_per_kwh if standard.grams_per_kwh is not None else output.grams_per_kwh,
        location=standard.location or output.location,
        started=times[0] if times else None,
        ended=times[-1] if times else None,
        problems=tuple(dict.fromkeys(problems)),
    )
