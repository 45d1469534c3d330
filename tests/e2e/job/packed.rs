//! The close-out pack: made by a job, and judged by two programs that share no code.

use std::{
    io::{Cursor, Write},
    process::Command,
};

use gangway::domain::{
    log::{NodeHash, Signer},
    pack::{PackFile, PackStatement, ProvenEvent},
};
use sha2::{Digest, Sha256};
use zip::{ZipArchive, ZipWriter, write::SimpleFileOptions};

use super::{ending::Ending, *};
use crate::support::{flow::done, make::refusal, on_both_stacks};

const PACK: &str = "query($id: ID!) { job(id: $id) { state certificate { kind number note }
    result { ... on CloseoutPackResult { number digest byteCount eventCount certificateCount
        file { name byteCount sha256 mediaType downloadUrl } } } } }";
const ISSUED: &str = "query($id: ID!) { engagement(id: $id) { certificates { kind } } }";

/// The files of an archive, in order.
type Files = Vec<(String, Vec<u8>)>;

fn unpacked(bytes: &[u8]) -> Files {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut file = archive.by_index(index).unwrap();
            let mut content = Vec::new();
            file.read_to_end(&mut content).unwrap();
            (file.name().unwrap().into_owned(), content)
        })
        .collect()
}

fn packed(files: &Files) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        archive.start_file(name.as_str(), SimpleFileOptions::default()).unwrap();
        archive.write_all(content).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

fn content<'a>(files: &'a mut Files, name: &str) -> &'a mut Vec<u8> {
    &mut files.iter_mut().find(|(path, _)| path == name).unwrap().1
}

/// Whoever signs.
fn signer(seed: u8) -> Signer {
    Signer::from_seed("gangway.test/log", &[seed; 32]).unwrap()
}

/// Signs the archive as it is now, as somebody inside with the key could.
fn signed(mut files: Files, seed: u8, change: impl FnOnce(&mut PackStatement)) -> Files {
    let note = String::from_utf8(content(&mut files, "pack.note").clone()).unwrap();
    let mut statement: PackStatement = serde_json::from_str(note.split("\n\n").next().unwrap()).unwrap();
    let others = files.iter().filter(|(path, _)| path != "pack.note");
    let file = |(path, content): &(String, Vec<u8>)| PackFile {
        path: path.clone(),
        sha256: hex::encode(Sha256::digest(content)),
        bytes: content.len() as u64,
    };
    statement.files = others.map(file).collect();
    change(&mut statement);
    let text = serde_json::to_string(&statement).unwrap();
    *content(&mut files, "pack.note") = signer(seed).sign(&format!("{text}\n")).unwrap().into_bytes();
    files
}

/// The lines of the log, changed.
fn told(files: &Files, change: impl FnOnce(&mut Vec<ProvenEvent>)) -> Files {
    let mut files = files.clone();
    let lines = content(&mut files, "events.jsonl");
    let mut events: Vec<ProvenEvent> = lines
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    change(&mut events);
    *lines = events.iter().flat_map(|event| [serde_json::to_vec(event).unwrap(), vec![b'\n']].concat()).collect();
    files
}

/// Packs in which something is wrong, each with what it is.
fn wrong(good: &[u8]) -> Vec<(String, Vec<u8>)> {
    let files = unpacked(good);
    let mut all = Vec::new();
    for (index, (name, content)) in files.iter().enumerate() {
        for place in [0, content.len() / 2, content.len() - 1] {
            let mut changed = files.clone();
            changed[index].1[place] ^= 1;
            all.push((format!("{name} has another byte at {place}"), packed(&changed)));
        }
        let mut absent = files.clone();
        absent.remove(index);
        all.push((format!("{name} is gone"), packed(&absent)));
    }
    let mut more = files.clone();
    more.push(("certificates/SC-1.note".to_owned(), b"all is well".to_vec()));
    all.push(("a certificate was added".to_owned(), packed(&more)));
    all.push(("nothing is in it".to_owned(), packed(&Vec::new())));
    for (what, bytes) in [
        ("something stands behind it", [good, b"more"].concat()),
        ("something stands before it", [b"PK", good].concat()),
    ] {
        all.push((what.to_owned(), bytes));
    }
    all.push(("it is cut".to_owned(), good[..good.len() / 2].to_vec()));
    all.push(("its end is cut".to_owned(), good[..good.len() - 1].to_vec()));
    all.push(("another key signed it".to_owned(), packed(&signed(files.clone(), 8, |_| {}))));
    // Whoever has the key can sign anything, and still not what the log does not have.
    let with_key = |files: Files| packed(&signed(files, 7, |_| {}));
    let mut insider = |what: &str, pack: Vec<u8>| all.push((format!("signed, and {what}"), pack));
    insider(
        "an event is told differently",
        with_key(told(&files, |events| {
            events[3].leaf = events[3].leaf.replace("\"summary\":\"", "\"summary\":\"Not ");
        })),
    );
    insider("two events changed places", with_key(told(&files, |events| events.swap(1, 2))));
    insider("an event stands there twice", with_key(told(&files, |events| events.insert(1, events[0].clone()))));
    insider("an event has the place of another", with_key(told(&files, |events| events[0].position += 1)));
    insider("an event's proof is another's", with_key(told(&files, |events| events[0].path = events[1].path.clone())));
    insider("a proof is too short", with_key(told(&files, |events| drop(events[0].path.pop()))));
    insider(
        "a proof is too long",
        with_key(told(&files, |events| {
            events[0].path.push(NodeHash::leaf(b"x").to_string());
        })),
    );
    insider("a line is no event", with_key(told(&files, |events| "none".clone_into(&mut events[0].leaf))));
    insider(
        "the issue of a certificate is not told",
        with_key(told(&files, |events| {
            events.retain(|event| !event.leaf.contains("certificate.issued"));
        })),
    );
    let other = |statement: &mut PackStatement| statement.client.id = uuid::Uuid::from_u128(7).into();
    insider("it is another client's", packed(&signed(files.clone(), 7, other)));
    let size = |statement: &mut PackStatement| statement.log.size += 1;
    insider("it names another log", packed(&signed(files.clone(), 7, size)));
    let kind =
        |statement: &mut PackStatement| "https://gangway.example/statements/other/1".clone_into(&mut statement.r#type);
    insider("it is a statement of another kind", packed(&signed(files.clone(), 7, kind)));
    let twice = |statement: &mut PackStatement| statement.files.push(statement.files[0].clone());
    insider("it names a file twice", packed(&signed(files.clone(), 7, twice)));
    let mut forged = files.clone();
    let name = forged.iter().position(|(path, _)| path.starts_with("certificates/")).unwrap();
    forged[name].1 = signer(8).sign("{}\n").unwrap().into_bytes();
    insider("a certificate is signed by another key", with_key(forged));
    let mut renamed = files.clone();
    "certificates/SC-0.note".clone_into(&mut renamed[name].0);
    insider("a certificate has another's name", with_key(renamed));
    let mut other = files.clone();
    let note = String::from_utf8(other[name].1.clone()).unwrap();
    let text = note.split("\n\n").next().unwrap().replace("\"SANITIZED\"", "\"NOT_SANITIZED\"");
    other[name].1 = signer(7).sign(&format!("{text}\n")).unwrap().into_bytes();
    insider("a certificate says something else than it did", with_key(other));
    let beyond = |events: &mut Vec<ProvenEvent>| {
        let mut again = events[0].clone();
        again.position += 1 << again.path.len();
        events.push(again);
    };
    insider("an event has a place that the log does not have", with_key(told(&files, beyond)));
    let mut late = files;
    let note = "gangway.test/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n";
    *content(&mut late, "checkpoint.note") = signer(7).sign(note).unwrap().into_bytes();
    insider("the checkpoint is another one", with_key(late));
    all
}

/// What `gangway verify` says of a pack.
fn ours(key: &str, pack: &std::path::Path) -> (bool, String) {
    let said = Command::new(env!("CARGO_BIN_EXE_gangway")).args(["verify", "--key", key]).arg(pack).output().unwrap();
    (said.status.success(), String::from_utf8([said.stdout, said.stderr].concat()).unwrap())
}

/// What the other program says of each, a line for one.
fn theirs(key: &str, packs: &[PathBuf]) -> Vec<String> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verify/verify_pack.py");
    let said = Command::new("python3").arg(program).arg(key).args(packs).output().unwrap();
    assert!(said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
    String::from_utf8(said.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Two programs judge the pack and everything that could be wrong with it, and agree.
fn judged(good: &[u8]) {
    let (home, key) = (tempfile::tempdir().unwrap(), signer(7).verifier().to_string());
    let mut all = vec![("nothing is wrong".to_owned(), good.to_vec())];
    all.extend(wrong(good));
    assert!(all.len() > 50, "{}", all.len());
    let paths: Vec<_> = (0..all.len()).map(|number| home.path().join(format!("{number}.zip"))).collect();
    for (path, (_, pack)) in paths.iter().zip(&all) {
        std::fs::write(path, pack).unwrap();
    }
    let second = theirs(&key, &paths);
    assert_eq!(second.len(), all.len());
    for (number, ((what, _), second)) in all.iter().zip(&second).enumerate() {
        let (holds, first) = ours(&key, &paths[number]);
        assert_eq!(holds, number == 0, "{what}: {first}");
        assert_eq!(second.contains(" holds. "), number == 0, "{what}: {second}");
        assert!(first.contains(if number == 0 { "holds" } else { "does not hold" }), "{what}: {first}");
    }
}

impl Ending {
    async fn pack(&self, engagement: &str, more: Value) -> Value {
        let mut input = json!({ "kind": "CLOSEOUT_PACK", "engagementId": engagement, "options": { "closeoutPack": { "events": "ALL" } } });
        merge(&mut input, more);
        sent(&self.site.test, &self.site.manager, PLAN, input).await
    }

    async fn packed(&self, job: &Value) -> Value {
        self.site.until(&job["id"], "SUCCEEDED").await;
        self.site.test.ask(&self.site.manager, PACK, json!({ "id": job["id"] })).await["job"].take()
    }
}

on_both_stacks! {
    async fn a_pack_holds_in_the_eyes_of_two_programs_and_nothing_like_it_does(test) {
        let ending = Ending::of(test).await;
        let working = ending.site.work();
        let job = ending.destroy().await;
        ending.ended(&job, "SUCCEEDED").await;
        ending.verify("SUCCEEDED").await;
        let plan = done(ending.pack(&ending.site.engagement, json!({})).await)["plan"].take();
        assert!(plan["warnings"][0].as_str().unwrap().contains("not concluded"), "{plan}");
        let job = done(ending.start(&plan).await)["job"].take();
        let made = ending.packed(&job).await;
        let (result, certificate) = (&made["result"], &made["certificate"]);
        assert_eq!((&certificate["kind"], &certificate["number"]), (&json!("CLOSEOUT_PACK"), &result["number"]));
        assert_eq!(result["certificateCount"], "1");
        let file = &result["file"];
        assert_eq!((&file["sha256"], &file["byteCount"]), (&result["digest"], &result["byteCount"]));
        assert_eq!(file["name"], format!("closeout-acme-{}.zip", result["number"].as_str().unwrap()));
        assert!(file["downloadUrl"].is_string() && file["mediaType"] == "application/zip");
        let seen = ending.site.test.ask(&ending.contact, PACK, json!({ "id": job["id"] })).await["job"].take();
        assert_eq!((&seen["result"]["number"], &seen["result"]["file"]), (&result["number"], &Value::Null));

        let lying = ending.site.lying("own/packs");
        let pack = std::fs::read(ending.site.home.path().join("own/packs").join(&lying[0])).unwrap();
        assert_eq!((lying.len(), hex::encode(Sha256::digest(&pack))), (1, result["digest"].as_str().unwrap().to_owned()));
        let mut files = unpacked(&pack);
        assert_eq!(content(&mut files, "pack.note").as_slice(), certificate["note"].as_str().unwrap().as_bytes());
        let ledger: Value = serde_json::from_slice(content(&mut files, "ledger.json")).unwrap();
        assert_eq!((&ledger[0]["state"], &ledger[0]["isResidual"]), (&json!("CLOSED"), &json!(false)));
        let events = String::from_utf8_lossy(content(&mut files, "events.jsonl")).lines().count();
        assert_eq!(result["eventCount"], events.to_string());
        judged(&pack);

        // A worker that died behind the deed is followed by one that finds everything done.
        let db = ending.site.test.app.db().write().clone();
        let again = "UPDATE job SET fence = fence + 1, state = 'QUEUED', finished_at = NULL WHERE kind = 'CLOSEOUT_PACK'";
        sea_orm::ConnectionTrait::execute_unprepared(&db, again).await.unwrap();
        assert_eq!(ending.packed(&job).await["result"], made["result"]);
        working.end().await;
        let issued = ending.site.test.ask(&ending.site.manager, ISSUED, json!({ "id": ending.site.engagement })).await;
        let packs = issued["engagement"]["certificates"].as_array().unwrap().iter().filter(|one| one["kind"] == "CLOSEOUT_PACK");
        assert_eq!((packs.count(), ending.site.lying("own/packs").len()), (1, 1));
    }

    async fn a_pack_is_about_a_whole_offboarding(test) {
        let ending = Ending::of(test).await;
        let named = ending.pack(&ending.site.engagement, json!({ "holdingIds": [ending.site.holding] })).await;
        assert_eq!(refusal(&named), ("BAD_USER_INPUT", "holdingIds".to_owned()), "{named}");
        let filtered = ending.pack(&ending.site.engagement, json!({ "filter": { "kinds": ["DATA"] } })).await;
        assert_eq!(refusal(&filtered), ("BAD_USER_INPUT", "filter".to_owned()), "{filtered}");
        ending.site.turn("engagementCancel").await;
        let cancelled = ending.pack(&ending.site.engagement, json!({})).await;
        assert_eq!(refusal(&cancelled).0, "CONFLICT", "{cancelled}");
    }
}
