#!/usr/bin/env python3
"""Checks close-out packs of Gangway, with one public key and nothing else.

    python3 verify_pack.py 'NAME+ID+KEY' PACK.zip...

For each pack a line says that it holds, or names the first thing that does not; the exit code is 1 when one does not.
Shares no code with Gangway. Signatures: Ed25519 (RFC 8032) in signed notes (C2SP); proofs: RFC 9162, section 2.1.3.
"""
import base64, hashlib, json, sys, zipfile

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


class Doubt(Exception):
    pass


def ensure(holds, what):
    if not holds:
        raise Doubt(what)


# --- Ed25519 -----------------------------------------------------------------------------------------

def add(one, other):
    (a, b, c, d), (e, f, g, h) = one, other
    m, n = (b - a) * (f - e) % P, (b + a) * (f + e) % P
    o, q = 2 * d * h * D % P, 2 * c * g % P
    i, j, k, l = n - m, q - o, q + o, n + m
    return i * j % P, k * l % P, j * k % P, i * l % P


def times(number, point):
    sum_ = (0, 1, 1, 0)
    while number:
        if number & 1:
            sum_ = add(sum_, point)
        point, number = add(point, point), number >> 1
    return sum_


def point(text):
    y = int.from_bytes(text, "little")
    sign, y = y >> 255, y & (2**255 - 1)
    ensure(y < P, "no point")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    ensure((x * x - square) % P == 0 and not (x == 0 and sign), "no point")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def is_signed(public, text, signature):
    number = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or number >= L:
        return False
    hashed = int.from_bytes(hashlib.sha512(signature[:32] + public + text).digest(), "little") % L
    try:
        left, right = times(number, BASE), add(point(signature[:32]), times(hashed, point(public)))
    except Doubt:
        return False
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# --- signed notes ------------------------------------------------------------------------------------

def parse_key(text):
    name, id_, key = text.split("+", 2)
    key = base64.b64decode(key, validate=True)
    ensure(len(key) == 33 and key[0] == 1, "the key is none")
    ensure(hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == id_, "the key is not what its id says")
    return name, bytes.fromhex(id_), key[1:]


def open_note(note, key, what):
    text, found, below = note.rpartition("\n\n")
    ensure(found and below.endswith("\n"), f"{what}: it is no signed note")
    text, signed = text + "\n", False
    for line in below.splitlines():
        dash, name, stamped = (line.split(" ") + ["", ""])[:3]
        ensure(dash == "\u2014" and stamped, f"{what}: it is no signed note")
        stamped = base64.b64decode(stamped, validate=True)
        if (name, stamped[:4]) == key[:2]:
            ensure(is_signed(key[2], text.encode(), stamped[4:]), f"{what}: its signature does not hold")
            signed = True
    ensure(signed, f"{what}: no signature is of the key")
    return text


# --- the pack ----------------------------------------------------------------------------------------

def root_of(leaf, index, size, path):
    node, last = index, size - 1
    hashed = hashlib.sha256(b"\0" + leaf).digest()
    for other in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            hashed = hashlib.sha256(b"\1" + other + hashed).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hashed = hashlib.sha256(b"\1" + hashed + other).digest()
        node, last = node >> 1, last >> 1
    return hashed if last == 0 else None


def check(path, key):
    with zipfile.ZipFile(path) as pack:
        names = pack.namelist()
        ensure("pack.note" in names, "pack.note: it is not there")
        statement = json.loads(open_note(pack.read("pack.note").decode(), key, "pack.note"))
        ensure(statement["type"].endswith("/closeout-pack/1"), "pack.note: it is a statement of another kind")
        signed = {file["path"]: file for file in statement["files"]}
        for name in names:
            ensure(name == "pack.note" or name in signed, f"{name}: nobody signed for it")
        ensure(len(names) == len(set(names)) == len(statement["files"]) + 1, "pack.note: a file is missing or there twice")
        for name, file in signed.items():
            content = pack.read(name)
            same = len(content) == file["bytes"] and hashlib.sha256(content).hexdigest() == file["sha256"]
            ensure(same, f"{name}: it is not what was signed")
        origin, size, root = open_note(pack.read("checkpoint.note").decode(), key, "checkpoint.note").split("\n")[:3]
        size, root = int(size), base64.b64decode(root, validate=True)
        log = {"origin": origin, "size": size, "root": root.hex()}
        ensure(log == statement["log"], "checkpoint.note: it is not the one that pack.note names")
        last, told, count = -1, set(), 0
        for count, line in enumerate(pack.read("events.jsonl").splitlines(), 1):
            event, where = json.loads(line), f"events.jsonl line {count}"
            path = [bytes.fromhex(text) for text in event["path"]]
            proven = root_of(event["leaf"].encode(), event["position"], size, path) == root
            ensure(proven, f"{where}: the signed log has no such event there")
            ensure(event["position"] > last, f"{where}: it does not come after the one before it")
            leaf, last = json.loads(event["leaf"]), event["position"]
            ensure(leaf["client_id"] == statement["client"]["id"], f"{where}: it is about another client")
            if leaf["kind"] == "certificate.issued":
                told.add(leaf["payload"]["number"])
        for name in filter(lambda name: name.startswith("certificates/"), signed):
            open_note(pack.read(name).decode(), key, name)
            ensure(name[len("certificates/"):-len(".note")] in told, f"{name}: the log tells of no such certificate")
        return f"{statement['number']}: {statement['client']['name']} left; {count} events of a log of {size}"


def main(key, *packs):
    key, wrong = parse_key(key), 0
    for path in packs:
        try:
            print(f"{path} holds. {check(path, key)}")
        except Doubt as doubt:
            wrong = print(f"{path} does not hold: {doubt}") or 1
        except Exception as error:  # Whatever else is wrong with an archive is wrong with it.
            wrong = print(f"{path} does not hold: {type(error).__name__} {error}") or 1
    return wrong


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
