"""Memory bounded for a box as a whole: where groups may be made, and what the kernel's verdict becomes."""

import os
from pathlib import Path

import pytest

from atlas.problem import Call, Stdin
from atlas.sandbox import Limits, Program, Sandbox, Status
from atlas.sandbox.box import cgroup, scratch

MOUNT = "30 24 0:26 {root} {place} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
APP = "user.slice/user-1000.slice/user@1000.service/app.slice"


class System:
    """A tree of groups as files, and a procfs that tells of it."""

    def __init__(self, folder: Path, own: str, *, root: str = "/", place: str = "groups"):
        self.groups = folder / place
        self.proc = folder / "proc"
        (self.proc / "self").mkdir(parents=True)
        (self.proc / "self/cgroup").write_text(f"4:memory:/old\n0::{own}\n")
        mounted = MOUNT.format(root=root, place=str(self.groups).replace(" ", "\\040"))
        (self.proc / "self/mountinfo").write_text("22 24 0:4 / /proc rw - proc proc rw\n" + mounted)
        self.group(".")

    def group(self, path: str, controllers: str = "") -> Path:
        made = self.groups / path
        made.mkdir(parents=True, exist_ok=True)
        (made / "cgroup.subtree_control").write_text(controllers + "\n")
        (made / "cgroup.procs").write_text("")
        return made

    def find(self) -> cgroup.Place:
        return cgroup.find(str(self.proc))


def test_the_slice_that_systemd_delegates_is_taken(tmp_path):
    system = System(tmp_path, f"/{APP}/run-7.scope")
    system.group("user.slice", "memory pids")
    app = system.group(APP, "memory pids")
    system.group(f"{APP}/run-7.scope")
    assert system.find() == cgroup.Place(str(app))


def test_a_group_that_does_not_hand_memory_on_is_passed_over(tmp_path):
    system = System(tmp_path, "/a/b/c")
    above = system.group("a", "cpu memory")
    system.group("a/b", "cpu pids")
    system.group("a/b/c")
    assert system.find() == cgroup.Place(str(above))


def test_a_container_sees_a_part_of_the_tree(tmp_path):
    system = System(tmp_path, "/docker/abc/leaf", root="/docker/abc", place="with space")
    top = system.group(".", "memory")
    system.group("leaf")
    assert system.find() == cgroup.Place(str(top))


@pytest.mark.parametrize(
    ("own", "root", "controllers", "reason"),
    [
        ("/a", "/", "cpu pids", "does not control memory"),
        ("/../other", "/", "memory", "cannot be seen"),
        ("/b", "/a", "memory", "cannot be seen"),
    ],
)
def test_what_is_missing_is_said(tmp_path, own, root, controllers, reason):
    system = System(tmp_path, own, root=root)
    system.group(".", controllers)
    system.group("a", controllers)
    found = system.find()
    assert found.folder is None
    assert reason in found.reason


def test_without_a_mount_there_is_none(tmp_path):
    system = System(tmp_path, "/")
    (system.proc / "self/mountinfo").write_text("")
    assert system.find() == cgroup.Place(None, "this system has no cgroup v2")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to everything")
@pytest.mark.parametrize("locked", [".", "cgroup.procs"])
def test_a_group_of_somebody_elses_is_passed_over(tmp_path, locked):
    system = System(tmp_path, "/a/b")
    mine = system.group(".", "memory")
    theirs = system.group("a", "memory")
    system.group("a/b")
    (theirs / locked).chmod(0o555)
    try:
        assert system.find() == cgroup.Place(str(mine))
        (mine / "cgroup.procs").chmod(0o444)
        assert "writable" in system.find().reason
    finally:
        (theirs / locked).chmod(0o755)


def test_a_place_where_no_process_can_be_moved_is_none(tmp_path):
    found = cgroup.proved(cgroup.Place(str(tmp_path)))  # folders, but no kernel behind them
    assert found.folder is None
    assert "can be moved" in found.reason
    assert list(tmp_path.iterdir()) == []
    assert "can be made" in cgroup.proved(cgroup.Place(str(tmp_path / "nowhere"))).reason


def test_groups_go_with_their_zygotes_and_those_of_the_dead_are_swept(tmp_path):
    dead = tmp_path / f"{scratch.name(2**22 + 1)}3"
    others = [
        tmp_path / f"{scratch.name(os.getppid())}3",
        tmp_path / f"atlas-box-1-{2**22 + 1}-3",
        tmp_path / "atlas-box-x",
    ]
    for folder in (dead, *others):
        folder.mkdir()
    groups = cgroup.Groups(cgroup.Place(str(tmp_path)))
    assert not dead.exists()
    one, two = groups.make(1), groups.make(2)
    assert one is not None
    assert two is not None
    groups.remove(1)
    assert (os.path.exists(one), os.path.exists(two)) == (False, True)
    groups.close()
    assert sorted(tmp_path.iterdir()) == sorted(others)


def test_a_limit_is_written_only_when_it_changes(tmp_path):
    (tmp_path / "memory.max").write_text("max")
    (tmp_path / "memory.events").write_text("low 0\noom 0\noom_kill 0\n")
    limit = os.open(tmp_path / "memory.max", os.O_WRONLY)
    bound = cgroup.Bound(limit, os.open(tmp_path / "memory.events", os.O_RDONLY))
    bound.keep(1 << 20)
    bound.allow(1 << 30)
    first = int((tmp_path / "memory.max").read_text())
    assert first > (1 << 30) + (1 << 20)
    os.truncate(limit, 0)
    bound.allow(1 << 30)
    assert (tmp_path / "memory.max").read_text() == ""
    bound.allow(1 << 29)
    assert int((tmp_path / "memory.max").read_text()) == first - (1 << 29)
    assert not bound.killed()
    (tmp_path / "memory.events").write_text("low 0\noom 3\noom_kill 2\n")
    assert (bound.killed(), bound.killed()) == (True, False)
    os.close(bound.limit)
    os.close(bound.events)


def group_of(sandbox: Sandbox) -> list[Path]:
    """The groups of a sandbox's zygotes, the newest last."""
    if not sandbox.cgroup:
        pytest.skip(f"no group can be made here: {sandbox.without_cgroup}")
    found = Path(sandbox._nursery.cgroup or "").glob(f"{scratch.name(sandbox._nursery._process.pid)}*")
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def members(group: Path) -> str:
    return (group / "cgroup.procs").read_text()


@pytest.mark.asyncio(loop_scope="module")
async def test_the_kernel_kills_the_program_and_not_its_zygote(sandbox):
    (group,) = group_of(sandbox)
    program = Program("def f(size):\n    return len(bytearray(size))", "f")
    limits = Limits(cpu_s=30.0, memory_mb=512)
    assert (await sandbox.run(program, [Call((1 << 20,))], limits))[0].value == 1 << 20
    assert int((group / "memory.max").read_text()) > 512 << 20
    before = members(group)
    (group / "memory.max").write_text(str(64 << 20))  # the zygote writes it for other limits only
    (seen,) = await sandbox.run(program, [Call((100 << 20,))], limits)
    assert (seen.status, seen.error) == (Status.MEMORY_LIMIT, "more memory than allowed")
    (seen,) = await sandbox.run(Program("import os\ndef f():\n    os.kill(os.getpid(), 9)", "f"), [Call(())], limits)
    assert seen.error == "killed by SIGKILL"
    assert members(group) == before


@pytest.mark.asyncio(loop_scope="module")
async def test_memory_is_bounded_for_all_processes_of_a_program(sandbox):
    fill = "(a=$(head -c 24000000 /dev/zero | tr '\\0' x); sleep 0.5) & "
    program = Program(f"{fill * 3}\nwait %1 && wait %2 && wait %3", language="bash")
    limits = Limits(cpu_s=60.0, wall_s=90.0, memory_mb=1024)
    group_of(sandbox)
    (seen,) = await sandbox.run(Program("echo here", language="bash"), [Stdin("")], limits)
    assert seen.stdout == "here\n"
    group = group_of(sandbox)[-1]
    before = members(group)
    (group / "memory.max").write_text(str(64 << 20))
    (seen,) = await sandbox.run(program, [Stdin("")], limits)
    assert (seen.status, seen.error) == (Status.MEMORY_LIMIT, "more memory than allowed")
    assert members(group) == before


@pytest.mark.asyncio(loop_scope="module")
async def test_no_group_outlives_its_sandbox():
    async with await Sandbox.start(2) as own:
        groups = group_of(own)
        assert len(groups) == 2
    assert not any(group.exists() for group in groups)
