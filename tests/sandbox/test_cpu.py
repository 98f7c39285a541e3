"""What many short processes use together counts against the CPU limit, whoever waits for them."""

import pytest

from atlas.problem import Stdin
from atlas.sandbox import Limits, Program, Status, toolchains

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Keeps one child after the other busy for 6 ms, until they have used as many seconds as it reads.
SHORT_CHILDREN = """
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
static double seconds(int who) {
  struct rusage used;
  getrusage(who, &used);
  return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}
int main() {
  double wanted;
  if (scanf("%lf", &wanted) != 1) return 1;
  BEFORE;
  for (int child = 0; child < wanted / 0.006; child++) {
    int both[2];
    if (pipe(both)) return 2;
    if (fork() == 0) {
      struct timespec used;
      do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used); while (used.tv_nsec < 6000000 && !used.tv_sec);
      _exit(0);
    }
    char end;
    close(both[1]);
    if (read(both[0], &end, 1)) return 3;
    close(both[0]);
    AFTER;
  }
  printf("%f\\n", seconds(RUSAGE_SELF) + seconds(RUSAGE_CHILDREN));
}
"""
NOBODY_WAITS = {
    "SIGCHLD is ignored": "signal(SIGCHLD, SIG_IGN)",
    "no child is to be waited for": "struct sigaction none = {.sa_flags = SA_NOCLDWAIT}; sigaction(SIGCHLD, &none, 0)",
}


async def observed(sandbox, before, after, wanted, limits):
    if isinstance(found := toolchains.find("c"), str):
        pytest.skip(found)
    code = SHORT_CHILDREN.replace("BEFORE", before).replace("AFTER", after)
    (seen,) = await sandbox.run(Program(code, language="c"), [Stdin(str(wanted))], limits)
    return seen


@pytest.mark.parametrize("how", NOBODY_WAITS)
async def test_children_that_nobody_waits_for_count(sandbox, how):
    seen = await observed(sandbox, NOBODY_WAITS[how], "", 4, Limits(cpu_s=0.5, wall_s=60.0))
    assert seen.status is Status.CPU_LIMIT
    assert seen.cpu_s < 3


async def test_children_that_are_waited_for_count_once(sandbox):
    seen = await observed(sandbox, "", "wait(0)", 0.5, Limits(cpu_s=5.0, wall_s=60.0))
    assert seen.status is Status.OK
    assert float(seen.stdout) * 0.9 < seen.cpu_s < float(seen.stdout) * 1.1 + 0.05
