"""The command line: `python -m imagesearch --help`. It works on the same data as a running service, beside it."""
import csv
import os
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import IO, Any

import click
from sqlalchemy.exc import StatementError
from tqdm import tqdm

from captioning.registry import ModelDamaged, ModelMissing
from imagesearch import archive as archives
from imagesearch import collecting, copying, importer, openverse, renewal
from imagesearch import demo as demonstration
from imagesearch.bootstrap import WORDS, Services, build
from imagesearch.collecting import Collector
from imagesearch.config import Settings
from imagesearch.db import open_database
from imagesearch.doctor import Doctor, Finding
from imagesearch.errors import ServiceError, is_damaged_database
from imagesearch.fetching import Fetcher, Limits
from imagesearch.hosts import Stopped
from imagesearch.importer import Importer
from imagesearch.keys import SCOPES
from imagesearch.pool import interruptible
from imagesearch.search import Cut, Filters

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
JOBS = min(2 * CORES, 64)  # the network of one runs while another decodes, writes captions or waits for the disk
INTERRUPTED = 130  # the exit status of a command that Ctrl-C ended, as shells give it
AT_ONCE = 8  # threads that fetch: most of the time they wait for a server
SHOWN = 10  # examples of a finding


class NewFile(click.Path):
    """A file to write, in a folder that is there: else the error would come late, and name a temporary file in it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        folder = (path := Path(os.fsdecode(super().convert(value, param, ctx)))).parent
        if not folder.is_dir():
            self.fail(f"there is no folder {str(folder)!r}", param, ctx)
        if not (path.exists() or os.access(folder, os.W_OK)):
            self.fail(f"nothing can be written into the folder {str(folder)!r}", param, ctx)
        return path


file_in = click.Path(exists=True, dir_okay=False, path_type=Path)
file_out = NewFile()
force_option = click.option("--force", is_flag=True, help="Replace FILE if it exists.")
jobs_option = click.option("--jobs", type=click.IntRange(1, 64), default=JOBS, show_default="two a core",
                           metavar="N", help="Threads that work at once.")
report_option = click.option("--report", type=file_out, help="Write the bad files and why to this CSV.")
private_option = click.option("--allow-private", "private", is_flag=True,
                              help="Fetch from this machine and its own network too.")


class Commands(click.Group):
    """Turns what can go wrong into a line of text and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (ServiceError, ModelMissing, ModelDamaged) as error:
            raise click.ClickException(str(error)) from error
        except (StatementError, sqlite3.DatabaseError) as error:
            raise click.ClickException(_unusable(error, ctx.invoked_subcommand)) from error
        except BrokenPipeError:  # whoever reads has seen enough: click ends without a word
            raise
        except OSError as error:
            raise click.ClickException(f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")) from error


def _unusable(error: StatementError | sqlite3.DatabaseError, command: str | None) -> str:
    said = str(getattr(error, "orig", error))
    if is_damaged_database(error):
        return f"the database is damaged: {said}. " + "Run `doctor`; " * (command != "doctor") + (
            "the way back is the last backup, by `restore --replace`")
    return f"the database cannot be used: {said}" + (
        "; another process is writing to it. Try again when it is done" * ("lock" in said))


def check_free(file: Path, force: bool) -> None:
    if file.exists() and not force:
        raise click.ClickException(f"{file} exists; give another name, or --force")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Photos in and out of the image-search service, and its upkeep.

    Settings come from the environment as the service's do: DATA_DIR (upload_folder), DATABASE_URL, STORAGE_URL,
    MODELS_DIR and the others of the README's table. Every command but `restore` may run while the service runs.
    """


def services() -> Services:
    """Of the settings in force; closed when the command ends."""
    service = build(Settings.from_environment(), hint="THROUGHPUT")
    click.get_current_context().call_on_close(service.database.engine.dispose)
    return service


def bar(items: Iterable[Any], total: int | None, unit: str = "img") -> "tqdm[Any]":
    """Progress on the terminal; nothing where there is none."""
    return tqdm(items, total=total, unit=unit, disable=None, smoothing=0.05, dynamic_ncols=True)


def tell(line: str) -> None:
    """A line to standard error, above the progress bar; names and URLs may be a stranger's."""
    shown = line.encode("utf-8", "backslashreplace").decode()
    tqdm.write("".join(c if c.isprintable() else "?" for c in shown), file=sys.stderr)


# ---- photos in ---------------------------------------------------------------------------------------

@main.command("import")
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--from-urls", "urls", type=click.File("rb"), metavar="FILE",
              help="Fetch the pictures that FILE names instead; `-` reads standard input.")
@click.option("--captions", type=file_in, help="A captions file to use instead of those beside the photos.")
@click.option("--caption-column", metavar="NAME", help="Which column of it, or of the URLs' table, holds the captions.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only the first N photos.")
@private_option
@report_option
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N",
              help=f"Threads that work at once.  [default: two a core; {AT_ONCE} with --from-urls]")
def import_(folder: Path | None, urls: IO[bytes] | None, captions: Path | None, caption_column: str | None,
            limit: int | None, private: bool, report: Path | None, jobs: int | None) -> None:
    """Import every photo below FOLDER, or those that a list of URLs names.

    Captions are taken from files that lie beside the photos, in their folder or one above: descriptions.txt or
    captions.txt (lines `NAME CAPTION`), captions.csv (a header naming an image and a caption column, or these two
    columns) or captions.tsv. Of several lines for one photo the first counts. Photos without a line are described
    by the model.

    A list of URLs has one a line, with a caption behind a tab if there is one; empty lines and lines that begin with
    # are passed over. Or it is a table (CSV or TSV) whose header names `url` and any of `caption`, `title`, `author`,
    `licence`, `licence_url` and `page`: they are kept with the picture, and `export` gives them. Only http and https
    are fetched, at most two at once from a host, which may ask for patience (Retry-After). Addresses of this machine
    and its network are refused. robots.txt is not asked: it is for robots that follow links, not for what a person
    lists. Connections are direct, without a proxy.

    Run again after a stop, a crash or Ctrl-C it goes on where it was: photos already stored, by their bytes, are
    skipped (URLs without fetching them again), and only what was reported as stored is stored. A caption in a file
    takes the place of one a model wrote, never of one a person wrote.

    Bad files and URLs are named and skipped. Exit status: 0 when every photo is in, 1 when some are bad, 130 after
    Ctrl-C.
    """
    if (folder is None) == (urls is None):
        raise click.UsageError("give either a FOLDER or --from-urls FILE")
    if urls is None and private:
        raise click.UsageError("--allow-private goes with --from-urls")
    if urls and captions:
        raise click.UsageError("--captions goes with a FOLDER; captions of URLs stand in their list, behind a tab or "
                               "in a column")
    service = services()
    if urls:
        sources = collecting.read(getattr(urls, "name", "standard input"), urls.read(), caption_column)
        wanted = collecting.Wanted.of(sources, limit)
        click.echo(f"{len(wanted.files):,} URLs")
        _take_in(lambda stop: Collector(service.library, wanted, fetcher(service, private, stop)), report,
                 jobs or AT_ONCE)
    elif folder:
        found = importer.look(folder, captions, caption_column, without=[service.storage.root])
        others = f", {found.others:,} other files left out" * bool(found.others)
        click.echo(f"{len(found.files):,} photos found{others}")
        _take_in(lambda _: Importer(service.library, found), report, jobs or JOBS, limit)


@main.command()
@click.argument("query")
@click.option("--from", "place", type=click.Choice(["openverse"]), required=True,
              help="Whom to ask. The words of QUERY go there.")
@click.option("--limit", type=click.IntRange(1, openverse.MOST), default=20, show_default=True, metavar="N",
              help=f"At most N photos, of {openverse.MOST} that Openverse shows.")
@click.option("--licence", "licences", metavar="CODE,…", default=",".join(openverse.FREE), show_default=True,
              help=f"Only under these licences, of {', '.join(openverse.LICENCES)}.")
@click.option("--titles", is_flag=True, help="Take their titles for captions; else the model describes them.")
@private_option
@report_option
@click.option("--jobs", type=click.IntRange(1, 64), metavar="N", default=AT_ONCE, show_default=True,
              help="Threads that work at once.")
def collect(query: str, place: str, limit: int, licences: str, titles: bool, private: bool, report: Path | None,
            jobs: int) -> None:
    """Find photos under open licences on the web, and import them.

    Asks Openverse (OPENVERSE_URL) for QUERY and fetches what it finds as `import --from-urls` does, from the sites
    where the photos lie. Title, author, licence and page are kept with each photo, and `export` gives them: all
    licences but cc0 and pdm want the author named, `nc` forbids commerce, `nd` changes, `sa` wants what you make of it
    under the same licence. Openverse gathers them from others: look at a photo's page before you publish it.

    Run again it fetches only what is not here yet. Exit status as of `import`.
    """
    chosen = [code.strip().lower() for code in licences.split(",") if code.strip()]
    if odd := [code for code in chosen if code not in openverse.LICENCES]:
        raise click.BadParameter(f"{odd[0]!r} is none of {', '.join(openverse.LICENCES)}", param_hint="--licence")
    service = services()
    settings = service.settings

    def found(stop: threading.Event) -> Importer:
        fetch = fetcher(service, private, stop)
        sources = list(openverse.search(fetch, settings.openverse_url, query, limit, chosen or openverse.FREE,
                                        settings.openverse_token, titles))
        wanted = collecting.Wanted.of(sources)
        click.echo(f"{len(wanted.files):,} photos found by {place}")
        return Collector(service.library, wanted, fetch)

    _take_in(found, report, jobs)


def fetcher(service: Services, private: bool, stop: threading.Event) -> Fetcher:
    return Fetcher(Limits(service.settings.max_upload_bytes), private, stop)


def _take_in(make: Callable[[threading.Event], Importer], report: Path | None, jobs: int,
             limit: int | None = None) -> None:
    """Runs an importer before the user's eyes, and leaves with its exit status."""
    bad, counts = [], Counter[str]()
    with interruptible() as stop, suppress(Stopped):
        work = make(stop)
        found = work.folder
        total = min(len(found.files), limit or len(found.files))
        for outcome in bar(work.run(jobs, limit, stop), total + len(found.bad)):
            counts[outcome.kind] += 1
            if outcome.kind == "bad":
                bad.append(outcome)
                tell(f"{outcome.path}: {outcome.reason}")
        _tell_unnamed(found, whole=sum(counts.values()) >= total and not limit)
    if report:
        _write_report(report, bad)
    click.echo(importer.summary(counts))
    _leave(stop.is_set(), bool(bad), "run the same command again to go on")


def _write_report(path: Path, bad: list[importer.Outcome]) -> None:
    with open(path, "w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        csv.writer(file).writerows([("file", "reason"), *((b.path, b.reason) for b in bad)])


def _tell_unnamed(found: importer.Folder, whole: bool) -> None:
    if whole and (unnamed := found.unnamed()):
        tell(f"{len(unnamed):,} captions name no photo of this folder, for one {unnamed[0]!r}")


def _leave(stopped: bool, troubled: bool, hint: str = "") -> None:
    if stopped:
        tell(f"stopped; {hint}")
        sys.exit(INTERRUPTED)
    sys.exit(1 if troubled else 0)


@main.command()
def demo() -> None:
    """Add a handful of free photos to look at.

    Some come with captions, the model describes the others. They lie in the wheels of scikit-image and scikit-learn
    (`make demo` installs them). """
    photos = list(demonstration.photos())
    if not photos:
        raise click.ClickException("neither scikit-image nor scikit-learn is installed: run `make demo`, or "
                                   "`pip install scikit-image`")
    service = services()
    for path, annotation in photos:
        added = service.library.add(path.read_bytes(), path.name, annotation)
        author = "" if added.image.caption_source == "user" else "   (the model's words)"
        click.echo(f"{path.name:20} {added.image.caption}{author}")


# ---- models change -----------------------------------------------------------------------------------

@main.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="Those the present model wrote as well.")
@click.option("--before", metavar="TIME", help="With --all: only those not changed since TIME, to go on after a stop.")
@jobs_option
def recaption(ids: tuple[str, ...], everything: bool, before: str | None, jobs: int) -> None:
    """Let the model write its captions anew.

    Those that another model wrote, or another version of it; with IDs, those of these images. What a person wrote
    is never touched, and the others' tags and characteristics that a person gave stay too. Run again after a stop
    it goes on where it was. """
    service, started = services(), datetime.now(UTC)
    chosen = list(ids) or renewal.outdated(service.library, everything, _time(before))
    with interruptible() as stop:
        troubled = _follow(renewal.recaption(service.library, chosen, jobs, stop), len(chosen), "captions written")
    hint = f"go on with: recaption --all --before {before or started.isoformat()}" if everything else (
        "run the same command again to go on")
    _leave(stop.is_set(), troubled, hint)


def _time(text: str | None) -> datetime | None:
    try:
        time = None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no time, such as 2026-01-31T12:00:00Z", param_hint="--before") from error
    return time if time is None or time.tzinfo else time.replace(tzinfo=UTC)


@main.command()
@click.option("--retire", is_flag=True, help="At the end forget the vectors of models no longer in use.")
@jobs_option
def reindex(retire: bool, jobs: int) -> None:
    """Move to a new model without an outage.

    Puts every image into the vector spaces of the models in use, beside those it is in already. To change a model
    without an outage:

    \b
    1. ENCODER=new python -m imagesearch reindex           while the service runs on with the old one
    2. restart the service with ENCODER=new                it searches the new space from its first request
    3. ENCODER=new python -m imagesearch reindex --retire  takes in what was uploaded during 1 and 2

    A running service searches the space of the model that it has loaded and is not disturbed by the new vectors.
    Retire the old space only when no process uses the old model any more: one that starts with it would find
    nothing. The models' tags are then given anew, by what people taught as well. Captions stay as they are, see
    `recaption`. Run again after a stop it goes on where it was.
    """
    service = services()
    with interruptible() as stop:
        troubled = _follow(renewal.reindex(service.library, jobs, stop), renewal.unindexed(service.library),
                           "images put into " + " and ".join(service.library.describer.spaces))
    if retire and not troubled and not stop.is_set():
        click.echo(f"{service.library.retire_spaces():,} vectors of other models forgotten")
        if service.library.tagging:
            click.echo(f"{service.teaching.retag():,} images tagged anew")
    elif retire:
        tell("the old vectors are kept until every image is in the new spaces")
    _leave(stop.is_set(), troubled, "run the same command again to go on")


def _follow(renewed: Iterator[renewal.Renewed], total: int, done: str) -> bool:
    """Shows progress and troubles; whether there was any."""
    counts = Counter[bool]()
    for one in bar(renewed, total):
        counts[bool(one.trouble)] += 1
        if one.trouble:
            tell(f"{one.id}: {one.trouble}")
    click.echo(f"{counts[False]:,} {done}" + f", {counts[True]:,} not" * bool(counts[True]))
    return bool(counts[True])


# ---- upkeep ------------------------------------------------------------------------------------------

@main.command()
@click.option("--repair", is_flag=True, help="Mend what can be mended without losing anything.")
@click.option("--checksums", is_flag=True, help="Read every original and compare its SHA-256.")
@click.option("--forget-lost", is_flag=True, help="With --repair: delete the images whose file is gone.")
def doctor(repair: bool, checksums: bool, forget_lost: bool) -> None:
    """Check that everything stored fits together.

    Looks for files of no image, half-written files, images without their file, of wrong size, without vectors, with
    missing or old words in the text index, not described, and for damage in the database. Harmless while the
    service runs. Exit status: 0 when all is well, or has been mended; 1 when something is not. """
    service = services()
    remains = False
    for finding in Doctor(service.library).examine(checksums, forget_lost):
        left = _mend(finding) if repair and finding.mend else dict.fromkeys(finding.items, "")
        remains |= bool(left) and finding.serious
        _tell_finding(finding, left)
    click.echo("something is left to be done" if remains else f"all is well with {service.library.count():,} images")
    sys.exit(1 if remains else 0)


def _mend(finding: Finding) -> dict[str, str]:
    """What could not be mended, and why."""
    left = {}
    for item in bar(finding.items, len(finding.items), "it"):
        try:
            finding.mend(item)  # type: ignore[misc]
        except (ServiceError, OSError) as error:
            left[item] = str(error)
    return left


def _tell_finding(finding: Finding, left: dict[str, str]) -> None:
    mended = len(finding.items) - len(left)
    click.echo(f"{finding.trouble}: {len(finding.items):,}" + f", {mended:,} mended" * bool(mended))
    for item, why in list(left.items())[:SHOWN]:
        click.echo(f"    {item}" + f": {why}" * bool(why))
    if len(left) > SHOWN:
        click.echo(f"    … and {len(left) - SHOWN:,} more")
    if left and finding.advice:
        click.echo(f"    → {finding.advice}")


@main.command()
@click.argument("file", type=file_out)
@force_option
def backup(file: Path, force: bool) -> None:
    """Copy all that is stored to FILE.

    A ZIP of the originals and the database, with a checksum of each. Consistent while the service runs: a snapshot
    of the database is taken at once, then the files it names are copied. FILE appears when it is whole. It holds
    the (hashed) keys, so only its owner may read it. """
    check_free(file, force)
    service = services()
    with tqdm(total=archives.size(service.database), unit="B", unit_scale=True, disable=None) as progress:
        manifest = archives.backup(service.database, service.storage, file, progress.update)
    for what, names in (("are lost, their rows are in the backup", manifest.lost),
                        ("are damaged, and in the backup as they are", manifest.damaged)):
        if names:
            tell(f"{len(names):,} originals {what}, for one {names[0]}; see `doctor --checksums`")
    click.echo(f"{manifest.images:,} images, {file.stat().st_size / 1e6:,.1f} MB in {file}")
    _leave(False, bool(manifest.lost or manifest.damaged))


@main.command()
@click.argument("file", type=file_in)
@click.option("--replace", is_flag=True, help="Put the archive in the place of the data that are there.")
def restore(file: Path, replace: bool) -> None:
    """Bring back what `backup` wrote. Stop the service first.

    Every checksum is compared before anything is changed; an archive that is cut off, altered or not ours is refused.
    """
    settings = Settings.from_environment()
    with tqdm(total=archives.content_bytes(file), unit="B", unit_scale=True, disable=None) as progress:
        manifest = archives.restore(settings, file, replace, progress.update)
    click.echo(f"{manifest.images:,} images of {manifest.created_at} restored into {settings.data_dir}")


@main.command("copy-database")
@click.argument("url")
def copy_database(url: str) -> None:
    """Copy all rows into an empty database at URL.

    URL is like postgresql://user:password@host/database, or sqlite:////folder/file.db: this is the way to
    PostgreSQL, and back. Stop the service first: what it takes in meanwhile would be left behind. Then start it with
    DATABASE_URL set to URL and the same DATA_DIR (and STORAGE_URL), as the pictures stay where they are. The old
    database is left as it is; the new one gets everything or, after a stop, nothing.
    """
    service = services()
    target = open_database(url)
    click.get_current_context().call_on_close(target.engine.dispose)
    copied = copying.copy(service.database, target, WORDS[target.engine.dialect.name]())
    done = 0
    with tqdm(total=copying.size(service.database), unit="row", unit_scale=True, disable=None) as progress:
        for count in copied:
            done += count
            progress.update(count)
    click.echo(f"{done:,} rows copied")


@main.command()
@click.option("--output", "-o", type=click.File("w", encoding="utf-8", atomic=True), default="-",
              help="Write the JSON lines here.  [default: standard output]")
@click.option("--zip", "target", type=file_out, metavar="FILE",
              help="Write the originals and results.json to this ZIP instead.")
@force_option
@click.option("--query", "-q", help="Only what a search for these words finds, best first.")
@click.option("--subject", multiple=True, help="Only images with such a subject; may repeat, as may the next three.")
@click.option("--colour", multiple=True)
@click.option("--action", multiple=True)
@click.option("--tag", multiple=True)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="At most N images.")
def export(output: IO[str], target: Path | None, force: bool, query: str | None, subject: tuple[str, ...],
           colour: tuple[str, ...], action: tuple[str, ...], tag: tuple[str, ...], limit: int | None) -> None:
    """Write images as JSON lines, or as a ZIP.

    Every image as a line of JSON, in the API's shape, newest first; or what a search finds, best first; or with --zip
    the originals it finds. What was collected from the web has `origins`, to credit its authors.
    """
    from imagesearch import export as exporting

    service, filters = services(), Filters(subject, colour, action, tag)
    wanted = query is not None or bool(filters)
    if target and not wanted:
        raise click.UsageError("--zip takes what a search finds: give --query, --subject, --colour, --action or --tag "
                               "(for everything there is `backup`)")
    if target:
        check_free(target, force)
    with exporting.shapes():
        if target:
            number = exporting.write_zip(
                service, target, lambda: exporting.found(service, query, filters, Cut(), limit))
            click.echo(f"{number:,} originals in {target}")
            return
        images = ((hit.image for hit in exporting.found(service, query, filters, Cut(), limit).hits)
                  if wanted else exporting.every(service))
        for line in exporting.lines(service, islice(images, limit)):
            output.write(line + "\n")


# ---- lessons -----------------------------------------------------------------------------------------

@main.group()
def lessons() -> None:
    """Carry what people taught the taggers to another library.

    One file holds every lesson: its tag, whether it was right, and the numbers that the encoder made of the picture;
    no picture, no caption, no name of a file. The taggers' statistics (count, mean and deviation of each tag) follow
    from the lessons, so they are what a library adds to its own.
    """


@lessons.command("export")
@click.argument("file", type=file_out)
@force_option
def export_lessons(file: Path, force: bool) -> None:
    """Write the lessons that stand to FILE.

    Those taken back are left out, and so are those given under another encoder, which `reindex --retire` brings into
    the present one's space. """
    check_free(file, force)
    count, others = services().teaching.export(file)
    click.echo(f"{count:,} lessons in {file}" + f", {others:,} of another encoder left out" * bool(others))


@lessons.command("import")
@click.argument("file", type=file_in)
def import_lessons(file: Path) -> None:
    """Learn the lessons of FILE and tag the library anew by them.

    They are added to what was taught here, and each can be taken back with `DELETE /lessons/ID`; those that stand
    here already are left out, so a file may be imported twice. What a person tagged stays as they left it. A file
    that is cut off, damaged, of another version or of another encoder is refused, and nothing is learnt. A running
    service knows the lessons at its next request. """
    taught = services().teaching.take_in(file)
    click.echo(f"{len(taught.lessons):,} lessons learnt")
    for change in taught.changes:
        click.echo(f"    {change.name}: {len(change.gained):,} images gained it, {len(change.lost):,} lost it")


# ---- keys --------------------------------------------------------------------------------------------

@main.group()
def keys() -> None:
    """Make, list and revoke API keys.

    They are stored hashed; a key is shown once, when it is made.
    """


@keys.command()
@click.argument("name")
@click.option("--scope", type=click.Choice(SCOPES), default="write", show_default=True,
              help="What the key may do; each scope includes those before it.")
def create(name: str, scope: str) -> None:
    """Make a key; it is valid at once."""
    token = services().keys.create(name, scope)
    click.echo(token)
    tell("keep it: it is not shown again")


@keys.command("list")
def list_() -> None:
    """Names, scopes and dates; the keys themselves are not known."""
    for key in services().keys.all():
        click.echo(f"{key.name:30} {key.scopes:6} {key.created_at:%Y-%m-%d %H:%M} UTC")


@keys.command()
@click.argument("name")
def revoke(name: str) -> None:
    """End a key's validity at once.

    With the last one the service asks for keys no more, unless API_KEYS has some."""
    service = services()
    service.keys.revoke(name)
    click.echo(f"{name} is revoked")
    if not service.keys.all():
        tell(_without_keys(service.settings))


def _without_keys(settings: Settings) -> str:
    """What follows for a running service; it may have been started with other settings than these."""
    if settings.api_keys:
        return "that was the last key made here; those of API_KEYS still hold"
    return ("that was the last key. A service without API_KEYS of its own now serves whoever is on its machine, or "
            "comes through a proxy there, without a key: reading, writing and deleting, whatever REQUIRE_KEY_FOR_READS "
            "says. It answers nobody else, and does not start again with a HOST beyond loopback. `keys create NAME` "
            "makes a key; it is asked for at once")
