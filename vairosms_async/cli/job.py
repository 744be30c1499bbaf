"""``vairosms bulk``: a file of ids in, a file of results out, and on after whatever ends it."""

import asyncio
import errno
import os
import shlex
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
from attrs import define, field

from vairosms_async import PaketDurum, VairoSMSClient

from . import cluster, display
from .bulk import Bulk, LookUp, Waiting
from .common import complete
from .formats import FORMATS, Entry, Format
from .ledger import Ledger
from .out import OutFile, Output
from .progress import Progress
from .settings import Throttle, check_settings, open_client
from .source import Input
from .tally import Tally
from .trouble import ALL_FOUND, NOT_STARTED, SOME_FAILED, STOPPED, Signals, Trouble, say


@define
class Job:
    """One run of ``vairosms bulk``; the attributes are its options."""

    signals: Signals
    file: str
    out: str
    format_name: str | None
    column: str | None
    encoding: str | None
    resume: bool
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
    tally: Tally = field(init=False, factory=Tally)
    total: int | None = field(init=False, default=None)
    kept: int = field(init=False, default=0)
    hint: str = field(init=False, default="")

    def run(self) -> int:
        """Check the options, and do what they say; return the exit code."""
        try:
            return self._run()
        except KeyboardInterrupt:  # while files were read or tidied
            if not self._is_stream():
                self._say_how_to_go_on(None)
            return self.signals.exit_code
        except OSError as exc:  # a folder that may not be looked into, or no room to copy stdin
            name = exc.filename or self.file
            raise Trouble(f"{name}: {exc.strerror}", NOT_STARTED) from None

    def _run(self) -> int:
        source = Input(self.file, self.column, self.encoding)
        source.check()
        self._check_options()
        check_settings(self.api_key_file)
        if self.scheduler is not None:
            cluster.check(self.scheduler)
        ending = "csv" if self.out.lower().endswith(".csv") else "jsonl"
        format_ = FORMATS[self.format_name or ending]
        with ExitStack() as stack:
            if self._is_stream():
                return self._run_to_stream(source, format_)
            if self.resume and not source.is_regular():
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vairosms-"))
                source = source.spooled(Path(folder))
            file = OutFile(self.out, format_)
            stack.enter_context(file.locked())
            return self._run_to_file(source, file)

    def _check_options(self) -> None:
        if self.resume and self.overwrite:
            raise click.UsageError("--resume completes OUT and --overwrite begins anew: give one")
        if self.wait_timeout is not None and not self.wait:
            raise click.UsageError("--wait-timeout is for --wait")
        if self.rate is not None and self.scheduler is not None:
            raise click.UsageError("--rate is for one machine: leave --scheduler away")
        if self.format_name is None and Path(self.out).suffix.lower() in (".xlsx", ".xls"):
            raise click.UsageError("OUT cannot be an Excel workbook: let it end in .csv")
        if self._is_stream():
            if self.resume or self.overwrite:
                raise click.UsageError("--resume and --overwrite are for an OUT that is a file")
        elif Path(self.out).is_dir():
            raise Trouble(f"{self.out}: {os.strerror(errno.EISDIR)}", NOT_STARTED)
        elif Path(self.out).exists():
            given = os.fstat(0) if self.file == "-" else Path(self.file).stat()
            if os.path.samestat(given, Path(self.out).stat()):
                raise Trouble("OUT is FILE: give another OUT", NOT_STARTED)

    def _is_stream(self) -> bool:
        out = Path(self.out)
        return self.out == "-" or (out.exists() and not out.is_file() and not out.is_dir())

    def _run_to_stream(self, source: Input, format_: Format) -> int:
        self._count(source, None)
        try:
            fd = os.dup(1) if self.out == "-" else os.open(self.out, os.O_WRONLY)
            os.write(fd, format_.header)
        except OSError as exc:
            raise Trouble(f"{self.out}: {exc.strerror}", STOPPED) from None
        try:
            return self._check(
                source, Output(fd, "stdout" if self.out == "-" else self.out), format_
            )
        finally:
            os.close(fd)

    def _run_to_file(self, source: Input, file: OutFile) -> int:
        exists = self.resume and file.path.exists()
        ledger = Ledger(self._is_finished, self.tally) if exists or self.wait else None
        self._count(source, ledger)
        if exists and ledger is not None:
            fd = file.reopen(ledger)
            self.kept = ledger.finished
        else:
            fd = file.create(overwrite=self.overwrite)
        out = Output(fd, self.out, ledger)
        self.signals.last_words = lambda: self._say_how_to_go_on(out)
        try:
            exit_code = self._check(source, out, file.format, ledger)
        except (asyncio.CancelledError, KeyboardInterrupt, Trouble) as exc:
            exit_code = self.signals.exit_code
            if isinstance(exc, Trouble):
                exit_code = exc.exit_code
                if exit_code == NOT_STARTED:  # by what only the first line of stdin could tell
                    if not exists and not self.overwrite:
                        file.path.unlink()
                    raise
                say(f"Error: {exc.message}")
            self.signals.last_words()
            return exit_code
        finally:
            os.close(fd)
        if ledger is not None and ledger.superseded:
            file.tidy(ledger)
        return exit_code

    def _is_finished(self, entry: Entry) -> bool:
        return entry.error is None and (not self.wait or _is_final(entry.durum))

    def _count(self, source: Input, ledger: Ledger | None) -> None:
        """Read the input once, before anything is asked: it may be none."""
        if not source.is_regular():
            return
        self.total = 0
        for line in source.scan():
            self.total += 1
            if self.total == 1 and self.column is None and set(line.text) & set(";,\t"):
                self.hint = (
                    f"line {line.number} of {self.file} looks like CSV: if it is, give --column"
                )
            if ledger is not None:
                ledger.expect(line)
        if not self.total:
            self.hint = f"there are no ids in {self.file}"

    def _check(
        self, source: Input, out: Output, format_: Format, ledger: Ledger | None = None
    ) -> int:
        stderr = display.console(stderr=True)
        # On a screen with ids that are typed, or with results, a bar would be in the way.
        shared = (self.file == "-" and os.isatty(0)) or (self.out == "-" and os.isatty(1))
        progress = Progress(stderr, self.tally, self.total, quiet=self.quiet or shared)
        if self.hint:
            progress.note(self.hint)
        if self.scheduler is not None and not self.quiet:
            say(f"Asking on a Dask cluster: {self.scheduler}")
        throttle = Throttle(self.rate)

        async def check() -> int:
            async with open_client(
                max_concurrency=self.max_concurrency,
                timeout=self.timeout,
                throttle=throttle,
            ) as client:
                with progress.shown():
                    await Bulk(
                        client,
                        self._look_up(client),
                        throttle,
                        source,
                        out,
                        format_,
                        self.tally,
                        progress,
                        ledger=ledger,
                        waiting=Waiting(self.wait_timeout) if self.wait else None,
                        max_failures=self.max_failures,
                    ).run()
            return SOME_FAILED if self.tally.failed else ALL_FOUND

        exit_code = complete(self.signals, check())
        if not self.quiet:
            earlier = f", {self.kept:,} of them in earlier runs;" if self.kept else ""
            title = f"Checked {display.counted(self.tally.total, 'line')}{earlier}{progress.pace()}"
            notes = progress.notes() + ([] if self.out == "-" else [f"Results: {self.out}"])
            display.show_summary(stderr, title, self.tally, notes)
        return exit_code

    def _look_up(self, client: VairoSMSClient) -> LookUp:
        if self.scheduler is None:
            return client.iter_gonderimler
        return cluster.on_cluster(
            self.scheduler, max_concurrency=self.max_concurrency, timeout=self.timeout
        )

    def _say_how_to_go_on(self, out: Output | None) -> None:
        self.signals.last_words = lambda: None
        if self.signals.received:
            say("Interrupted.")
        # With --wait there are states in it that are not counted yet.
        if out is not None and not self.wait:
            of = "" if self.total is None else f" of {self.total:,}"
            say(f"{self.out} has the results of {self.tally.total - out.lost:,}{of} lines.")
        arguments = [arg for arg in sys.argv[1:] if arg not in ("--overwrite", "--resume")]
        at = arguments.index("--") if "--" in arguments else len(arguments)
        arguments.insert(at, "--resume")
        before = "... | " if self.file == "-" else ""
        say(f"To go on:\n  {before}{shlex.join(['vairosms', *arguments])}")


def _is_final(durum: int | None) -> bool:
    return durum is not None and PaketDurum(durum).is_final
