//! How the S3 adapter takes a store that is slow, breaks, refuses and lies.

use std::time::{Duration, Instant};

use axum::http::Method;
use bytes::Bytes;
use gangway::ports::storage::{FaultKind, ObjectSource, ObjectStore, Span};

use crate::support::{
    scripted::{Scripted, answer, broken_off, refusal},
    tree::noise,
};

const HEAD: [(&str, &str); 2] = [("content-length", "7"), ("etag", "\"v1\"")];

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_store_is_asked_again_and_not_at_once() {
    let mut left = 2;
    let (server, store) = Scripted::start(move |_| {
        if left > 0 {
            left -= 1;
            return refusal(503, "SlowDown");
        }
        answer(200, &HEAD, "")
    })
    .await;
    let begun = Instant::now();
    assert_eq!(store.stat(&"x".into()).await.unwrap().size, 7);
    assert!(begun.elapsed() >= Duration::from_millis(250), "{:?}", begun.elapsed());
    assert_eq!(server.asked().len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stays_broken_is_given_up_and_a_refusal_is_not_repeated() {
    let (server, store) = Scripted::start(|_| refusal(500, "InternalError")).await;
    let fault = store.stat(&"x".into()).await.unwrap_err();
    assert_eq!((fault.kind, server.asked().len()), (FaultKind::Transient, 5));
    for (status, code, kind) in [
        (403, "AccessDenied", FaultKind::Forbidden),
        (403, "InvalidAccessKeyId", FaultKind::Auth),
        (404, "NoSuchKey", FaultKind::NotFound),
        (400, "InvalidArgument", FaultKind::Permanent),
        (301, "PermanentRedirect", FaultKind::Permanent),
    ] {
        let (server, store) = Scripted::start(move |_| refusal(status, code)).await;
        let Err(fault) = store.open(&"x".into(), Span::All).await else { panic!("{code}") };
        assert_eq!((fault.kind, server.asked().len()), (kind, 1), "{code}");
        assert_eq!(fault.detail, format!("HTTP {status} {code}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_download_goes_on_where_it_broke_in_the_same_state() {
    let content = noise(1, 100_000);
    let (whole, mut count) = (content.clone(), 0);
    let (server, store) = Scripted::start(move |_| {
        count += 1;
        match count {
            1 => answer(200, &[("content-length", "100000"), ("etag", "\"v1\"")], broken_off(whole[..40_000].to_vec())),
            2 => refusal(503, "SlowDown"),
            _ => answer(
                206,
                &[("content-range", "bytes 40000-99999/100000"), ("etag", "\"v1\"")],
                whole[40_000..].to_vec(),
            ),
        }
    })
    .await;
    let opened = store.open(&"x".into(), Span::All).await.unwrap();
    assert!(opened.body.into_bytes(200_000).await.unwrap() == content);
    let last = server.asked().pop().unwrap();
    assert_eq!((last.header("range"), last.header("if-match")), ("bytes=40000-99999", "\"v1\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_does_not_go_on_with_another_state() {
    let mut count = 0;
    let (_, store) = Scripted::start(move |_| {
        count += 1;
        match count {
            1 => answer(200, &[("content-length", "100000"), ("etag", "\"v1\"")], broken_off(noise(1, 40_000))),
            _ => refusal(412, "PreconditionFailed"),
        }
    })
    .await;
    let opened = store.open(&"x".into(), Span::All).await.unwrap();
    let fault = opened.body.into_bytes(200_000).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Conflict);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_without_ranges_or_with_wrong_ones_is_told_apart() {
    let (_, store) = Scripted::start(|_| answer(200, &HEAD, "content")).await;
    let Err(fault) = store.open(&"x".into(), Span::From(3)).await else { panic!("took it") };
    assert_eq!(fault.kind, FaultKind::Unsupported);
    let other = [("content-range", "bytes 0-3/7"), ("etag", "\"v1\"")];
    let (_, store) = Scripted::start(move |_| answer(206, &other, "cont")).await;
    let Err(fault) = store.open(&"x".into(), Span::From(3)).await else { panic!("took it") };
    assert_eq!(fault.kind, FaultKind::Lied);
}

/// How a scripted store answers when it is asked to put the pieces together, by the number of the try.
type Completing = fn(u32) -> Option<axum::http::Response<axum::body::Body>>;

async fn upload(size_told: &'static str, completing: Completing) -> (Scripted, Result<u64, FaultKind>) {
    let mut tries = 0;
    let (server, store) = Scripted::start(move |asked| {
        let is_create = asked.query.contains("uploads=");
        match asked.method {
            Method::POST if is_create => answer(
                200,
                &[],
                "<InitiateMultipartUploadResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                 <Bucket>b</Bucket><Key>k</Key><UploadId>id-1</UploadId></InitiateMultipartUploadResult>",
            ),
            Method::POST => {
                tries += 1;
                completing(tries).unwrap_or_else(|| {
                    answer(
                        200,
                        &[],
                        "<CompleteMultipartUploadResult><ETag>\"e-2\"</ETag></CompleteMultipartUploadResult>",
                    )
                })
            }
            Method::PUT => answer(200, &[("etag", "\"piece\"")], ""),
            _ => answer(200, &[("content-length", size_told), ("etag", "\"e-2\"")], ""),
        }
    })
    .await;
    let mut upload = store.begin(&"x".into()).await.unwrap();
    upload.write(Bytes::from(noise(1, 9_000_000))).await.unwrap();
    upload.write(Bytes::from_static(b"end")).await.unwrap();
    let stored = upload.finish().await;
    (server, stored.map(|stored| stored.size).map_err(|fault| fault.kind))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_inside_a_200_is_not_taken_for_success() {
    let (server, stored) = upload("9000003", |tries| (tries == 1).then(|| refusal(200, "InternalError"))).await;
    assert_eq!(stored, Ok(9_000_003));
    let pieces: Vec<usize> =
        server.asked().iter().filter(|asked| asked.method == Method::PUT).map(|asked| asked.size).collect();
    assert_eq!(pieces, [9_000_000, 3]);
    let (_, stored) = upload("9000003", |_| Some(refusal(200, "AccessDenied"))).await;
    assert!(stored.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_the_last_call_is_settled_by_a_look() {
    let (_, stored) = upload("9000003", |tries| match tries {
        1 => Some(answer(200, &[("content-length", "500")], broken_off(b"<Comp".to_vec()))),
        _ => Some(refusal(404, "NoSuchUpload")),
    })
    .await;
    assert_eq!(stored, Ok(9_000_003));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_kept_less_than_it_took_is_called_a_liar() {
    let (_, stored) = upload("9000000", |_| None).await;
    assert_eq!(stored, Err(FaultKind::Lied));
}
