"""``vairosms bulk``: one run. FILE joined with the store gives OUT."""

import asyncio
import os
import stat
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from gettext import gettext as _
from pathlib import Path

import click
from attrs import define, field

from vairosms_async import VairoSMSClient

from .cluster import check_scheduler, on_cluster
from .display import console, counted, grouped
from .inputs import Input, InputError, messages, printable, read_input
from .language import reason_of
from .lookups import LookUp, Lookups, Sink
from .outputs import FORMATS, Format, OutputError, check_output, write_output
from .progress import Progress
from .settings import base_url, check_settings, contains_key, open_client, use_key_file
from .signals import (
    ALL_FOUND,
    KEY_REFUSED,
    NOT_STARTED,
    SOME_FAILED,
    STOPPED,
    CommandError,
    Signals,
    say,
    warn,
)
from .store import Store, Summary
from .store_errors import StoreError
from .stream import Stream, is_stream
from .summary import count_bad_rows, describe_failures, example_of_failure, show_summary


@define
class Bulk:
    """One run of ``vairosms bulk``. The attributes are its options."""

    signals: Signals
    file: str
    out: str
    store: str | None
    column: str | None
    skip_rows: int
    sheet: str | None
    encoding: str | None
    fresh: bool
    offline: bool
    overwrite: bool
    wait: bool
    wait_timeout: float | None
    max_concurrency: int
    rate: float | None
    scheduler: str | None
    timeout: float
    max_failures: int
    api_key_file: str | None
    quiet: bool
    _has_begun: bool = field(init=False, default=False)
    _packets: int = field(init=False, default=0)
    _settled: int = field(init=False, default=0)
    _lookups: Lookups | None = field(init=False, default=None)

    def run(self) -> int:
        """Check the options and do what they say. Return the exit code.

        Raises:
            CommandError: The run has not started.
        """
        self._check_options()
        self.signals.on_give_up = self._say_how_to_continue
        try:
            return self._run()
        except (asyncio.CancelledError, KeyboardInterrupt):
            self._say_how_to_continue()
            return self.signals.exit_code
        except CommandError as exc:
            error = exc
        except (InputError, OutputError, StoreError) as exc:
            error = self._error(str(exc))
        except OSError as exc:
            error = self._error(f"{exc.filename or self.out}: {reason_of(exc)}")
        if error.exit_code in {NOT_STARTED, KEY_REFUSED}:
            raise error
        say(_("Error: {message}").format(message=error.message))
        self._say_how_to_continue()
        return error.exit_code

    def _error(self, message: str) -> CommandError:
        return CommandError(message, STOPPED if self._has_begun else NOT_STARTED)

    def _say_how_to_continue(self) -> None:
        self.signals.on_give_up = lambda: None
        if self.signals.received:
            say(_("Interrupted."))
        if self._has_begun and self._store_path() is not None:
            done = self._settled + (self._lookups.saved_final if self._lookups else 0)
            say(
                counted(
                    self._packets,
                    "{done} of {number} packet is done.",
                    "{done} of {number} packets are done.",
                    done=grouped(done),
                )
            )
            if not (self.offline or is_stream(self.out)):
                say(
                    _(
                        "{out} is written at the end. To write it from the answers so far, run "
                        "the same command with --offline."
                    ).format(out=self.out)
                )
            if _is_on_disk(self.file):
                say(_("Run the same command again to continue."))
            else:
                say(
                    _(
                        "FILE was a pipe, not a file on disk. To continue, run the whole command "
                        "line again, with the command that wrote the ids."
                    )
                )

    def _check_options(self) -> None:
        if self.wait_timeout is not None and not self.wait:
            raise click.UsageError(_("--wait-timeout needs --wait"))
        if self.rate is not None and self.scheduler is not None:
            raise click.UsageError(_("--rate cannot be combined with --scheduler"))
        if self.offline and (self.fresh or self.wait or self.scheduler is not None):
            raise click.UsageError(
                _("--offline cannot be combined with --fresh, --wait or --scheduler")
            )

    def _run(self) -> int:
        format_ = None if is_stream(self.out) else _format(self.out)
        store_path = self._store_path()
        self._check_paths(store_path)
        if self.offline:
            use_key_file(self.api_key_file)  # FILE must not contain the key
        else:
            check_settings(self.api_key_file)
            if self.scheduler is not None:
                check_scheduler(self.scheduler)
        with ExitStack() as stack:
            rows = stack.enter_context(
                read_input(
                    self.file,
                    column=self.column,
                    sheet=self.sheet,
                    encoding=self.encoding,
                    skip_rows=self.skip_rows,
                    has_secret=contains_key,
                )
            )
            if rows.formula is not None:
                warn(messages.FORMULA_WITHOUT_RESULT.format(cell=rows.formula))
            if format_ is not None:
                check_output(self.out, format_, rows)
            store = stack.enter_context(Store(store_path, None if self.offline else base_url()))
            if format_ is not None:
                self._check_out_is_ours(store)
            to_ask = self._ids_to_ask(store, rows)
            if format_ is None:
                stream = stack.enter_context(Stream(self.out, rows, store, waits=self.wait))
                stream.write_known(to_ask)
                progress = self._ask_panel(store, to_ask, stream)
            else:
                progress = self._ask_panel(store, to_ask, None)
                self._write_out(format_, rows, store)
            return self._finish(rows, store, progress)

    def _store_path(self) -> Path | None:
        if self.store is not None:
            return Path(self.store)
        return None if is_stream(self.out) else Path(f"{self.out}.db")

    def _check_paths(self, store: Path | None) -> None:
        if not is_stream(self.out) and _is_same(self.file, self.out):
            raise CommandError(_("OUT is FILE: name another OUT"), NOT_STARTED)
        if store is None:
            if self.offline:
                raise CommandError(_("--offline needs --store if OUT is no file"), NOT_STARTED)
            return
        if _is_same(self.file, str(store)) or _is_same(self.out, str(store)):
            raise CommandError(
                _("{store} is FILE or OUT: name another --store").format(store=store), NOT_STARTED
            )
        if not store.exists():
            if self.offline:
                raise CommandError(
                    _("no store {store}: run without --offline first").format(store=store),
                    NOT_STARTED,
                )
            self._check_out_is_ours(None)  # before the store is created

    def _check_out_is_ours(self, store: Store | None) -> None:
        out = Path(os.path.realpath(self.out))
        if self.overwrite or is_stream(self.out) or not out.is_file():
            return
        if store is None or not store.has_written(out):
            raise self._error(
                _(
                    "{out} exists, and no run with this store has written its content. Name "
                    "another OUT, or replace it with --overwrite"
                ).format(out=self.out)
            )

    def _ids_to_ask(self, store: Store, rows: Input) -> "array[int]":
        store.want(rows.ids)
        to_ask = store.wanted() if self.fresh else store.unsettled()
        self._packets = store.count()
        self._settled = self._packets - len(to_ask)
        self._has_begun = True
        return array("q") if self.offline else to_ask

    def _ask_panel(self, store: Store, to_ask: "array[int]", stream: Stream | None) -> Progress:
        # A bar would be among the results on the same terminal.
        quiet = self.quiet or (stream is not None and os.isatty(1))
        progress = Progress(console(stderr=True), len(to_ask), quiet=quiet)
        if not self.offline:
            sinks: list[Sink] = [store] if stream is None else [store, stream]
            self._lookups = Lookups(sinks, progress.update, self.max_failures)
            self.signals.run(self._ask(self._lookups, progress, store, to_ask, stream))
        return progress

    async def _ask(
        self,
        lookups: Lookups,
        progress: Progress,
        store: Store,
        to_ask: "array[int]",
        stream: Stream | None,
    ) -> int:
        async with open_client(
            max_concurrency=self.max_concurrency, timeout=self.timeout, rate=self.rate
        ) as client:
            progress.stats = client.stats
            with progress.shown():
                if to_ask:
                    ids = stream.ids(to_ask, lookups.make_room) if stream else to_ask
                    await lookups.ask(self._look_up(client), ids)
                if self.wait and (in_progress := store.in_progress()):
                    if stream is not None:
                        stream.waits = False
                    await lookups.wait(client, in_progress, self.wait_timeout)
        return ALL_FOUND

    def _look_up(self, client: VairoSMSClient) -> LookUp:
        if self.scheduler is None:
            return client.iter_gonderimler
        if not self.quiet:
            say(
                _("Looking up packets on a Dask cluster: {scheduler}").format(
                    scheduler=self.scheduler
                )
            )
        return on_cluster(
            self.scheduler, max_concurrency=self.max_concurrency, timeout=self.timeout
        )

    def _write_out(self, format_: Format, rows: Input, store: Store) -> None:
        target = Path(os.path.realpath(self.out))

        def remember(temporary: Path) -> None:
            self._check_out_is_ours(store)  # somebody may have changed it during the run
            store.remember_written(target, temporary)

        write_output(self.out, format_, rows, store.known, remember, store=store.path)

    def _finish(self, rows: Input, store: Store, progress: Progress) -> int:
        summary, bad_rows = store.summary(), count_bad_rows(rows)
        has_failures = bool(summary.errors or summary.unknown or bad_rows.count)
        if not self.quiet:
            title = self._title(rows, progress)
            notes = self._notes(rows, store, summary, progress)
            show_summary(console(stderr=True), title, summary, notes, bad_rows)
        elif has_failures:
            say(describe_failures(summary, bad_rows))
        return SOME_FAILED if has_failures else ALL_FOUND

    def _title(self, input_: Input, progress: Progress) -> str:
        rows = counted(input_.total, "{number} row", "{number} rows")
        packets = counted(self._packets, "{number} packet", "{number} packets")
        if self._lookups is None:
            return _("{rows}, {packets}: no lookups (--offline)").format(rows=rows, packets=packets)
        answered = self._lookups.answered
        return _("{rows}, {packets}: {lookups} in {pace}").format(
            rows=rows,
            packets=packets,
            lookups=counted(answered, "{number} lookup", "{number} lookups"),
            pace=progress.pace(answered),
        )

    def _notes(
        self, rows: Input, store: Store, summary: Summary, progress: Progress
    ) -> Iterator[str]:
        if example := example_of_failure(rows, store, summary):
            yield example
        if self._settled and not self.offline:
            yield counted(
                self._settled,
                "{number} packet known to be final, not looked up again",
                "{number} packets known to be final, not looked up again",
            )
        yield from progress.warnings()
        if not is_stream(self.out):
            yield _("Results: {out}").format(out=self.out)


def _format(out: str) -> Format:
    ending = Path(out).suffix.lower().removeprefix(".")
    for format_ in FORMATS:
        if ending == format_:
            return format_
    raise click.UsageError(
        _("{out} must end in .jsonl, .csv or .xlsx, or be - for stdout").format(out=printable(out))
    )


def _status(file: str) -> os.stat_result:
    return os.fstat(0) if file == "-" else Path(file).stat()


def _is_on_disk(file: str) -> bool:
    try:
        return stat.S_ISREG(_status(file).st_mode)
    except OSError:  # it was deleted during the run
        return True


def _is_same(path: str, other: str) -> bool:
    try:
        return os.path.samestat(_status(path), Path(other).stat())
    except OSError:  # one of them does not exist
        return os.path.realpath(path) == os.path.realpath(other)
