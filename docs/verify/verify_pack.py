#!/usr/bin/env python3
"""Checks close-out packs of Gangway, with public keys (commas between them) and nothing else.

    python3 verify_pack.py 'NAME+ID+KEY' PACK.zip...

For each pack a line says that it holds, or names the first thing that does not; the exit code is 1 when one does not.
Shares no code with Gangway. Signatures: Ed25519 (RFC 8032) in signed notes (C2SP); proofs: RFC 9162, section 2.1.3.
"""
import base64, hashlib, json, os, sys, zipfile

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P

class Doubt(Exception): "Something does not hold."

def ensure(holds, what):
    if not holds:
        raise Doubt(what)

def add(one, other):
    (a, b, c, d), (e, f, g, h) = one, other
    m, n = (b - a) * (f - e) % P, (b + a) * (f + e) % P
    o, q = 2 * d * h * D % P, 2 * c * g % P
    i, j, k, l = n - m, q - o, q + o, n + m
    return i * j % P, k * l % P, j * k % P, i * l % P

def times(number, point):
    sum_ = (0, 1, 1, 0)
    while number:
        sum_ = add(sum_, point) if number & 1 else sum_
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
    left, right = times(number, BASE), add(point(signature[:32]), times(hashed, point(public)))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0

def parse_key(text):
    name, id_, key = text.split("+", 2)
    key = base64.b64decode(key, validate=True)
    is_key = len(key) == 33 and key[0] == 1 and hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == id_
    ensure(is_key, "the key is none")
    return name, bytes.fromhex(id_), key[1:]

def open_note(note, keys, what):
    text, found, below = note.rpartition("\n\n")
    ensure(found and below.endswith("\n"), f"{what}: it is no signed note")
    text, signed = text + "\n", False
    for line in below[:-1].split("\n"):
        words = line.split(" ")
        ensure(len(words) == 3 and words[0] == "\u2014", f"{what}: it is no signed note")
        stamped = base64.b64decode(words[2], validate=True)
        ensure(base64.b64encode(stamped).decode() == words[2], f"{what}: it is no signed note")
        for name, id_, public in keys:
            if (words[1], stamped[:4]) == (name, id_):
                ensure(is_signed(public, text.encode(), stamped[4:]), f"{what}: its signature does not hold")
                signed = True
    ensure(signed, f"{what}: no signature is of a known key")
    return text

def root_of(leaf, index, size, path):
    if type(index) is not int or not 0 <= index < size or any(len(other) != 32 for other in path):
        return None
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

def check(path, keys):
    with zipfile.ZipFile(path) as pack:
        names = pack.namelist()
        ensure("pack.note" in names, "pack.note: it is not there")
        statement = json.loads(open_note(pack.read("pack.note").decode(), keys, "pack.note"))
        ensure(statement["type"].endswith("/closeout-pack/1"), "pack.note: it is a statement of another kind")
        signed = {file["path"]: file for file in statement["files"]}
        for name in names:
            ensure(name == "pack.note" or name in signed, f"{name}: nobody signed for it")
        ensure(len(names) == len(set(names)) == len(statement["files"]) + 1, "pack.note: a file is missing or there twice")
        sizes = [(file["path"], file["bytes"]) for file in statement["files"]]
        whole = 22 + sum(76 + 2 * len(name) + size for name, size in [*sizes, ("pack.note", len(pack.read("pack.note")))])
        ensure(os.path.getsize(path) == whole, "there are bytes in it that nobody signed for")
        for name, file in signed.items():
            content = pack.read(name)
            same = len(content) == file["bytes"] and hashlib.sha256(content).hexdigest() == file["sha256"]
            ensure(same, f"{name}: it is not what was signed")
        origin, size, root = open_note(pack.read("checkpoint.note").decode(), keys, "checkpoint.note").split("\n")[:3]
        size, root = int(size), base64.b64decode(root, validate=True)
        is_named = statement["log"] == {"origin": origin, "size": size, "root": root.hex()}
        ensure(is_named, "checkpoint.note: it is not the one that pack.note names")
        last, told, count = -1, {}, 0
        lines = pack.read("events.jsonl").split(b"\n")
        ensure(lines.pop() == b"", "events.jsonl: its last line is cut")
        for count, line in enumerate(lines, 1):
            event, where = json.loads(line), f"events.jsonl line {count}"
            hashes = [bytes.fromhex(text) for text in event["path"]]
            found = root_of(event["leaf"].encode(), event["position"], size, hashes)
            ensure(found == root, f"{where}: the signed log has no such event there")
            ensure(event["position"] > last, f"{where}: it does not come after the one before it")
            leaf, last = json.loads(event["leaf"]), event["position"]
            ensure(leaf["client_id"] == statement["client"]["id"], f"{where}: it is about another client")
            if leaf["kind"] == "certificate.issued":
                told[leaf["payload"]["number"]] = leaf["payload"]["sha256"]
        for name in filter(lambda name: name.startswith("certificates/"), signed):
            text = open_note(pack.read(name).decode(), keys, name)[:-1]
            number, certificate = name[len("certificates/"):-len(".note")], json.loads(text)
            is_told = told.get(number) == hashlib.sha256(text.encode()).hexdigest()
            ensure(is_told and certificate["number"] == number, f"{name}: the log tells of no such certificate")
            ensure(certificate["clientId"] == statement["client"]["id"], f"{name}: it is another client's")
        return f"{statement['number']}: {statement['client']['name']} left; {count} events of a log of {size}"

def main(keys, *packs):
    keys, wrong = [parse_key(key) for key in keys.split(",")], 0
    for path in packs:
        try:
            print(f"{path} holds. {check(path, keys)}")
        except Exception as error:  # Doubt, and whatever else an archive that is none leads to.
            wrong = print(f"{path} does not hold: {error or type(error).__name__}") or 1
    return wrong

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 2 else __doc__)
