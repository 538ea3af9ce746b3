"""Racing approvals under workers killed at random: no step decided twice, none lost, every client told the truth.

Four rivals hold each step of each application and approve (one of them sometimes rejects) at the same moment, through
four workers of which one is killed with SIGKILL every now and then. A client whose worker died asks again with the
same idempotency key, until somebody answers.
"""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests import builders
from tests.conftest import NOW, StandingClock, app_settings
from tests.databases import fresh_databases
from tests.drills.multiply import Multiplier, people
from tierflow import create_app
from tierflow.common import audit, decisions, seeds
from tierflow.common.approvals import ApprovalCase, ApprovalDecision
from tierflow.common.customers import Customer
from tierflow.common.db import db, make_engine, transaction
from tierflow.common.idempotency import IdempotencyKey
from tierflow.onboarding.rules.chain import FINANCE, MANAGEMENT, SALES
from tierflow.onboarding.service import deciding
from tierflow.onboarding.service.access import case_of
from tierflow.web.context import COOKIE

STEPS = (SALES, FINANCE, MANAGEMENT)
RIVALS, WORKERS = 4, 4


@dataclass(frozen=True)
class Act:
    """One rival's verdict on one step of one application."""

    application: int
    step: int
    rival: int
    verdict: str

    @property
    def key(self) -> str:
        return f"{self.application}-{self.step}-{self.rival}"


@dataclass
class Result:
    """What the clients were told, and what the database holds; `lies` is empty when all is well."""

    acts: int = 0
    told: Counter[int] = field(default_factory=Counter)
    kills: int = 0
    asked_again: int = 0
    replayed: int = 0
    decided: int = 0
    customers: int = 0
    seconds: float = 0.0
    lies: list[str] = field(default_factory=list)


class Worker:
    """A worker process and the thread that speaks to it; a dead one is replaced and asked again."""

    def __init__(self, url: str, result: Result) -> None:
        self.url, self.result = url, result
        self.process: subprocess.Popen[str] | None = None
        self.lock = threading.Lock()

    def start(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "tests.drills.approval_worker", self.url]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        with self.lock:
            self.process = process

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer, from whichever process lives to give it."""
        while True:
            if self.process is None:
                self.start()
            process = self.process
            assert process is not None
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            if line:
                found: dict[str, Any] = json.loads(line)
                return found
            self.end()
            self.result.asked_again += 1

    def kill(self) -> bool:
        """SIGKILL, wherever it is in its work."""
        with self.lock:
            if self.process is None or self.process.poll() is not None:
                return False
            os.kill(self.process.pid, signal.SIGKILL)
            return True

    def end(self) -> None:
        """Let the process go."""
        with self.lock:
            process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                try:
                    if pipe is not None:
                        pipe.close()
                except BrokenPipeError:
                    continue


class Drill:
    """One company, one database, one crowd."""

    def __init__(self, url: str, applications: int, kills: int, seed: int) -> None:
        self.url, self.kills, self.chance = url, kills, random.Random(seed)
        self.result = Result()
        app = create_app({**app_settings(url, StandingClock())})
        with app.app_context():
            with transaction() as session:
                seeds.plant(session, NOW, policy={"second_factor.roles": []})
                place = people(session, RIVALS)
            with transaction() as session:
                self.ids = Multiplier(session.connection(), place).waiting(applications)
                self.items = {step: self._items(session, step) for step in STEPS}
            db.session.remove()
        self.rivals = place.rivals
        self.cookies = {user: _cookie(app, user) for users in self.rivals.values() for user in users}
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        self.answers: dict[Act, dict[str, Any]] = {}

    def _items(self, session: Session, step: str) -> list[dict[str, str]]:
        found = deciding.items_for(session, case_of(session, self.ids[0]), step)
        return [{"key": item.key, "verdict": "pass"} for item in found]

    def run(self) -> Result:
        """All steps in order, then the reckoning."""
        begun = time.monotonic()
        workers = [Worker(self.url, self.result) for _ in range(WORKERS)]
        ended = threading.Event()
        killer = threading.Thread(target=self._kill, args=(workers, ended))
        try:
            for worker in workers:
                worker.start()
            killer.start()
            for step in range(len(STEPS)):
                self._step(step, workers)
        finally:
            ended.set()
            killer.join()
            for worker in workers:
                worker.end()
        self.result.seconds = time.monotonic() - begun
        self._reckon()
        return self.result

    def _step(self, step: int, workers: Sequence[Worker]) -> None:
        acts: queue.SimpleQueue[Act] = queue.SimpleQueue()
        for application in self.ids:
            for rival in self.chance.sample(range(RIVALS), RIVALS):  # side by side, so that they meet
                verdict = "reject" if rival == 0 and self.chance.random() < 0.2 else "approve"
                acts.put(Act(application, step, rival, verdict))
        crowd = [threading.Thread(target=self._serve, args=(worker, acts)) for worker in workers]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()

    def _serve(self, worker: Worker, acts: queue.SimpleQueue[Act]) -> None:
        while True:
            try:
                act = acts.get_nowait()
            except queue.Empty:
                return
            step = STEPS[act.step]
            body = {
                "seen_version": act.step + 1,
                "step": step,
                "verdict": act.verdict,
                "items": self.items[step],
                "reason": "不予开户" if act.verdict == "reject" else "",
            }
            request = {
                "cookie": self.cookies[self.rivals[step][act.rival]],
                "path": f"/api/v1/applications/{act.application}/decisions",
                "body": body,
                "key": act.key,
            }
            answer = worker.ask(request)
            while answer["status"] == 503:  # the database was busy: a client waits and asks again
                time.sleep(0.2)
                answer = worker.ask(request)
            self.answers[act] = answer

    def _kill(self, workers: Sequence[Worker], ended: threading.Event) -> None:
        chance = random.Random(self.chance.random())
        while self.result.kills < self.kills and not ended.wait(chance.uniform(0.05, 0.6)):
            self.result.kills += chance.choice(list(workers)).kill()

    # The reckoning -------------------------------------------------------------------------------

    def _reckon(self) -> None:
        result, engine = self.result, make_engine(self.url)
        result.acts = len(self.answers)
        result.told = Counter(answer["status"] for answer in self.answers.values())
        result.replayed = sum(answer["replayed"] for answer in self.answers.values())
        if strange := set(result.told) - {201, 409}:
            sample = next(answer for answer in self.answers.values() if answer["status"] in strange)
            result.lies.append(f"answers {strange}: {sample}")
        with Session(engine) as session:
            self._decisions(session)
            self._cases(session)
            result.lies += audit.verify_chain(session)
            result.lies += decisions.verify(session)
        engine.dispose()

    def _decisions(self, session: Session) -> None:
        winners = {
            (act.application, STEPS[act.step]): act for act, answer in self.answers.items() if answer["status"] == 201
        }
        told = [(act.application, act.step) for act, answer in self.answers.items() if answer["status"] == 201]
        self._expect(len(told) == len(set(told)), "two clients were told that they decided one step")
        rows = session.execute(
            select(
                ApprovalCase.subject_id, ApprovalDecision.step, ApprovalDecision.user_id, ApprovalDecision.verdict
            ).join(ApprovalCase, ApprovalCase.id == ApprovalDecision.case_id)
        ).all()
        rows = [row for row in rows if row.subject_id in set(self.ids)]
        self.result.decided = len(rows)
        self._expect(len({(row.subject_id, row.step) for row in rows}) == len(rows), "a step was decided twice")
        self._expect({(row.subject_id, row.step) for row in rows} == set(winners), "told and stored decisions differ")
        for row in rows:
            act = winners.get((row.subject_id, row.step))
            if act is not None:
                mine = (self.rivals[row.step][act.rival], act.verdict) == (row.user_id, row.verdict)
                self._expect(mine, f"{act} was told that it decided, and another stands in the register")
        keys = session.scalar(select(func.count()).select_from(IdempotencyKey)) or 0
        self._expect(keys == len(rows), "a key without its act, or an act without its key")

    def _cases(self, session: Session) -> None:
        last: dict[int, list[str]] = {}
        for act in sorted(self.answers, key=lambda act: act.step):
            if self.answers[act]["status"] == 201:
                last.setdefault(act.application, []).append(act.verdict)
        approved = 0
        for case in session.scalars(select(ApprovalCase).where(ApprovalCase.subject_id.in_(self.ids))):
            verdicts = last.get(case.subject_id, [])
            is_rejected = bool(verdicts) and verdicts[-1] == "reject"
            state = "rejected" if is_rejected else "approved"
            self._expect(case.state == state, f"case {case.id} is {case.state}, not {state}: lost on its way")
            self._expect(case.version == 1 + len(verdicts), f"case {case.id} moved {case.version - 1} times")
            approved += state == "approved"
        numbers = sorted(session.scalars(select(Customer.number)))
        self.result.customers = len(numbers)
        self._expect(numbers == [f"C{n:06d}" for n in range(1, approved + 1)], "customer numbers have gaps or doubles")

    def _expect(self, holds: bool, lie: str) -> None:
        if not holds:
            self.result.lies.append(lie)


def _cookie(app: Any, user_id: int) -> str:
    cookie = builders.sign_in(app, user_id).get_cookie(COOKIE)
    assert cookie is not None
    return str(cookie.value)


def race(url: str, acts: int, kills: int, seed: int = 1) -> Result:
    """About `acts` racing approvals on a migrated database."""
    return Drill(url, -(-acts // (RIVALS * len(STEPS))), kills, seed).run()


COLUMNS = ("engine", "racing approvals", "decided", "refused", "killed", "asked again", "replayed", "seconds", "lies")


def main(acts: int = 10_000, engines: Sequence[str] = ("sqlite", "postgresql"), kills: int = 200) -> None:
    """The full size: a row for docs/drills.md for each engine; exits 1 when there was a lie."""
    sound = True
    print(f"| {' | '.join(COLUMNS)} |\n|---{'|--:' * (len(COLUMNS) - 1)}|", flush=True)
    for engine in engines:
        with fresh_databases(engine) as fresh:
            found = race(fresh(), acts, kills)
        told = (found.acts, found.told[201], found.told[409], found.kills, found.asked_again, found.replayed)
        figures = (engine, *told, round(found.seconds), len(found.lies))
        print(f"| {' | '.join(map(str, figures))} |", flush=True)
        print("".join(f"  {lie}\n" for lie in found.lies[:20]), end="", flush=True)
        sound = sound and not found.lies
    if not sound:
        sys.exit(1)
