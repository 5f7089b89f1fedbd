"""Runs the whole shop on this machine: ``make run``, or ``python -m config.development.run [--once]``.

Starts every part, places one real checkout, prints its timeline, and runs until Ctrl-C, which ends all parts.
``--once`` ends after the timeline, with exit code 0 if every step was done, and 1 if not.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from config.development import launch, ports, postgres
from config.development import stack as stacks
from config.development.checkout import CheckoutRefused, place_and_show
from config.development.guard import Guard
from config.development.procfile import BadProcfile
from config.development.runlock import AlreadyRunning, NotRunning, RunLock
from config.development.screen import BOLD, DIM, RED, Screen
from config.development.seed import STAFF_EMAIL, STAFF_PASSWORD
from config.development.stack import ROOT, Stack
from config.development.supervisor import PartFailed, Stopped, Supervisor
from config.env import BadEnvironment

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(slots=True)
class Stop:
    """Whether to stop: a signal arrived, or the parent process is gone."""

    with_parent: bool
    requested: bool = False
    parent: int = field(default_factory=os.getppid)

    def listen(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._on_signal)

    def _on_signal(self, *_: object) -> None:
        self.requested = True

    def __call__(self) -> bool:
        return self.requested or (self.with_parent and os.getppid() != self.parent)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    screen = Screen(sys.stdout)
    try:
        stack = stacks.from_environment(os.environ)
        lock = RunLock(stack.data)
        ports.check_free(stack.ports())
    except (BadEnvironment, AlreadyRunning, ports.PortTaken) as error:
        print(f"Cannot start: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot start: {error.filename} cannot be used ({error.strerror}); see DATA_DIR.", file=sys.stderr)
        return 1
    stop = Stop(with_parent=options.stop_with_parent)
    stop.listen()
    with contextlib.closing(lock):
        return run(stack, lock=lock, screen=screen, stop=stop, once=options.once)


def run(stack: Stack, *, lock: RunLock, screen: Screen, stop: Stop, once: bool) -> int:
    """Run the stack until it is stopped. End all its processes, and return the exit code."""
    own_database = stack.data / "postgres" if stack.env.database_url is None else None
    guard = Guard(database=own_database, cwd=ROOT)
    supervisor = Supervisor(screen=screen, guard=guard, stopping=stop)
    try:
        return _serve(stack, lock=lock, screen=screen, supervisor=supervisor, once=once)
    except Stopped:
        return 130 if once else 0  # the checkout was not completed
    except PartFailed as failure:
        _show_failure(failure, screen)
    except (CheckoutRefused, NotRunning) as error:
        screen.failed("checkout", str(error))
    except (BadProcfile, launch.UnableToPrepare) as error:
        screen.failed("start", "stopped" if stop() else str(error))  # Ctrl-C also ends the preparations
    finally:
        end(supervisor, guard, screen, own_database=own_database is not None, stack=stack)
    return 1


def _serve(stack: Stack, *, lock: RunLock, screen: Screen, supervisor: Supervisor, once: bool) -> int:
    start(stack, supervisor, screen, lock)
    succeeded = place_and_show(
        web_url=stack.web_url, screen=screen, webhook_expected=stack.own_providers, pause=supervisor.pause
    )
    if once:
        return 0 if succeeded else 1
    show_addresses(stack, screen)
    while True:
        supervisor.pause(0.5)
        supervisor.restart_ended_parts()
        launch.restart_database_if_ended(stack, screen)


def start(stack: Stack, supervisor: Supervisor, screen: Screen, lock: RunLock) -> None:
    """Start everything and wait until it is ready. Raises ``PartFailed`` and ``Stopped``."""
    began = time.monotonic()
    screen.line(screen.paint(f"Starting the shop in {stack.data} (logs in {stack.logs})", BOLD))
    stand_ins = launch.stand_ins(stack, stack.variables(os.environ, database_url=""))
    supervisor.start(stand_ins)
    database_url = launch.start_database(stack, screen)
    supervisor.pause(0)
    variables = stack.variables(os.environ, database_url=database_url)
    os.environ.update(variables)
    supervisor.wait_until_ready(stand_ins)
    launch.prepare(screen)
    shop = launch.shop(stack, variables)
    supervisor.start(shop)
    supervisor.wait_until_ready(shop)
    launch.warm_up(stack)
    lock.record(
        web_url=stack.web_url,
        own_providers=stack.own_providers,
        variables=stack.own_variables(database_url=database_url),
    )
    screen.line(f"  Everything runs after {time.monotonic() - began:.1f} s. Placing one real checkout:")


def end(supervisor: Supervisor, guard: Guard, screen: Screen, *, own_database: bool, stack: Stack) -> None:
    screen.waiting("ending all processes")
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the stack is already stopping
    supervisor.end()
    if own_database:
        postgres.release(stack.data / "postgres")
    guard.dismiss()
    screen.line(screen.paint("  All processes have ended.", DIM))


def show_addresses(stack: Stack, screen: Screen) -> None:
    rows = [
        ("API docs", f"{stack.web_url}/api/v1/docs/"),
        ("Plans", f"{stack.web_url}/api/v1/plans/"),
        ("Admin", f"{stack.web_url}/admin/   {STAFF_EMAIL} / {STAFF_PASSWORD}"),
    ]
    if stack.own_providers:
        rows.append(("Mailbox", f"{stack.sandbox_url}/   mails, SMS, contacts, and faults to switch on"))
    screen.line()
    for name, address in rows:
        screen.line(f"  {name:<10} {address}")
    screen.line()
    screen.line(screen.paint("  Place another order: make checkout. Ctrl-C ends everything.", DIM))


def _show_failure(failure: PartFailed, screen: Screen) -> None:
    screen.failed(failure.part.name, failure.reason)
    for line in failure.part.last_lines():
        screen.line(f"      {screen.paint(line[:300], DIM)}")
    screen.line(f"  {screen.paint('Its log:', RED)} {failure.part.log}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make run", description="Run the whole shop on this machine.")
    parser.add_argument(
        "--once", action="store_true", help="end after the first checkout; exit code 1 if a step failed"
    )
    parser.add_argument("--stop-with-parent", action="store_true", help="end when the parent process ends")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
