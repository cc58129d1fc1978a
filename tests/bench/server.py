#!/usr/bin/env python3
"""Compare how fast an HTTP server in WebAssembly answers: testdata/wasi/http_server.c, asked by processes on loopback.

  server.py [--build FOLDER] [--rounds N] [--requests N] [--clients N] [--kept N]

Each client keeps a connection for --kept requests and then makes another. The runtimes go by turns. Every answer is
compared; printed are how many were right, medians of requests a second, and of the server's processor time for one.
"""
import argparse, multiprocessing, os, pathlib, shutil, socket, statistics, subprocess, tempfile, time
from measure import ROOT, engines, wzrun


def receive(connection):
    """-> status line and body of one answer"""
    data = b''
    while b'\r\n\r\n' not in data:
        part = connection.recv(65536)
        if not part:
            return b'', b''
        data += part
    head, body = data.split(b'\r\n\r\n', 1)
    length = next(int(line.split(b':')[1]) for line in head.split(b'\r\n') if line.lower().startswith(b'content-length:'))
    while len(body) < length:
        part = connection.recv(65536)
        if not part:
            return b'', b''
        body += part
    return head.split(b'\r\n', 1)[0], body


def client(port, first, count, kept, right):
    """Asks `count` questions; adds to `right` how many were answered as they should be."""
    answered = 0
    for done in range(0, count, kept):
        try:
            with socket.create_connection(('127.0.0.1', port), timeout=10) as connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for number in range(first + done, first + min(done + kept, count)):
                    connection.sendall(b'GET /sum/%d HTTP/1.1\r\nHost: bench\r\n\r\n' % number)
                    status, body = receive(connection)
                    answered += status.endswith(b'200 OK') and body == b'%d\n' % (number * (number + 1) // 2)
        except OSError:  # lost
            break
    with right.get_lock():
        right.value += answered


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def measure(words, environment, options):
    """-> right answers, requests a second, microseconds of the server's processor time for each"""
    port = free_port()
    words = [str(w).replace('PORT', str(port)) for w in words]
    server = subprocess.Popen(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if b'listening' not in server.stdout.readline():
        raise SystemExit(f'{words[0]}: the server did not start')
    right = multiprocessing.Value('q', 0)
    each = options.requests // options.clients
    clients = [multiprocessing.Process(target=client, args=(port, i * each, each, options.kept, right)) for i in range(options.clients)]
    begin = time.perf_counter()
    for process in clients:
        process.start()
    for process in clients:
        process.join()
    took = time.perf_counter() - begin
    try:
        with socket.create_connection(('127.0.0.1', port), timeout=10) as last:
            last.sendall(b'GET /quit HTTP/1.1\r\n\r\n')
            receive(last)
    except OSError:
        server.kill()
    _, _, usage = os.wait4(server.pid, 0)
    server.returncode = 0
    count = each * options.clients
    return right.value, count / took, (usage.ru_utime + usage.ru_stime) / count * 1e6


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--build', type=pathlib.Path, default=ROOT / 'build' / 'release', help='build folder; default: build/release')
    ap.add_argument('--rounds', type=int, default=5)
    ap.add_argument('--requests', type=int, default=10000)
    ap.add_argument('--clients', type=int, default=4)
    ap.add_argument('--kept', type=int, default=100, help='requests on each connection; default 100')
    options = ap.parse_args()
    executable = wzrun(options.build)
    module = (options.build / 'testdata' / 'wasi' / 'http_server.wasm').absolute()
    with tempfile.TemporaryDirectory(prefix='server-') as scratch:
        environment = {**os.environ, 'WZRUN_CACHE_DIR': scratch + '/cache'}
        programs = {'wzrun interp': [executable, '--engine', 'interp', '--listen', '127.0.0.1:PORT', module]}
        if 'llvm' in engines(executable):
            subprocess.run([executable, 'compile', module], env=environment, check=True, capture_output=True)
            programs['wzrun llvm'] = [executable, '--engine', 'llvm', '--listen', '127.0.0.1:PORT', module]
        if shutil.which('wazero'):
            programs['wazero'] = ['wazero', 'run', '-cachedir', scratch + '/wazero', '-listen', '127.0.0.1:PORT', module]
        results = {name: [] for name in programs}
        for _ in range(options.rounds):
            for name, words in programs.items():
                results[name].append(measure(words, environment, options))
    count = options.requests // options.clients * options.clients
    for name, values in results.items():
        right = min(value[0] for value in values)
        print(f'{name:14}{right:8} of {count} right{statistics.median(v[1] for v in values):12.0f} a second'
              f'{statistics.median(v[2] for v in values):10.1f} us of processor time for one')


main()
