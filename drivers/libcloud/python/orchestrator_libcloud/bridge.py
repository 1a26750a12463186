"""Reads requests, runs them on worker threads, writes answers."""
import collections
import gc
import json
import os
import threading
import time
import traceback
import sys

from .encoding import encode
from .errors import Problem, to_problem

# Threads that work on calls at once. Libcloud's drivers are not thread-safe, so each thread has a driver of its own.
MAX_WORKERS = 8
# Threads whose call never returned. With so many of them, the process ends, and the server starts another one.
MAX_STUCK = 16


class Task:
    def __init__(self, message):
        self.id = message['id']
        self.method = message['method']
        self.params = message.get('params') or {}
        timeout = (self.params.get('call') or {}).get('timeout_ms')
        self.deadline = time.monotonic() + timeout / 1000 if timeout is not None else None
        self.worker = None
        self.answered = False


class Worker(threading.Thread):
    def __init__(self, bridge):
        super().__init__(daemon=True)
        self.bridge = bridge
        self.driver = None
        # Its call is past its deadline, so another worker has its place.
        self.stuck = False

    def run(self):
        task = self.bridge.next_task(self)
        while task is not None:
            self.bridge.answer(task, lambda: self.work(task))
            task = self.bridge.next_task(self)

    def work(self, task):
        if self.driver is None:
            self.driver = self.bridge.cloud.connect()
        return self.bridge.cloud.run(self.driver, task.method, task.params)


class Bridge:
    """`make_cloud` takes the parameters of the first message. Tests replace it."""

    def __init__(self, out, make_cloud=None):
        self.out = out
        self.write_lock = threading.Lock()
        # Of all that follows, except `cloud`.
        self.lock = threading.Lock()
        self.wakes = threading.Condition(self.lock)
        self.waiting = collections.deque()
        self.running = {}
        self.workers = 0
        self.idle = 0
        self.stuck = 0
        self.cloud = None
        self.make_cloud = make_cloud

    def run(self, lines):
        for line in lines:
            if line.strip():
                self.receive(json.loads(line))
        # The server has ended. Threads in the middle of a call must not keep the process alive.
        os._exit(0)

    def receive(self, message):
        if message.get('id') is None:
            return self.notice(message)
        task = Task(message)
        if task.method == 'describe':
            return self.answer(task, lambda: self.describe(task.params))
        with self.lock:
            self.running[task.id] = task
            self.waiting.append(task)
            self.staff()

    def staff(self):
        """Gives the waiting calls to workers. The caller holds the lock."""
        if len(self.waiting) > self.idle and self.workers < self.cloud.max_workers:
            self.workers += 1
            Worker(self).start()
        self.wakes.notify()

    def next_task(self, worker):
        """Waits for a call. Returns None to a worker whose last call ended after its deadline."""
        with self.lock:
            if worker.stuck:
                self.stuck -= 1
                return None
            while True:
                self.idle += 1
                while not self.waiting:
                    self.wakes.wait()
                self.idle -= 1
                task = self.waiting.popleft()
                if not task.answered:
                    task.worker = worker
                    return task

    def describe(self, params):
        if self.make_cloud is None:
            from .cloud import Cloud
            self.make_cloud = Cloud
        self.cloud = self.make_cloud(params)
        description = self.cloud.describe()
        # What was loaded stays, and lists of many nodes make no cycles: the collector has little to look for.
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        return description

    def notice(self, message):
        if message['method'] == 'refresh':
            self.cloud.refresh()
        if message['method'] != 'cancel':
            return
        with self.lock:
            task = self.running.get(message['params']['id'])
        if task is None or task.deadline is None:
            return
        left = task.deadline - time.monotonic()
        if left <= 0.05:
            return self.give_up(task)
        # The caller has left before the deadline. The call may end by itself until then.
        timer = threading.Timer(left, self.give_up, (task,))
        timer.daemon = True
        timer.start()

    def give_up(self, task):
        """A call past its deadline ends its worker. The thread itself cannot be ended."""
        with self.lock:
            if task.answered:
                return
            if task.worker is not None:
                task.worker.stuck = True
                self.workers -= 1
                self.stuck += 1
                self.staff()
            stuck = self.stuck
        self.answer(task, overdue)
        if task.worker is not None:
            print(f'{task.method} did not end in time, so its worker is given up ({stuck})', file=sys.stderr)
        if stuck >= MAX_STUCK:
            os._exit(70)

    def answer(self, task, work):
        try:
            reply = {'result': work()}
        except BaseException as error:  # also SystemExit of a driver
            problem = error if isinstance(error, Problem) else to_problem(error, task.method)
            if not isinstance(error, Problem):
                traceback.print_exc(file=sys.stderr, limit=-3)
            reply = {'error': problem.to_rpc()}
        text = encode({'jsonrpc': '2.0', 'id': task.id, **reply}).encode() + b'\n'
        with self.lock:
            if task.answered:
                return
            task.answered = True
            self.running.pop(task.id, None)
        with self.write_lock:
            view = memoryview(text)
            while view:
                view = view[self.out.write(view):]


def overdue():
    raise Problem('provider_timeout', 'Libcloud did not answer in time', outcome_unknown=True)
