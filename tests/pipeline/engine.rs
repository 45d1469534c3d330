//! What a return makes of a healthy source.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    sync::Arc,
    time::{Duration, Instant},
};

use gangway::{
    app::data_return::{Packages, clear_packages},
    jobs::data_return::{
        Challenge, Format, Order, Phase, Position, RecipientKey, ReturnError, Slug, Source, freeze,
        line::{Line, Status},
        pack, verify, verify_deeply,
    },
    ports::storage::{EntryKind, ObjectPath},
};
use tokio_util::sync::CancellationToken;

use crate::support::{
    Bench, Recorder, run,
    tools::{age_decrypt, bagit_py, validate_with_bagit_py},
    tree::{assert_same_files, inventory, noise, validate, write},
    why,
};

/// A tree with everything that a bag validator can judge.
fn ordinary_tree(bench: &Bench) {
    let root = bench.source();
    write(&root, "plain.txt", "plain");
    write(&root, "with spaces and 'quotes' \"too\".txt", "spaces");
    write(&root, "-rf", "leading dash");
    write(&root, "ünïcödé/日本語/🚢.txt", "unicode");
    write(&root, "empty", "");
    write(&root, "a".repeat(255), "255 bytes");
    write(&root, "l".repeat(120) + "/" + &"m".repeat(120) + "/n", "beyond the tar header's field");
    write(&root, (0..60).map(|_| "deep/").collect::<String>() + "file", "deep");
    write(&root, ".hidden/.file", "hidden");
    write(&root, "exactly 512", noise(1, 512));
    write(&root, "a block and more.bin", noise(2, 300_000));
    write(&root, "many parts.bin", noise(3, 1_500_000));
    fs::create_dir(root.join("empty folder")).unwrap();
    symlink("/etc/passwd", root.join("points outside")).unwrap();
    symlink("../../../../etc/shadow", root.join("climbs outside")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink(".", root.join("loop")).unwrap();
    fs::set_permissions(root.join("plain.txt"), fs::Permissions::from_mode(0o444)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_tree_comes_back_whole_and_an_independent_validator_agrees() {
    let bench = Bench::new();
    ordinary_tree(&bench);
    for format in [Format::BagitTarZstd, Format::BagitTar] {
        let order = Arc::new(Order { format, ..bench.order() });
        let (frozen, package) = run(&order).await;
        let watch = Recorder::default().watch();
        verify(&order, &package, &watch).await.unwrap();
        verify_deeply(&order, &package, bench.identity.clone(), &watch).await.unwrap();
        let bag = bench.restore();
        validate_with_bagit_py(&bag);
        validate(&bag);
        assert_same_files(&bench.source(), &bag, "files");
        assert!(package.manifest.parts.len() > 5, "{}", package.manifest.parts.len());
        assert_eq!(frozen.tally.files, package.manifest.contents.files);
        assert_eq!(package.manifest.contents.changed, 0);
        assert!(package.manifest.is_complete());
        fs::remove_dir_all(bench.package()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_only_bytes_can_hold_come_back_and_are_reported() {
    let bench = Bench::new();
    let root = bench.source();
    let names: [&[u8]; 7] = [
        b"caf\xE9.txt",
        b"100%.txt",
        b"a%20b.txt",
        b"caf%E9.txt",
        b"two\nlines\r.txt",
        b"\x01control\x7f",
        b"\xff\xfe/\xf0\x28\x8c\x28/x",
    ];
    for name in names {
        write(&root, name, name);
    }
    let order = Arc::new(bench.order());
    let (_, package) = run(&order).await;
    verify_deeply(&order, &package, bench.identity.clone(), &Recorder::default().watch()).await.unwrap();
    let bag = bench.restore();
    validate(&bag);
    assert_same_files(&root, &bag, "files");
    // Two files and the two folders on the way to the second.
    assert_eq!(package.manifest.contents.not_utf8, 4);
    let lines = inventory(&bag);
    assert!(lines.contains_key("files/caf%E9.txt") && lines.contains_key("files/caf%25E9.txt"));
    // The independent validator decodes line breaks and no other encoded byte, although RFC 8493 has `%` encoded: it calls
    // those names missing, and only those.
    let told = String::from_utf8_lossy(&bagit_py(&bag).stderr).into_owned();
    assert!(["100%25.txt", "a%2520b.txt", "caf%25E9.txt"].iter().all(|name| told.contains(name)), "{told}");
    assert!(!told.contains("two") && !told.contains("control"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_with_tabs_and_line_breaks_are_found_by_an_independent_validator() {
    let bench = Bench::new();
    for name in ["a\ttab.txt", "a\tfolder/\x01 and \x7f", "two\nlines\r.txt"] {
        write(&bench.source(), name, name);
    }
    let order = Arc::new(bench.order());
    let (_, package) = run(&order).await;
    verify_deeply(&order, &package, bench.identity.clone(), &Recorder::default().watch()).await.unwrap();
    let bag = bench.restore();
    let manifest = fs::read_to_string(bag.join("manifest-sha256.txt")).unwrap();
    assert!(manifest.contains("  data/files/a\ttab.txt\n") && manifest.contains("two%0Alines%0D.txt\n"), "{manifest}");
    validate_with_bagit_py(&bag);
    validate(&bag);
    assert_same_files(&bench.source(), &bag, "files");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_tells_what_a_bag_cannot() {
    let bench = Bench::new();
    ordinary_tree(&bench);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        bench.source().join("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let order = Arc::new(bench.order());
    let (_, package) = run(&order).await;
    let bag = bench.restore();
    let lines = inventory(&bag);
    let line = |name: &str| -> &Line { &lines[&format!("files/{name}")] };
    assert_eq!(line("empty folder").kind, EntryKind::Directory);
    assert_eq!(line("points outside").link, Some(ObjectPath::from("/etc/passwd")));
    assert_eq!(line("dangling").status, Some(Status::Listed));
    assert_eq!(line("pipe").kind, EntryKind::Other);
    assert_eq!(line("plain.txt").mode, Some(0o444));
    assert_eq!(line("plain.txt").size, Some(5));
    assert!(line("plain.txt").modified.is_some());
    assert_eq!(line("empty").status, Some(Status::Packed));
    let contents = &package.manifest.contents;
    assert_eq!((contents.symlinks, contents.others), (4, 1));
    assert!(!bag.join("data/files/points outside").exists());
    let raw = fs::read_to_string(bag.join("gangway-inventory.jsonl")).unwrap();
    assert!(raw.contains(r#""mode":"0444""#), "{raw}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_source_makes_a_valid_empty_bag() {
    let bench = Bench::new();
    let order = Arc::new(bench.order());
    let (frozen, package) = run(&order).await;
    assert_eq!(frozen.tally.files, 0);
    verify_deeply(&order, &package, bench.identity.clone(), &Recorder::default().watch()).await.unwrap();
    let bag = bench.restore();
    validate(&bag);
    validate_with_bagit_py(&bag);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_sources_and_recipients_share_a_package() {
    let bench = Bench::new();
    write(&bench.source(), "same name", "one");
    write(&bench.path("other"), "sub/same name", "two");
    write(&bench.path("other"), "beside", "not asked for");
    let second = age::x25519::Identity::generate();
    let mut order = bench.order();
    order.sources.push(Source { label: "mail".parse().unwrap(), store: bench.local("other"), folder: "sub".into() });
    order.recipients.push(second.to_public().to_string().parse().unwrap());
    let order = Arc::new(order);
    let (_, package) = run(&order).await;
    assert_eq!(package.manifest.recipients.len(), 2);
    verify_deeply(&order, &package, second, &Recorder::default().watch()).await.unwrap();
    let bag = bench.restore();
    validate_with_bagit_py(&bag);
    assert_eq!(fs::read(bag.join("data/files/same name")).unwrap(), b"one");
    assert_eq!(fs::read(bag.join("data/mail/same name")).unwrap(), b"two");
    assert!(!bag.join("data/mail/beside").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_package_manifest_is_canonical_and_beside_the_parts() {
    let bench = Bench::new();
    ordinary_tree(&bench);
    let order = Arc::new(bench.order());
    let (frozen, package) = run(&order).await;
    let text = fs::read(bench.package().join("return-1.package.json")).unwrap();
    assert_eq!(text, package.manifest.canonical().unwrap());
    assert_eq!(package.digest, package.manifest.digest().unwrap());
    assert_eq!(package.manifest.inventory_sha256, frozen.sha256);
    let bag = bench.restore();
    let manifest = fs::read(bag.join("manifest-sha256.txt")).unwrap();
    assert_eq!(package.manifest.bag_manifest_sha256, hex::encode(<sha2::Sha256 as sha2::Digest>::digest(manifest)));
    let beside = String::from_utf8_lossy(&text).into_owned()
        + &fs::read_to_string(bench.package().join("return-1.HOW-TO-RESTORE.txt")).unwrap();
    assert!(!beside.contains("hidden") && !beside.contains("unicode"), "names a file of the client");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_is_left_as_it_was() {
    let bench = Bench::new();
    ordinary_tree(&bench);
    let look = || {
        let stat = fs::metadata(bench.source().join("plain.txt")).unwrap();
        (stat.accessed().unwrap(), stat.modified().unwrap(), stat.len())
    };
    // An access time before the change makes even `relatime` mounts note a read.
    let old = fs::FileTimes::new().set_accessed(std::time::SystemTime::UNIX_EPOCH);
    fs::File::open(bench.source().join("plain.txt")).unwrap().set_times(old).unwrap();
    let before = look();
    run(&Arc::new(bench.order())).await;
    assert_eq!(look(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_only_grows_and_ends_at_everything() {
    let bench = Bench::new();
    ordinary_tree(&bench);
    let order = Arc::new(bench.order());
    let recorder = Recorder::default();
    let watch = recorder.watch();
    let frozen = freeze(&order, &watch).await.unwrap();
    let package = pack(&order, &frozen, None, &watch).await.unwrap();
    recorder.with(|recorded| {
        let packing: Vec<_> = recorded.ticks.iter().filter(|tick| tick.phase == Phase::Packing).collect();
        assert!(packing.windows(2).all(|two| two[0].bytes <= two[1].bytes && two[0].files <= two[1].files));
        assert_eq!(packing.last().unwrap().files, frozen.tally.files);
        assert_eq!(recorded.saved.len(), package.manifest.parts.len());
        assert!(recorded.saved.iter().all(|text| text.len() < 1500));
    });
    assert!(matches!(recorder.last().unwrap().at, Position::End { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_inventory_is_not_packed() {
    let bench = Bench::new();
    ordinary_tree(&bench);
    let order = Arc::new(bench.order());
    let watch = Recorder::default().watch();
    let frozen = freeze(&order, &watch).await.unwrap();
    write(&bench.source(), "late", "came later");
    freeze(&order, &watch).await.unwrap();
    let error = pack(&order, &frozen, None, &watch).await.unwrap_err();
    assert!(matches!(error, ReturnError::PlanChanged), "{}", why(&error));
    assert!(!bench.package().join("return-1.part-00001.1.tar.zst.age").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_nobody_could_carry_out_is_refused_before_anything_is_written() {
    let bench = Bench::new();
    let good = bench.order();
    let twice = vec![good.sources[0].clone(), good.sources[0].clone()];
    for (order, field) in [
        (Order { recipients: Vec::new(), ..good.clone() }, "recipients"),
        (Order { sources: Vec::new(), ..good.clone() }, "sources"),
        (Order { sources: twice, ..good.clone() }, "sources"),
        (Order { part_bytes: 0, ..good.clone() }, "partBytes"),
        (Order { part_bytes: u64::MAX, ..good.clone() }, "partBytes"),
    ] {
        let Err(ReturnError::Order(violation)) = freeze(&order, &Recorder::default().watch()).await else {
            panic!("{field} was taken");
        };
        assert_eq!(violation.field, field);
    }
    assert_eq!(fs::read_dir(bench.path("spool")).unwrap().count(), 0);
    for name in ["", "-x", ".x", "a/b", "a b", "é", &"x".repeat(81)] {
        assert!(name.parse::<Slug>().is_err(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_tree_freezes_to_the_same_digest() {
    let bench = Bench::new();
    ordinary_tree(&bench);
    let order = bench.order();
    let watch = Recorder::default().watch();
    let first = freeze(&order, &watch).await.unwrap();
    let second = freeze(&order, &watch).await.unwrap();
    assert_eq!(first, second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_return_stops_at_once_and_can_go_on() {
    let bench = Bench::new();
    for number in 0..8 {
        write(&bench.source(), format!("file {number}"), noise(number, 4_000_000));
    }
    let order = Arc::new(bench.order());
    let recorder = Recorder::default();
    let cancel = CancellationToken::new();
    let watch = recorder.watch_until(cancel.clone());
    let frozen = freeze(&order, &watch).await.unwrap();
    let (there, from) = (order.clone(), frozen.clone());
    let packing = tokio::spawn(async move { pack(&there, &from, None, &watch).await });
    while recorder.with(|recorded| recorded.saved.len()) < 3 {
        tokio::task::yield_now().await;
    }
    let asked = Instant::now();
    cancel.cancel();
    let error = packing.await.unwrap().unwrap_err();
    assert!(matches!(error, ReturnError::Cancelled), "{}", why(&error));
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let last = recorder.last().unwrap();
    let package = pack(&order, &frozen, Some(last), &Recorder::default().watch()).await.unwrap();
    verify(&order, &package, &Recorder::default().watch()).await.unwrap();
    validate(&bench.restore());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_cleared_away_and_what_somebody_else_put_beside_it_stays() {
    let bench = Bench::new();
    ordinary_tree(&bench);
    let order = Arc::new(bench.order());
    run(&order).await;
    write(&bench.package(), "of somebody else", "stays");
    let (store, folder) = (&order.destination.store, &order.destination.folder);
    clear_packages(store.as_ref(), folder, &Packages::called("return"), |_| true).await.unwrap();
    let left: Vec<_> = fs::read_dir(bench.package()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["of somebody else"]);
}

#[test]
fn the_command_line_tool_reads_a_challenge() {
    let bench = Bench::new();
    let key: RecipientKey = bench.identity.to_public().to_string().parse().unwrap();
    let random = <[u8; 768]>::try_from(noise(9, 768)).unwrap();
    let challenge = key.challenge(&random).unwrap();
    let message = bench.path("message.age");
    fs::write(&message, &challenge.message).unwrap();
    let answer = age_decrypt(&bench.key_file(), &message);
    assert_eq!(answer.len(), 1024);
    assert!(Challenge::is_answered_by(&challenge.answer_sha256, &answer));
}
