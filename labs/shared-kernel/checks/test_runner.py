from labctl.grading import check, weakness

ENGINE = "engine"


@weakness("runner-on-the-machines-kernel", seconds=20)
def test_runner_on_the_machines_kernel(runner, probe, kernel, listening):
    assert probe.http(ENGINE, runner.url).ok, "runner does not answer yet"
    own = kernel.process(ENGINE).ns.net
    assert any(
        listener.port == runner.port and process.ns.net != own for process, listener in listening()
    ), "runner already has another kernel"


@check(
    "contained-jobs",
    points=3,
    seconds=45,
    hint="This machine's engine has a second runtime: `docker info` names it. "
    "The network, address and environment of runner can stay as they are.",
)
def test_contained_jobs(trial, ends_here, kernel):
    "A program that runner runs is on another kernel, and this machine's kernel knows nothing of it"
    assert not trial.as_process, (
        "the grader had runner run a program, and it was a process of this machine's own kernel"
    )
    assert not trial.as_listener, (
        "the grader had runner run a program that opens a port, "
        "and this machine's own kernel held that port open"
    )
    assert not trial.trouble, trial.trouble
    assert not ends_here, "connections to runner end in this machine's own kernel"
    host = kernel.host()
    assert trial.boot_id != host.boot_id, "a program in runner reads this machine's boot id"
    assert trial.release != host.release, "a program in runner finds this machine's kernel release"


@check(
    "contained-runner",
    points=1,
    seconds=45,
    hint="Start runner as it was started before: same address, same port, same key. "
    "Only what runs it changes.",
)
def test_contained_runner(runner, receipt, probe, ends_here):
    "runner itself is in the sandbox, and signs results with its key at its old address"
    assert not ends_here, "connections to runner end in this machine's own kernel"
    url = f"{runner.url}/run?arg=job"
    answer = probe.http(ENGINE, url, 8.0, method="POST", body=b"#!/bin/sh\necho grader\n")
    assert answer.ok, f"runner does not answer at {runner.address}:{runner.port}"
    assert answer.body == b"grader\n", "runner does not run a shell script any more"
    assert receipt(answer), "runner's receipt was not made with its key"
