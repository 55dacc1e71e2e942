"""setup, doctor, images: making and keeping this machine ready."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from labctl.cli import options

if TYPE_CHECKING:
    from labctl.host.probes import Finding

_COLOURS = {"ok": "green", "warn": "yellow", "missing": "red"}
_MISSING = 1  # the exit code of a doctor who found something


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(setup)
    app.command()(doctor)
    group = typer.Typer(
        help="Build, list, save, load and remove the images that labs are made from.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("build")(images_build)
    group.command("list")(images_list)
    group.command("save")(images_save)
    group.command("load")(images_load)
    group.command("prune")(images_prune)
    app.add_typer(group, name="images")


def setup(
    labs: options.LabIds = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be done, and do nothing.")
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Take images and programs from this bundle."
        ),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Build the images of add-ons now, not when a lab wants them."),
    ] = False,
) -> None:
    """Make this machine ready: a Docker engine, kind, kubectl, and images.

    With labs, only their images are built; else those of all labs without add-ons. Does only
    what is missing, so it may be run again at any time. An engine that labctl did
    not install is never configured.

    Examples: labctl setup; labctl setup default-deny; labctl setup --all;
    labctl setup --bundle labctl.bundle
    """
    from labctl.cli import output
    from labctl.host import machine
    from labctl.host import setup as host_setup
    from labctl.lab import loader
    from labctl.session import opened

    if labs and everything:
        raise typer.BadParameter("Name labs, or say --all: not both.")
    images = {image for lab in labs or () for image in opened.images(loader.find(lab))}
    wanted = host_setup.Setup(machine.this(), bundle, frozenset(images), everything)
    if dry_run:
        for name, look in host_setup.plan(wanted):
            output.print_plain(f"{name}: {look.found}" + (f" → {look.todo}" if look.todo else ""))
        return
    host_setup.run(wanted, output.Steps())


def doctor(json: options.Json = False) -> None:
    """Look at everything that labctl needs, and tell what mends it.

    Ends with 1 when something that is needed is missing.

    Examples: labctl doctor; labctl doctor --json
    """
    import dataclasses

    from labctl.cli import output
    from labctl.host import doctor as host_doctor

    found = host_doctor.examine()
    if json:
        output.print_json([dataclasses.asdict(finding) for finding in found])
    else:
        _show(found)
    if any(finding.state == "missing" for finding in found):
        raise typer.Exit(_MISSING)


def _show(found: list[Finding]) -> None:
    from rich.text import Text

    from labctl.cli import output

    console = output.console()
    width = max(len(finding.name) for finding in found)
    for f in found:
        needed = "" if f.state == "ok" else f" (needed: {f.needed})"
        console.print(
            Text.assemble((f"{f.state:<9}", _COLOURS[f.state]), f"{f.name:<{width}}  "),
            Text(f.found + needed),
            sep="",
        )
        if f.fix:
            console.print(Text(f"{'':{width + 11}}→ {f.fix}", style="bold"))


def images_build(
    names: Annotated[list[str] | None, typer.Argument(help="Default: all.")] = None,
) -> None:
    """Build the images that are missing.

    Examples: labctl images build; labctl images build engine default-deny.shop
    """
    from labctl import host
    from labctl.cli import output
    from labctl.environment.images import build, stock

    client = host.find("local").client()
    wanted = names or [image.name for image in stock.images(client)]
    with output.Steps().step("Build images") as report:
        references = build.ensure(client, wanted, report)
    for name, reference in references.items():
        output.print_plain(f"{name}: {reference}")


def images_list(json: options.Json = False) -> None:
    """List all images with their names in the engine.

    Examples: labctl images list; labctl images list --json
    """
    from labctl import host
    from labctl.cli import output
    from labctl.environment.images import stock

    found = stock.images(host.find("local").client())
    if json:
        output.print_json(
            [
                {"name": i.name, "reference": i.reference, "present": i.present, "size": i.size}
                for i in found
            ]
        )
        return
    rows = [
        (i.name, i.reference, f"{i.size / 1e6:.0f} MB" if i.present else "missing") for i in found
    ]
    output.print_rows(("IMAGE", "IN THE ENGINE AS", "SIZE"), rows)


def images_save(file: Annotated[Path, typer.Argument(help="Where to write the bundle.")]) -> None:
    """Write one file that brings a machine without any network to the state of this one.

    Examples: labctl images save labctl.bundle
    """
    from labctl import host
    from labctl.cli import output
    from labctl.environment.images import bundle, stock

    client = host.find("local").client()
    with output.Steps().step(f"Save {file.name}") as report:
        size = bundle.save(client, file, report)
    output.print_plain(f"{file}: {size / 1e6:.0f} MB")
    left_out = [i.name for i in stock.images(client) if not i.present]
    if left_out:
        output.print_plain(
            f"Not in it, as they are not built: {', '.join(left_out)}. "
            "`labctl setup --all` builds them."
        )


def images_load(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A bundle.")],
) -> None:
    """Load a bundle into this machine's engine. Nothing is changed if the file is damaged.

    Examples: labctl images load labctl.bundle
    """
    from labctl import host
    from labctl.cli import output
    from labctl.environment.images import bundle

    with output.Steps().step(f"Load {file.name}") as report:
        loaded = bundle.load(host.find("local").client(), file, report)
    output.print_plain(f"{len(loaded.images)} images, {len(loaded.programs)} programs")
    if loaded.missing:
        output.print_plain(
            f"Not in this bundle: {', '.join(loaded.missing)}. `labctl images build` builds them."
        )


def images_prune(
    everything: Annotated[
        bool, typer.Option("--all", help="Remove those that labs need, too.")
    ] = False,
) -> None:
    """Remove images of labctl that no recipe names any more, and what builds left.

    Examples: labctl images prune; labctl images prune --all
    """
    from labctl import host
    from labctl.cli import output
    from labctl.environment.images import stock

    with output.Steps().step("Remove images"):
        removed, kept = stock.prune(host.find("local").client(), everything=everything)
    for name in removed:
        output.print_plain(f"removed {name}")
    for name in kept:
        output.print_plain(f"kept {name}: a container or another image uses it")
