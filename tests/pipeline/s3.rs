//! The S3 adapter against moto, a server that implements the protocol independently of us, and returns from
//! and to it.

use std::{fs, sync::Arc};

use age::secrecy::ExposeSecret;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use gangway::{
    adapters::s3::{S3, S3Config},
    app::data_return::{Packages, clear_packages},
    jobs::data_return::{Format, Order, Place, Source, freeze, line::Status, pack, verify, verify_deeply},
    ports::storage::{
        Entry, EntryKind, FaultKind, Listed, ObjectPath, ObjectSource, ObjectStore, Span, UploadTerms, probe,
    },
};

use crate::support::{
    Bench, Recorder,
    moto::Moto,
    run,
    tools::validate_with_bagit_py,
    tree::{assert_same_files, inventory, noise, validate, write},
    why,
};

/// Without control characters: moto's own routes do not match them.
const ODD_KEYS: [&str; 11] = [
    "a b",
    "a+b",
    "a%20b",
    "100%",
    "ünïcödé/日本語",
    "q?x=1&y=2#frag",
    "-dash",
    "semi;colon:,@=$!*'()",
    "deep/er/and/deeper",
    "\"quoted\" <xml> & more",
    "~tilde",
];

async fn entries(store: &S3, folder: &str) -> Vec<Entry> {
    let pages: Vec<Vec<Listed>> = store.list(&folder.into()).try_collect().await.unwrap();
    let entries = pages.into_iter().flatten().map(|listed| match listed {
        Listed::Entry(entry) => entry,
        Listed::Unreadable { path, fault, .. } => panic!("{path}: {fault}"),
    });
    entries.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn any_key_is_written_listed_read_and_deleted() {
    let moto = Moto::start();
    let store = moto.bucket("odd").await;
    for (index, key) in ODD_KEYS.iter().enumerate() {
        let content = Bytes::from(noise(index as u64, 1000 + index));
        store.put(&ObjectPath::from(*key), content).await.unwrap();
    }
    let mut listed: Vec<String> =
        entries(&store, "").await.iter().map(|entry| entry.path.as_utf8().unwrap().to_owned()).collect();
    listed.sort();
    let mut expected = ODD_KEYS.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(listed, expected);
    for (index, key) in ODD_KEYS.iter().enumerate() {
        let path = ObjectPath::from(*key);
        let opened = store.open(&path, Span::All).await.unwrap();
        assert_eq!(opened.facts, store.stat(&path).await.unwrap());
        assert!(opened.body.into_bytes(10_000).await.unwrap() == noise(index as u64, 1000 + index), "{key}");
        store.delete(&path).await.unwrap();
        store.delete(&path).await.unwrap();
        assert_eq!(store.stat(&path).await.unwrap_err().kind, FaultKind::NotFound);
    }
    assert!(entries(&store, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_has_all_pages_and_the_facts_of_a_read() {
    let moto = Moto::start();
    let store = moto.bucket("pages").await;
    let names: Vec<String> = (0..1100).map(|number| format!("in/{number:05}")).collect();
    futures_util::stream::iter(names)
        .for_each_concurrent(8, |name| {
            let store = store.clone();
            async move {
                store.put(&ObjectPath::from(name.as_str()), Bytes::from_static(b"x")).await.unwrap();
            }
        })
        .await;
    store.put(&"in-beside".into(), Bytes::from_static(b"x")).await.unwrap();
    store.put(&"in/folder/".into(), Bytes::new()).await.unwrap();
    let listed = entries(&store, "in").await;
    assert_eq!(listed.len(), 1101);
    assert!(listed.windows(2).all(|two| two[0].path < two[1].path));
    assert_eq!(listed[7].facts, store.stat(&listed[7].path).await.unwrap());
    let folder = listed.iter().find(|entry| entry.kind == EntryKind::Directory).unwrap();
    assert_eq!(folder.path, "in/folder".into());
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_and_large_uploads_keep_every_byte() {
    let moto = Moto::start();
    let store = moto.bucket("large").await;
    let content = noise(3, 21_000_000);
    let mut upload = store.begin(&"big".into()).await.unwrap();
    for chunk in content.chunks(1 << 20) {
        upload.write(Bytes::copy_from_slice(chunk)).await.unwrap();
    }
    assert_eq!(store.stat(&"big".into()).await.unwrap_err().kind, FaultKind::NotFound);
    let stored = upload.finish().await.unwrap();
    assert_eq!(stored.size, 21_000_000);
    assert!(stored.version.unwrap().ends_with("-3"), "three pieces");
    for (span, expected) in [
        (Span::All, &content[..]),
        (Span::From(20_999_990), &content[20_999_990..]),
        (Span::From(21_000_000), &[]),
        (Span::Part(8_388_000..8_389_000), &content[8_388_000..8_389_000]),
        (Span::Part(20_999_990..30_000_000), &content[20_999_990..]),
    ] {
        let opened = store.open(&"big".into(), span.clone()).await.unwrap();
        assert_eq!(opened.facts.size, 21_000_000, "{span:?}");
        assert!(opened.body.into_bytes(30_000_000).await.unwrap() == expected, "{span:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unfinished_uploads_never_show_and_are_swept() {
    let moto = Moto::start();
    let store = moto.bucket("sweep").await;
    for key in ["ours/a b", "ours/c", "ours-not/d"] {
        let mut upload = store.begin(&key.into()).await.unwrap();
        upload.write(Bytes::from(noise(1, 9_000_000))).await.unwrap();
        upload.write(Bytes::from(noise(1, 9_000_000))).await.unwrap();
        std::mem::forget(upload);
    }
    let mut given_up = store.begin(&"ours/e".into()).await.unwrap();
    given_up.write(Bytes::from(noise(1, 9_000_000))).await.unwrap();
    given_up.write(Bytes::from(noise(1, 9_000_000))).await.unwrap();
    given_up.abandon().await;
    assert!(entries(&store, "").await.is_empty());
    assert_eq!(store.sweep(&"ours".into(), Arc::new(|_| true)).await.unwrap(), 2);
    assert_eq!(store.sweep(&"ours".into(), Arc::new(|_| true)).await.unwrap(), 0);
    assert_eq!(store.sweep(&ObjectPath::ROOT, Arc::new(|_| true)).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_address_takes_and_gives_without_our_keys() {
    let moto = Moto::start();
    let store = moto.bucket("signed").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let terms = UploadTerms { size: 5, media_type: "text/plain".into(), expires_in: std::time::Duration::from_mins(1) };
    let put = store.sign_upload(&"up load".into(), &terms).unwrap();
    let mut request = http.put(put.url.expose_secret());
    for (name, value) in &put.headers {
        request = request.header(name, value);
    }
    assert!(request.body("hello").send().await.unwrap().status().is_success());
    let get = store.sign_download(&"up load".into(), terms.expires_in).unwrap();
    assert_eq!(http.get(get.url.expose_secret()).send().await.unwrap().text().await.unwrap(), "hello");
    assert!(put.url.expose_secret().contains("X-Amz-SignedHeaders=content-length%3Bcontent-type%3Bhost"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_is_refused_with_the_right_kind_and_no_secret() {
    let moto = Moto::start();
    let store = moto.bucket("kinds").await;
    for key in ["", "..", "a/../b", "./a", &"k".repeat(1025)] {
        let fault = store.put(&key.into(), Bytes::new()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unsupported, "{key}");
    }
    let fault = store.stat(&ObjectPath::from_bytes(b"\xff")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
    let absent = S3::new(&moto.config("no-such-bucket")).unwrap();
    let fault = absent.put(&"x".into(), Bytes::new()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotFound, "{fault}");
    assert!(absent.list(&ObjectPath::ROOT).try_next().await.is_err());
    store.put(&"folder kept empty/".into(), Bytes::new()).await.unwrap();
    for (folder, fault) in [("no such folder", Some(FaultKind::NotFound)), ("folder kept empty", None), ("", None)] {
        let listed = store.list(&folder.into()).try_next().await;
        assert_eq!(listed.err().map(|fault| fault.kind), fault, "{folder}");
    }
    store.delete(&"folder kept empty/".into()).await.unwrap();
    let closed = S3Config { endpoint: "http://127.0.0.1:9".parse().unwrap(), ..moto.config("b") };
    let fault = S3::new(&closed).unwrap().stat(&"x".into()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Transient);
    for fault in [format!("{fault:?}"), fault.to_string()] {
        assert!(!fault.contains("Amz") && !fault.contains("secret"), "{fault}");
    }
    assert!(S3::new(&S3Config { endpoint: "ftp://host".parse().unwrap(), ..moto.config("b") }).is_err());
    let probed = probe(&store, &"folder".into(), "probe").await.unwrap();
    assert_eq!(probed.free_bytes, None);
    assert!(entries(&store, "").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_returned_to_a_folder_with_every_key_in_it() {
    let moto = Moto::start();
    let store = moto.bucket("client").await;
    for (index, key) in ODD_KEYS.iter().enumerate() {
        store.put(&ObjectPath::from("docs").join(key), Bytes::from(noise(index as u64, 2000))).await.unwrap();
    }
    store.put(&"docs/large".into(), Bytes::from(noise(50, 1_000_000))).await.unwrap();
    // Keys that no file system could hold side by side.
    for key in ["docs/both", "docs/both/at once", "docs//empty segment", "docs/slash at the end/"] {
        store.put(&key.into(), Bytes::from(key)).await.unwrap();
    }
    store.put(&"not docs".into(), Bytes::from_static(b"x")).await.unwrap();
    let bench = Bench::new();
    let source = Source { label: "bucket".parse().unwrap(), store: Arc::new(store.clone()), folder: "docs".into() };
    let order = Arc::new(Order { sources: vec![source], ..bench.order() });
    let (frozen, package) = run(&order).await;
    verify_deeply(&order, &package, bench.identity.clone(), &Recorder::default().watch()).await.unwrap();
    let bag = bench.restore();
    validate(&bag);
    let lines = inventory(&bag);
    assert_eq!(frozen.tally.files, 16);
    assert!(lines.values().all(|line| line.status == Some(Status::Packed)), "{lines:?}");
    for (index, key) in ODD_KEYS.iter().enumerate() {
        assert!(fs::read(bag.join("data/bucket").join(key)).unwrap() == noise(index as u64, 2000), "{key}");
    }
    assert!(fs::read(bag.join("data/bucket/large")).unwrap() == noise(50, 1_000_000));
    assert_eq!(package.manifest.contents.renamed, 3);
    for key in ["both/at once", "/empty segment", "slash at the end/"] {
        let line = &lines[&format!("bucket/{key}")];
        let packed = line.packed_as.as_ref().unwrap().as_utf8().unwrap();
        assert_eq!(fs::read_to_string(bag.join("data").join(packed)).unwrap(), format!("docs/{key}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_replaced_while_it_is_returned_is_listed() {
    let moto = Moto::start();
    let store = moto.bucket("client").await;
    store.put(&"small".into(), Bytes::from_static(b"old")).await.unwrap();
    store.put(&"large".into(), Bytes::from(noise(1, 700_000))).await.unwrap();
    store.put(&"gone".into(), Bytes::from_static(b"soon")).await.unwrap();
    let bench = Bench::new();
    let source = Source { label: "bucket".parse().unwrap(), store: Arc::new(store.clone()), folder: ObjectPath::ROOT };
    let order = Arc::new(Order { sources: vec![source], ..bench.order() });
    let watch = Recorder::default().watch();
    let frozen = freeze(&order, &watch).await.unwrap();
    store.put(&"small".into(), Bytes::from_static(b"newer")).await.unwrap();
    store.put(&"large".into(), Bytes::from(noise(2, 700_000))).await.unwrap();
    store.delete(&"gone".into()).await.unwrap();
    let package = pack(&order, &frozen, None, &watch).await.unwrap();
    let bag = bench.restore();
    validate_with_bagit_py(&bag);
    assert_eq!(fs::read(bag.join("data/bucket/small")).unwrap(), b"newer");
    assert!(fs::read(bag.join("data/bucket/large")).unwrap() == noise(2, 700_000));
    let contents = &package.manifest.contents;
    assert_eq!((contents.changed, contents.torn, contents.vanished), (2, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_returned_to_a_bucket_cut_in_the_middle_with_its_spool_in_a_bucket_too() {
    let moto = Moto::start();
    let store = Arc::new(moto.bucket("returns").await);
    let own = Arc::new(moto.bucket("own").await);
    let bench = Bench::new();
    // Parts beyond one piece of a multipart upload, which compression cannot shrink.
    write(&bench.source(), "large", noise(4, 40_000_000));
    for number in 0..50 {
        write(&bench.source(), format!("small/{number}"), noise(number, 30_000));
    }
    let order = Arc::new(Order {
        destination: Place { store: store.clone(), folder: "acme/return-1".into() },
        spool: Place { store: own, folder: "spool/1".into() },
        part_bytes: 12 * 1024 * 1024,
        format: Format::BagitTar,
        ..bench.order()
    });
    let recorder = Recorder::refusing_after(2);
    let frozen = freeze(&order, &recorder.watch()).await.unwrap();
    pack(&order, &frozen, None, &recorder.watch()).await.unwrap_err();
    let watch = Recorder::default().watch();
    let package =
        pack(&order, &frozen, recorder.last(), &watch).await.unwrap_or_else(|error| panic!("{}", why(&error)));
    verify(&order, &package, &watch).await.unwrap();
    verify_deeply(&order, &package, bench.identity.clone(), &watch).await.unwrap();
    assert!(package.manifest.parts[0].version.as_deref().unwrap().ends_with("-2"));

    let download = bench.path("download");
    fs::create_dir(&download).unwrap();
    for entry in entries(&store, "acme/return-1").await {
        let bytes = store.open(&entry.path, Span::All).await.unwrap().body.into_bytes(1 << 30).await.unwrap();
        fs::write(download.join(std::str::from_utf8(entry.path.file_name()).unwrap()), bytes).unwrap();
    }
    let bag = bench.restore_from(&download);
    validate_with_bagit_py(&bag);
    assert_same_files(&bench.source(), &bag, "files");

    clear_packages(store.as_ref(), &order.destination.folder, &Packages::called("return"), |_| true).await.unwrap();
    assert!(entries(&store, "").await.is_empty());
}
