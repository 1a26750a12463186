"""Reads requests, runs them on worker threads, writes answers."""
import json
import os
import queue
import threading
import time
import traceback
import sys

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
        self.stuck = False

    def run(self):
        while not self.stuck:
            task = self.bridge.tasks.get()
            task.worker = self
            if task.answered:
                continue
            self.bridge.answer(task, lambda: self.work(task))
            self.bridge.leave(self)

    def work(self, task):
        if self.driver is None:
            self.driver = self.bridge.cloud.connect()
        return self.bridge.cloud.run(self.driver, task.method, task.params)


class Bridge:
    """`make_cloud` takes the parameters of the first message. Tests replace it."""

    def __init__(self, out, make_cloud=None):
        self.out = out
        self.lock = threading.Lock()
        self.tasks = queue.Queue()
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
            if self.workers < self.cloud.max_workers and self.tasks.qsize() >= self.idle:
                self.workers += 1
                Worker(self).start()
            else:
                self.idle -= 1
        self.tasks.put(task)

    def leave(self, worker):
        with self.lock:
            if not worker.stuck:
                self.idle += 1

    def describe(self, params):
        if self.make_cloud is None:
            from .cloud import Cloud
            self.make_cloud = Cloud
        self.cloud = self.make_cloud(params)
        return self.cloud.describe()

    def notice(self, message):
        if message['method'] == 'refresh':
            self.cloud.refresh()
        if message['method'] != 'cancel':
            return
        with self.lock:
            task = self.running.get(message['params']['id'])
            # If the caller has left before the deadline, the call may end by itself.
            if task is None or task.deadline is None or time.monotonic() < task.deadline - 0.05:
                return
        self.answer(task, overdue)
        if task.worker is not None:
            self.abandon(task.worker)

    def abandon(self, worker):
        """A call past its deadline ends its worker. The thread itself cannot be ended."""
        with self.lock:
            worker.stuck = True
            self.workers -= 1
            self.stuck += 1
            ends = self.stuck >= MAX_STUCK
        print(f'a call did not end in time, so its worker is given up ({self.stuck})', file=sys.stderr)
        if ends:
            os._exit(70)

    def answer(self, task, work):
        try:
            reply = {'result': work()}
        except BaseException as error:  # also SystemExit of a driver
            problem = error if isinstance(error, Problem) else to_problem(error, task.method)
            if not isinstance(error, Problem):
                traceback.print_exc(file=sys.stderr, limit=-3)
            reply = {'error': problem.to_rpc()}
        text = json.dumps({'jsonrpc': '2.0', 'id': task.id, **reply}, ensure_ascii=False, default=str).encode() + b'\n'
        with self.lock:
            if task.answered:
                return
            task.answered = True
            self.running.pop(task.id, None)
            view = memoryview(text)
            while view:
                view = view[self.out.write(view):]


def overdue():
    raise Problem('provider_timeout', 'Libcloud did not answer in time', outcome_unknown=True)
