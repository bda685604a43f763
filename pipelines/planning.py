"""Making the plan: a source's images, named uniquely, dealt into shards, hashed."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskgen.config.claim import REPEAT, claim_folder
from maskgen.config.counted import counted
from maskgen.config.run_config import RunConfig
from maskgen.errors import MaskgenError, ShardFault, UsageError
from maskgen.io.atomic import (
    PartialFile,
    folder_lock,
    fsync_folder,
    make_folder,
    require_exclusive_names,
    sweep_partials,
)
from maskgen.io.owner import share_folder
from maskgen.io.storage.location import Location, open_location
from maskgen.shards import naming
from maskgen.shards.kept import drop_committed, keep
from maskgen.shards.plan import Plan, has_rows_of, read_plan
from maskgen.shards.record import read_records

from .dealing import write_rows
from .draft import Draft, cannot_make, existing_folder
from .resolve import OF_THE_METHOD, ResolvedConfig
from .sources import open_source

TRUSTED = "the plan in the output folder is trusted, its source was not listed again (--recheck lists it)"
_MOST_EXPLAINED = 1_000_000
"""Images of a plan up to which the source is listed to say what differs: for a minute at most."""


@dataclass
class PlannedRun:
    """A plan that is not written yet, for which no folder has been made; or one that lies there already.

    Args:
        config: of the run.
        plan: its head.
        rows: its table; None of a plan that is there and is trusted.
        place: where the table of a plan that is trusted is.
    """

    config: ResolvedConfig
    plan: Plan
    rows: Draft | None
    place: Location

    @property
    def is_trusted(self) -> bool:
        """Whether its source has not been listed."""
        return self.rows is None

    def settle(self) -> Plan:
        """Write the plan to the output folder, which is made where it is absent, or find its equal there.

        A damaged plan in the folder is replaced when the commit records, or what is left of it, are of this
        run.

        Raises:
            UsageError: the folder holds another run's shards, or files that are not ours.
            EnvironmentFault: the disk is full, broken or read-only.
        """
        output = Path(self.config.options.output)
        make_output(output / naming.RECORDS)
        if self.rows is None:
            with folder_lock(output / naming.RECORDS):
                is_there = _trusted(self.config, self.place) == self.plan
            if is_there:
                return self.plan
            with planned(self.config, self.place, recheck=True) as again:  # it was taken away under us
                return again.settle()
        with PartialFile(output / naming.PLAN_TABLE) as rows, self.rows:
            self.rows.copy_to(rows)
            rows.sync()
            with folder_lock(output / naming.RECORDS):
                return _publish(output, rows, self.plan)


def _publish(output: Path, rows: PartialFile, plan: Plan) -> Plan:
    """Make a plan the folder's own: the table, then the head, without which there is no plan."""
    before = _stored_identity(output, plan)
    plan = _with_words_of(before, plan)
    _check_same(output, before, plan)
    rows.publish()
    fsync_folder(output)
    with PartialFile(output / naming.PLAN) as head:
        head.write(plan.render())
        head.sync()
        head.publish()
        (output / naming.WHOLE_PLAN_TABLE).unlink(missing_ok=True)
    fsync_folder(output)
    return plan


def _check_same(output: Path, before: dict[str, Any] | None, plan: Plan, *, listed: bool = True) -> None:
    """Refuse a folder of other settings, or of another source where that was listed."""
    other = _other_method(before, plan)
    claim_folder(
        output,
        plan.identity,
        lambda: before,
        check_free=lambda: _check_no_shards(output, plan),
        explain=lambda: _source_change(read_plan(output), plan) if listed else [],
        explained=("plan", *(OF_THE_METHOD if other else ())),
        remedy=f"add --method {other} to resume, or choose another --output" if other else REPEAT,
    )


@contextlib.contextmanager
def planned(
    config: ResolvedConfig, place: Location | None = None, *, recheck: bool = False
) -> Iterator[PlannedRun]:
    """The plan of a run: the one in its output folder if that is of the same settings, else of a new listing.

    What dead processes have left in that folder is swept, or kept, before.

    Args:
        config: of the run.
        place: where the table of the plan in that folder is; None: beside it.
        recheck: list the source in any case.

    Raises:
        UsageError: the folder holds the large plan of a run with other settings, or a file is in its way.
        SourceFault: the source cannot be listed, or holds no image.
        EnvironmentFault: the disk is full, broken or read-only, or shards cannot be made on its file system.
    """
    output = Path(config.options.output)
    disk = existing_folder(output)
    keep(output)
    drop_committed(output)
    sweep_partials(output)
    sweep_partials(output / naming.RECORDS)
    require_exclusive_names(disk)
    place = output if place is None else place
    if not recheck and (plan := _trusted(config, place)):
        yield PlannedRun(config, plan, None, place)
        return
    source = open_source(config.options)
    with Draft(disk) as rows:
        yield PlannedRun(config, write_rows(source, config, rows), rows, place)


def prepare(config: ResolvedConfig, place: Location | None = None, *, recheck: bool = False) -> Plan:
    """See to it that the plan of a run lies in its output folder; raises as `planned` and `settle` do."""
    with entered(config, place, recheck=recheck) as (run, _):
        return run.settle()


@contextlib.contextmanager
def entered(
    config: ResolvedConfig, place: Location | None = None, *, recheck: bool = False
) -> Iterator[tuple[PlannedRun, Callable[[], bool]]]:
    """Be `occupied` with a run that is `planned`.

    What can be refused without a folder is refused before there is one. A folder that is there is entered
    before anything is written in it, or another run that made it, and fails, would remove it under us.
    """
    output = Path(config.options.output)
    with contextlib.ExitStack() as stack:
        is_alone = stack.enter_context(occupied(output)) if output.is_dir() else None
        run = stack.enter_context(planned(config, place, recheck=recheck))
        yield run, is_alone or stack.enter_context(occupied(output))


@contextlib.contextmanager
def occupied(output: Path) -> Iterator[Callable[[], bool]]:
    """Be seen in an output folder, which is made where it is absent; who fails there leaves no empty one.

    Yields:
        What `share_folder` does.
    """
    is_new = not output.exists()
    with share_folder(output, lambda: make_output(output)) as is_alone:
        try:
            yield is_alone
        except MaskgenError:
            if is_alone():
                with contextlib.suppress(OSError):  # another run that waits makes them again
                    (output / naming.RECORDS).rmdir()
                    if is_new:
                        output.rmdir()
            raise


def _trusted(config: ResolvedConfig, place: Location) -> Plan | None:
    """The plan in the output folder, whole and of these settings; what it was made of is not looked at.

    Raises:
        UsageError: it is of other settings, and too large to list the source only to say what differs.
    """
    output = Path(config.options.output)
    try:
        plan = read_plan(output)
        digest_of_images = plan.identity["plan"]
    except (ShardFault, KeyError):
        return None
    wanted = _with_words_of(plan.identity, replace(plan, identity=config.identity(digest_of_images)))
    if wanted.identity == plan.identity:
        return plan if has_rows_of(place, plan) else None
    if plan.images > _MOST_EXPLAINED:
        _check_same(output, plan.identity, wanted, listed=False)
    return None


def make_output(folder: Path) -> None:
    """Make the output folder, or one in it.

    Raises:
        UsageError: it cannot be made.
        EnvironmentFault: no permission, or the disk is full, broken or read-only.
    """
    try:
        make_folder(folder)
    except OSError as error:
        raise cannot_make(folder, str(error.strerror or error)) from error


def check_apart(options: RunConfig) -> None:
    """Refuse an output inside the input, where the next run would find the masks among the photos.

    Args:
        options: as the user wrote them; a folder that a run works in for an object store may lie anywhere.

    Raises:
        UsageError: it is.
    """
    output, root = (_resolved(path) for path in (options.output, options.input))
    if options.input and f"{output}/".startswith(f"{root}/"):
        raise UsageError(
            "--output lies inside --input", where=options.output, remedy="choose a folder beside it"
        )


def _resolved(path: str) -> str:
    place = open_location(path)
    return str(place.resolve() if isinstance(place, Path) else place)


def _stored_identity(output: Path, plan: Plan) -> dict[str, Any] | None:
    """What the folder's shards depend on.

    This plan's own identity when the plan is lost and all records are this run's.
    """
    try:
        return read_plan(output).identity
    except ShardFault:  # no plan, or a damaged one
        own = [record.fingerprint == plan.fingerprint for record in read_records(output)]
        return plan.identity if own and all(own) else None


def _with_words_of(before: dict[str, Any] | None, plan: Plan) -> Plan:
    """The plan with what the folder says of the same weights.

    Their SHA-256 decides; what is known of them, as a license's text, may be corrected meanwhile.
    """
    if not before or before["weights_sha256"] != plan.identity["weights_sha256"]:
        return plan
    facts = {name: value for name, value in plan.identity.items() if name != "weights"}
    said = {name: value for name, value in before.items() if name == "weights"}
    return replace(plan, identity={**facts, **said})


def _other_method(before: dict[str, Any] | None, plan: Plan) -> str:
    """The method that the folder was made with where it is not this plan's: it may have been the default."""
    was = before["options"]["method"] if before else ""
    return "" if was == plan.identity["options"]["method"] else was


def _check_no_shards(output: Path, plan: Plan) -> None:
    """Refuse a folder without a plan where a shard, a plan or a manifest would be overwritten."""
    for shard in plan.shards:
        for suffix in naming.SUFFIXES:
            path = output / f"{shard.name}.{suffix}"
            if path.exists():
                raise UsageError(
                    "the output folder holds shards but no plan",
                    where=str(path),
                    remedy="choose an empty folder",
                )
    for name in (naming.PLAN, naming.MANIFEST):
        if (output / name).exists():
            raise UsageError(
                "the output folder holds a file of that name that is not this run's",
                where=str(output / name),
                remedy="choose an empty folder",
            )


def _source_change(old: Plan, new: Plan) -> list[str]:
    """Where two plans part, as a line; none when their images are the same, or as many by other options."""
    by_options = old.identity["options"] != new.identity["options"]
    if old.identity["plan"] == new.identity["plan"] or (by_options and old.images == new.images):
        return []
    if by_options:
        return [f"images: {old.images} -> {new.images}"]
    pairs = itertools.zip_longest(old.shards, new.shards)
    first = next((before or after for before, after in pairs if before != after), None)
    where = f", first difference in shard {first.name}" if first else ""
    how = "photos were added, removed, renamed, resized or labeled anew"
    return [f"source: {counted(old.images, 'image')} -> {counted(new.images, 'image')}{where} ({how})"]
