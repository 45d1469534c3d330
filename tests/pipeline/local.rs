//! The local adapter by itself.

use std::{fs, os::unix::fs::symlink, sync::Arc};

use bytes::Bytes;
use futures_util::TryStreamExt;
use gangway::{
    adapters::local_files::{LocalFiles, Mounts},
    ports::storage::{EntryKind, FaultKind, Listed, ObjectPath, ObjectSource, ObjectStore, Span, probe},
};

use crate::support::tree::{noise, write};

async fn listing(store: &LocalFiles, folder: &str) -> Vec<(EntryKind, String)> {
    let pages: Vec<Vec<Listed>> = store.list(&folder.into()).try_collect().await.unwrap();
    let listed = pages.into_iter().flatten().map(|listed| match listed {
        Listed::Entry(entry) => (entry.kind, entry.path.to_text().into_owned()),
        Listed::Unreadable { path, fault, .. } => panic!("{path}: {fault}"),
    });
    listed.collect()
}

#[tokio::test]
async fn a_tree_lists_in_one_order_files_before_folders() {
    let temp = tempfile::tempdir().unwrap();
    for name in ["z", "b/2", "b/1", "a/x/y", "a/w", "a-", "A"] {
        write(temp.path(), name, "");
    }
    symlink("z", temp.path().join("link")).unwrap();
    let store = LocalFiles::open(temp.path(), Mounts::Stay).unwrap();
    let names: Vec<String> = listing(&store, "").await.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["A", "a-", "link", "z", "a", "a/w", "a/x", "a/x/y", "b", "b/1", "b/2"]);
    let below: Vec<String> = listing(&store, "a").await.into_iter().map(|(_, name)| name).collect();
    assert_eq!(below, ["a/w", "a/x", "a/x/y"]);
}

/// Names that sort oddly: beginnings of each other, control characters, bytes that are no text.
fn odd_names() -> Vec<Vec<u8>> {
    let beginnings: [&[u8]; 8] = [b"a", b"a\n", b"a-", b"aa", b"\x01", b"caf\xE9", b"\xff\xfe", "日本".as_bytes()];
    let all = (0..40_u8).flat_map(|number| beginnings.map(|name| [name, &[b'0' + number]].concat()));
    all.chain(beginnings.map(<[u8]>::to_vec)).collect()
}

#[tokio::test]
async fn a_folder_of_any_number_of_names_lists_the_same_whatever_is_held_at_a_time() {
    let temp = tempfile::tempdir().unwrap();
    for name in odd_names() {
        write(temp.path(), &name, "");
        write(temp.path(), [b"d", name.as_slice(), b"/", name.as_slice()].concat(), "");
        write(temp.path(), [b"d", name.as_slice(), b"/below/x"].concat(), "");
    }
    let store = LocalFiles::open(temp.path(), Mounts::Stay).unwrap();
    let whole = listing(&store, "").await;
    assert_eq!(whole.len(), 328 * 5);
    let mut files: Vec<_> = odd_names();
    files.sort();
    let files: Vec<_> = files.into_iter().map(|name| ObjectPath::from_bytes(name).to_text().into_owned()).collect();
    assert!(whole[..328].iter().map(|(_, name)| name).eq(&files), "by their bytes");
    for names_bytes in [1, 100, 3_000, 30_000] {
        assert_eq!(listing(&store.clone().holding(names_bytes), "").await, whole, "{names_bytes} bytes of names");
    }
}

#[tokio::test]
async fn no_verb_leaves_the_root() {
    let temp = tempfile::tempdir().unwrap();
    write(temp.path(), "outside", "secret");
    let store = LocalFiles::create(&temp.path().join("root")).unwrap();
    symlink("../outside", temp.path().join("root/link")).unwrap();
    symlink("..", temp.path().join("root/up")).unwrap();
    for path in ["../outside", "link", "up/outside", "/etc/passwd", "a/../../outside", "./x", "a//b", "."] {
        let path = ObjectPath::from(path);
        let kinds = [
            store.open(&path, Span::All).await.err().map(|fault| fault.kind),
            store.stat(&path).await.err().map(|fault| fault.kind),
        ];
        for kind in kinds {
            assert!(matches!(kind, Some(FaultKind::Forbidden)), "{path}: {kind:?}");
        }
        if path.as_bytes() != b"link" {
            let kind = store.put(&path, Bytes::from_static(b"x")).await.unwrap_err().kind;
            assert!(matches!(kind, FaultKind::Forbidden | FaultKind::NotFound), "{path}: {kind}");
            let kind = store.delete(&path).await.err().map(|fault| fault.kind);
            assert!(matches!(kind, None | Some(FaultKind::Forbidden)), "{path}: {kind:?}");
        }
    }
    // Writing over a link replaces the link and not what it points to.
    store.put(&"link".into(), Bytes::from_static(b"new")).await.unwrap();
    assert_eq!(fs::read(temp.path().join("outside")).unwrap(), b"secret");
    assert_eq!(fs::read(temp.path().join("root/link")).unwrap(), b"new");
    assert!(store.list(&"up".into()).try_next().await.is_err());
}

#[tokio::test]
async fn a_file_shows_only_when_it_is_finished() {
    let temp = tempfile::tempdir().unwrap();
    let store = LocalFiles::open(temp.path(), Mounts::Cross).unwrap();
    let path = ObjectPath::from("deep/down/file");
    let mut upload = store.begin(&path).await.unwrap();
    upload.write(Bytes::from_static(b"half ")).await.unwrap();
    assert_eq!(store.stat(&path).await.unwrap_err().kind, FaultKind::NotFound);
    upload.write(Bytes::from_static(b"whole")).await.unwrap();
    let stored = upload.finish().await.unwrap();
    assert_eq!(stored.size, 10);
    assert_eq!(fs::read(temp.path().join("deep/down/file")).unwrap(), b"half whole");

    let upload = store.begin(&path).await.unwrap();
    upload.abandon().await;
    drop(store.begin(&path).await.unwrap());
    assert_eq!(fs::read_dir(temp.path().join("deep/down")).unwrap().count(), 1);

    let mut left = store.begin(&path).await.unwrap();
    left.write(Bytes::from_static(b"x")).await.unwrap();
    std::mem::forget(left);
    assert_eq!(store.sweep(&"deep/down".into(), Arc::new(|_| true)).await.unwrap(), 1);
    assert_eq!(store.sweep(&"never made".into(), Arc::new(|_| true)).await.unwrap(), 0);
    assert_eq!(fs::read(temp.path().join("deep/down/file")).unwrap(), b"half whole");
}

#[tokio::test]
async fn spans_give_the_bytes_they_name() {
    let temp = tempfile::tempdir().unwrap();
    let content = noise(1, 600_000);
    write(temp.path(), "file", &content);
    let store = LocalFiles::open(temp.path(), Mounts::Stay).unwrap();
    for (span, expected) in [
        (Span::All, &content[..]),
        (Span::From(599_999), &content[599_999..]),
        (Span::From(600_000), &[]),
        (Span::Part(10..300_000), &content[10..300_000]),
        (Span::Part(599_990..700_000), &content[599_990..]),
        (Span::Part(5..5), &[]),
    ] {
        let opened = store.open(&"file".into(), span.clone()).await.unwrap();
        assert_eq!(opened.facts.size, 600_000);
        let bytes = opened.body.into_bytes(1_000_000).await.unwrap();
        assert!(bytes == expected, "{span:?}");
    }
}

#[tokio::test]
async fn what_is_no_file_is_not_opened() {
    let temp = tempfile::tempdir().unwrap();
    fs::create_dir(temp.path().join("folder")).unwrap();
    let pipe = temp.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
    let store = LocalFiles::open(temp.path(), Mounts::Stay).unwrap();
    for name in ["folder", "pipe"] {
        assert_eq!(store.stat(&name.into()).await.unwrap_err().kind, FaultKind::Unsupported, "{name}");
    }
    assert_eq!(store.stat(&"nothing".into()).await.unwrap_err().kind, FaultKind::NotFound);
    store.delete(&"nothing".into()).await.unwrap();
    store.delete(&"no/folder/either".into()).await.unwrap();
}

#[tokio::test]
async fn the_write_test_leaves_nothing_and_tells_the_room() {
    let temp = tempfile::tempdir().unwrap();
    let store = LocalFiles::open(temp.path(), Mounts::Cross).unwrap();
    let probed = probe(&store, &"in".into(), "probe-1").await.unwrap();
    assert!(probed.free_bytes.unwrap() > 0);
    assert_eq!(fs::read_dir(temp.path().join("in")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_tree_deeper_than_any_path_lists_and_opens() {
    let temp = tempfile::tempdir().unwrap();
    let name = "d".repeat(250);
    let mut at = rustix::fs::open(temp.path(), rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    for _ in 0..40 {
        rustix::fs::mkdirat(&at, &name, rustix::fs::Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, &name, rustix::fs::OFlags::DIRECTORY, rustix::fs::Mode::empty()).unwrap();
    }
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    let file = rustix::fs::openat(&at, "bottom", flags, rustix::fs::Mode::RUSR).unwrap();
    rustix::io::write(&file, b"here").unwrap();
    let store = LocalFiles::open(temp.path(), Mounts::Stay).unwrap();
    let (kind, path) = listing(&store, "").await.pop().unwrap();
    assert_eq!(kind, EntryKind::File);
    assert!(path.len() > 10_000);
    let opened = store.open(&path.as_str().into(), Span::All).await.unwrap();
    assert_eq!(opened.body.into_bytes(10).await.unwrap(), "here");
}
